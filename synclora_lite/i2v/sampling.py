"""A clip from a loaded model: `core.sample` with the model's own noise levels and positions."""

from jaxtyping import Float
from torch import Tensor

from synclora_lite.core import Layout, inference_sigmas, sample
from synclora_lite.i2v.model import I2VModel, Latents


def denoise(
    model: I2VModel,
    first_frame: Float[Tensor, "batch channels 1 height width"],
    noise: Latents,
    *,
    steps: int = 20,
    reference: Latents | None = None,
    reference_offset: int = 0,
    layout: Layout = "reference-self",
    guidance: float = 1.0,
) -> Latents:
    """Generate latents of the size of `noise` whose first frame is given; see `core.sample`.

    Args:
        model: The model, with its adapter if there is a reference.
        first_frame: Normalised latents of the (edited) first frame.
        noise: Gaussian noise.
        steps: Euler steps.
        reference: Normalised latents of the source clip.
        reference_offset: Latent columns between target and reference; 0 shares the positions.
        layout: What the reference may attend to; as the adapter was trained.
        guidance: Weight s of pred + s (pred_ref - pred).

    """
    sigmas = inference_sigmas(model.scheduler, steps, noise[0, 0].numel())
    conditioning = model.conditioning(noise.shape[2:], reference, reference_offset, layout)
    return sample(model.transformer, first_frame, noise, sigmas, conditioning, guidance=guidance)

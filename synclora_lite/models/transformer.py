"""The lite model's transformer: LTX-Video's, except that it predicts the clean clip.

Its latents are as wide as the network (512 numbers), most of a noisy one is noise, and noise is
hard to carry through a narrow network and of no use. So the network says what the clean latent
x_0 is, and the velocity that the flow needs follows from it:

    x_t = (1 - sigma) x_0 + sigma noise   =>   v = noise - x_0 = (x_t - x_0) / sigma

Li and He 2025, "Back to basics: let denoising generative models denoise" (arXiv 2511.13720).
"""

from typing import Any

from diffusers import LTXVideoTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor

from synclora_lite.core.block import to_velocity
from synclora_lite.core.flow import TIMESTEPS


class CleanLTXTransformer(LTXVideoTransformer3DModel):
    """`LTXVideoTransformer3DModel` that predicts clean latents and answers with the velocity.

    `core.predict_velocity` asks for `prediction_type`; stock pipelines call `forward`.
    """

    prediction_type = "sample"

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        timestep: Tensor,
        *args: Any,
        return_dict: bool = True,
        **options: Any,
    ) -> Transformer2DModelOutput | tuple[Tensor]:
        """Return the velocity, as the stock class does."""
        (clean,) = super().forward(
            hidden_states, encoder_hidden_states, timestep, *args, return_dict=False, **options
        )
        sigmas = (timestep / TIMESTEPS).reshape(len(hidden_states), -1, 1)
        velocity = to_velocity(hidden_states, clean, sigmas)
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)

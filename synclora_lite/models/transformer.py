"""The lite model's transformer: LTX-Video's, with inputs and outputs of even size.

Its latents are principal components: uncorrelated, and of very different size. So what a linear
filter knows of the clean latent is not left to the network, and what it sees and says is scaled to
a deviation of one, channel by channel; see `preconditioning`.
"""

import functools
from typing import Any

import torch
from diffusers import LTXVideoTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from jaxtyping import Float
from torch import Tensor

from synclora_lite.core.flow import TIMESTEPS

Factor = Float[Tensor, "batch tokens channels"]


class PreconditionedLTXTransformer(LTXVideoTransformer3DModel):
    """The stock class between the factors of `preconditioning`."""

    latent_deviation: Tensor

    @functools.wraps(LTXVideoTransformer3DModel.__init__)  # type: ignore[misc]  # for diffusers
    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.register_buffer("latent_deviation", torch.ones(self.config.in_channels))

    def preconditioning(
        self, sigmas: Float[Tensor, "batch tokens 1"]
    ) -> tuple[Factor, Factor, Factor]:
        """Return c_in, c_skip and c_out of  v = c_skip x_t + c_out network(c_in x_t).

        For uncorrelated channels of deviation s the best linear guess of the clean latent is
        x_0 = (1 - sigma) s^2 / D x_t  with  D = (1 - sigma)^2 s^2 + sigma^2, and what it leaves
        open has the deviation sigma s / sqrt(D). The network sees inputs of deviation 1 and
        predicts what is open, in units of that; v = (x_t - x_0) / sigma gives the factors. After
        Karras et al. 2022 (arXiv 2206.00364), here for rectified flow and channel by channel.
        """
        variance = self.latent_deviation.float() ** 2
        total = (1 - sigmas) ** 2 * variance + sigmas**2  # D
        c_skip = (sigmas - (1 - sigmas) * variance) / total
        return total.rsqrt(), c_skip, -self.latent_deviation.float() * total.rsqrt()

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
        sigmas = (timestep / TIMESTEPS).reshape(len(hidden_states), -1, 1)
        c_in, c_skip, c_out = self.preconditioning(sigmas)
        given = (c_in * hidden_states).to(hidden_states.dtype)
        (out,) = super().forward(
            given, encoder_hidden_states, timestep, *args, return_dict=False, **options
        )
        velocity = (c_skip * hidden_states + c_out * out).to(hidden_states.dtype)
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)

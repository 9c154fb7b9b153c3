"""The lite model's transformer: LTX-Video's, with inputs and outputs of even size.

Its latents are principal components: uncorrelated, and of very different size. So what a linear
filter knows of the clean latent is not left to the network, and what it sees and says is scaled to
a deviation of one, channel by channel; see `core.preconditioning`.
"""

import functools
from typing import Any

import torch
from diffusers import LTXVideoTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor

from synclora_lite.core.block import preconditioning
from synclora_lite.core.flow import TIMESTEPS


class PreconditionedLTXTransformer(LTXVideoTransformer3DModel):
    """`LTXVideoTransformer3DModel` between the factors of `core.preconditioning`.

    `core.predict_velocity` looks for `latent_deviation`; stock pipelines call `forward`.
    """

    latent_deviation: Tensor

    @functools.wraps(LTXVideoTransformer3DModel.__init__)  # diffusers reads the signature
    def __init__(self, *args: Any, **config: Any) -> None:
        super().__init__(*args, **config)
        self.register_buffer("latent_deviation", torch.ones(self.config.in_channels))

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
        c_in, c_skip, c_out = preconditioning(self.latent_deviation, sigmas)
        given = (c_in * hidden_states).to(hidden_states.dtype)
        (out,) = super().forward(
            given, encoder_hidden_states, timestep, *args, return_dict=False, **options
        )
        velocity = (c_skip * hidden_states + c_out * out).to(hidden_states.dtype)
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)

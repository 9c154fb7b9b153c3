"""Frozen weights in less memory: in 8 bits, or in main memory but for the block at work."""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int8
from torch import Tensor
from torch.func import functional_call


class Int8Linear(torch.nn.Linear):
    """A frozen linear layer in 8 bits, with one scale for each row of its weights.

    It multiplies in the format of its input; neither pass keeps more than the 8 bits.
    """

    def __init__(self, layer: torch.nn.Linear) -> None:
        biased = layer.bias is not None
        super().__init__(layer.in_features, layer.out_features, bias=biased, device="meta")
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
        codes = (weight / scale).round().to(torch.int8)
        self.weight = torch.nn.Parameter(codes, requires_grad=False)
        self.scale = torch.nn.Parameter(scale, requires_grad=False)
        self.bias = layer.bias

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        """Return x W^T + b."""
        product: Tensor = _Product.apply(x, self.weight, self.scale)
        return product if self.bias is None else product + self.bias.to(x.dtype)


class _Product(torch.autograd.Function):
    """x W^T, with W = codes times scale made anew in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*batch inputs"],
        codes: Int8[Tensor, "outputs inputs"],
        scale: Float[Tensor, "outputs 1"],
    ) -> Tensor:
        ctx.save_for_backward(codes, scale)
        return x @ (codes.to(x.dtype) * scale.to(x.dtype)).T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (codes, scale), (gradient,) = ctx.saved_tensors, gradients
        return gradient @ (codes.to(gradient.dtype) * scale.to(gradient.dtype)), None, None


def quantise_blocks(transformer: Any) -> None:
    """Exchange every linear layer of the blocks for one in 8 bits."""
    for block in transformer.transformer_blocks:
        for name, layer in list(block.named_modules()):
            if type(layer) is torch.nn.Linear:
                parent, _, last = name.rpartition(".")
                setattr(block.get_submodule(parent), last, Int8Linear(layer))


def place(transformer: Any, device: torch.device, *, stream: bool = False) -> None:
    """Bring a transformer to a device, or all but the frozen weights of its blocks.

    Those wait in main memory then, and a copy lives on the device while a block computes: with
    checkpointing once forward and once backward, so that one block is there at a time.
    """
    if not stream:
        transformer.to(device)
        return
    blocks, transformer.transformer_blocks = transformer.transformer_blocks, torch.nn.ModuleList()
    transformer.to(device)
    transformer.transformer_blocks = blocks
    for block in blocks:
        for module in block.modules():
            own = list(module.parameters())
            if own and all(parameter.requires_grad for parameter in own):
                module.to(device)  # the adapter
        block.forward = partial(_streamed, block, device)


def _streamed(block: torch.nn.Module, device: torch.device, *args: Any, **kwargs: Any) -> Any:
    """Run a block with copies of its frozen weights on the device; autograd keeps what it needs."""
    whole = torch.nn.Module()
    whole.block = block
    whole.forward = partial(type(block).forward, block)
    frozen = {
        f"block.{name}": parameter.to(device, non_blocking=True)
        for name, parameter in block.named_parameters()
        if not parameter.requires_grad
    }
    return functional_call(whole, frozen, args, kwargs)

"""Peak memory and operations of a computation on the meta device, where nothing is computed."""

import weakref
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

QKV = ("query", "key", "value")  # of attention, by position or by name


def peak_memory(run: Callable[[], object], device: str = "meta") -> float:
    """Return the most bytes that buffers made by `run` on a device hold at any one time.

    Attention and normalisation count as the fused kernels of a GPU: the matrix of attention
    weights is never held, and a norm keeps its input and one number per token.
    """
    with _FusedKernels(), _Allocations(device) as allocations:
        run()
    return float(allocations.peak)


def count_operations(run: Callable[[], object]) -> float:
    """Return the floating-point operations of the matrix products and attentions in `run`.

    Attention runs as plain products meanwhile: the fused kernel of a CPU would count as nothing.
    """
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


class _Allocations(TorchDispatchMode):
    """Adds every new buffer, and takes it away when the last tensor on it is gone."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.live = self.peak = 0
        self.seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        known = {id(storage) for storage in self._storages((args, kwargs))}
        result = func(*args, **(kwargs or {}))
        for storage in self._storages(result):
            if id(storage) not in known and storage not in self.seen:
                self.seen.add(storage)
                self._change(storage.nbytes())
                weakref.finalize(storage, self._change, -storage.nbytes())
        return result

    def _storages(self, tree: object) -> list[torch.UntypedStorage]:
        leaves = [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
        return [x.untyped_storage() for x in leaves if x.device.type == self.device]

    def _change(self, size: int) -> None:
        self.live += size
        self.peak = max(self.peak, self.live)


class _FusedKernels(TorchFunctionMode):
    """Has attention and norms allocate what a GPU's kernels do, in passes backward as well."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return _Fused.apply(*args[:3], *(kwargs[n] for n in QKV[len(args) :]))
        if func is F.rms_norm:
            return _Fused.apply(args[0])  # the weight is frozen
        if func is Tensor.backward:
            # A mode is off in all that a function calls, and so where checkpointed blocks are
            # computed again: the engine is started with the mode on.
            run = torch.autograd.Variable._execution_engine.run_backward
            with self:
                return run((args[0],), (torch.ones_like(args[0]),), False, False, (), True, True)
        return func(*args, **kwargs)


class _Fused(torch.autograd.Function):
    """Keeps what a GPU's kernel does: inputs, a number per row and, of attention, the output."""

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        out = torch.empty_like(inputs[0])
        row = inputs[0].new_empty(out.shape[:-1], dtype=torch.float32)
        ctx.save_for_backward(*inputs, row, *((out,) if len(inputs) > 1 else ()))
        ctx.inputs = len(inputs)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(x) for x in ctx.saved_tensors[: ctx.inputs])

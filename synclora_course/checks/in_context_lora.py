"""Checks of chapter 5: adapters put in, one sequence, who attends to whom, the source's model."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor, nn

from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import Hint
from synclora_course.tiny_ltx import tiny_model
from synclora_lite import core
from synclora_lite.viz import Picture, figure, style

Function = Callable[..., Any]
Mask = Bool[Tensor, "queries keys"]
SIZE = 3, 2, 2  # latent frames, rows and columns of the clips of exercise 5.4


class _Small(nn.Module):
    """A network with layers whose names end alike."""

    def __init__(self) -> None:
        super().__init__()
        layers = {name: nn.Linear(6, 6) for name in ("to_q", "into_q", "to_k")}
        self.attn1, self.attn2 = nn.ModuleDict(layers), nn.ModuleDict({"to_q": nn.Linear(6, 6)})
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (*self.attn1.values(), *self.attn2.values()):
            x = x + torch.tanh(layer(self.norm(x)))
        return x


@check("5.1")
def check_inject(report: Report, inject: Function) -> None:
    """Exercise 5.1: adapters on the layers that are named, and nothing else trained."""
    for endings, wanted in (
        (["attn1.to_q"], {"attn1.to_q"}),
        (["to_q", "to_k"], {"attn1.to_q", "attn1.to_k", "attn2.to_q"}),
    ):
        model, x = _Small(), torch.randn(3, 6, generator=report.generator)
        before, layers = model(x), dict(model.named_modules())
        got = report.call(inject, model, endings, 2, report.generator)
        listed = isinstance(got, list) and all(isinstance(p, nn.Parameter) for p in got)
        report.expect(listed, "", "return the list of the factors: `adapted.lora_A.weight` ...")
        changed = {n for n in layers if n and model.get_submodule(n) is not layers[n]}
        _compare_layers(report, changed, wanted, endings)
        trained = {id(p) for p in got}
        frozen = (
            "something besides the factors is trained",
            "which parameters of the model require a gradient after your function?",
            "model.requires_grad_(False) first, before the new layers are made",
        )
        factors = {n: p for n, p in model.named_parameters() if "lora_" in n}
        left = ", ".join(n for n, p in factors.items() if id(p) not in trained)
        part = (
            f"missing from the list that is returned: {left}",
            "both factors of each layer are trained: which of them are in the list?",
            "trained += [adapted.lora_A.weight, adapted.lora_B.weight]",
        )
        report.expect(not left, "A and B of every layer are returned", part)
        hint = "the list that is returned holds something besides A and B"
        report.expect(len(trained) == len(factors), "", hint)
        free = {id(p) for p in model.parameters() if p.requires_grad}
        report.expect(free <= trained, "nothing else requires a gradient", frozen)
        still = (
            "the factors are frozen as well",
            "does freezing come before or after the new layers are made?",
            "model.requires_grad_(False) at the start, not at the end",
        )
        report.expect(free == trained, "the factors require a gradient", still)
        report.close(model(x), before, "the model answers as before", "B starts at zero")
    passed_on = (
        "`generator` is not passed on to LoRALinear: A comes from torch's global random state",
        "what does LoRALinear take after the rank?",
        "LoRALinear(layer, rank, generator)",
    )
    one, other = (
        report.call(inject, _Small(), ["to_q"], 2, torch.Generator().manual_seed(7))
        for _ in range(2)
    )
    alike = all(torch.equal(p, q) for p, q in zip(one, other, strict=True))
    report.expect(alike, "equal generators give equal factors", passed_on)


def _compare_layers(
    report: Report, changed: set[str], wanted: set[str], endings: list[str]
) -> None:
    """Name the layers that were adapted by mistake, or missed."""
    extra, missing = sorted(changed - wanted), sorted(wanted - changed)
    words = (
        f"{', '.join(extra)} was exchanged too",
        "is the ending a whole word of the name?",
        'compare f".{name}" with f".{ending}"',
    )
    report.expect(not extra, f"only layers that end in {', '.join(endings)} are exchanged", words)
    nested = (
        f"{', '.join(missing)} is as it was",
        "is the new layer put in its parent's place?",
        'parent, _, last = name.rpartition("."); setattr(model.get_submodule(parent), last, ...)',
    )
    report.expect(not missing, f"all layers that end in {', '.join(endings)} are exchanged", nested)


@check("5.2")
def check_with_reference(report: Report, with_reference: Function) -> None:
    """Exercise 5.2: tokens, levels and places of reference and target."""
    g, frames, height, width = report.generator, 2, 2, 3
    tokens = torch.randn(2, 12, 4, generator=g)
    reference = torch.randn(2, 4, frames, height, width, generator=g)
    sigmas = 0.1 + 0.8 * torch.rand(2, 1, generator=g).repeat(1, 12)
    sigmas[:, :6] = 0
    places = 50 * torch.rand(3, 12, generator=g)
    clean = core.pack(reference)
    report.aids["Sizes of tensors must match"] = (
        "make tokens of the reference with `pack`, and join along the axis of the tokens"
    )
    by_hand, zeros = reference.reshape(2, 12, 4), torch.zeros(2, 12)
    first = "the reference comes first, the target after it"
    got = report.call(with_reference, tokens, sigmas, places, reference)
    report.parts(got, 3, "return three tensors: tokens, levels, coordinates")
    mistakes: dict[Hint, Tensor] = {
        first: torch.cat([tokens, clean], 1),
        "pack makes tokens frame by frame: do not flatten by yourself": torch.cat(
            [by_hand, tokens], 1
        ),
    }
    both, what = torch.cat([clean, tokens], 1), "the reference's tokens, then the target's"
    hint = "join pack(reference) and tokens along axis 1"
    report.close(got[0], both, what, hint, mistakes=mistakes)
    mistakes = {
        (
            "did you give the reference the target's noise levels?",
            "is the reference noisy?",
            "its levels are zeros, one for each of its tokens",
        ): torch.cat([sigmas, sigmas], 1),
        first: torch.cat([sigmas, zeros], 1),
        "all are clean now: the target keeps its own levels": torch.cat([zeros, zeros], 1),
    }
    hint = "zeros for the reference, then the target's levels"
    report.close(got[1], torch.cat([zeros, sigmas], 1), "levels", hint, mistakes=mistakes)
    beside = places + torch.tensor([[0.0], [0.0], [96.0]])
    mistakes = {"the reference lies on the target, not beside it": torch.cat([beside, places], 1)}
    hint = "the target's own coordinates twice, joined along the axis of the tokens"
    report.close(got[2], torch.cat([places, places], 1), "coordinates", hint, mistakes=mistakes)


@check("5.3")
def check_attend_with_reference(report: Report, attend_with_reference: Function) -> None:
    """Exercise 5.3: attention in the layout reference-self."""
    g, r, tokens = report.generator, 3, 8
    q, k, v = (torch.randn(2, 2, tokens, 4, generator=g) for _ in range(3))
    allowed = core.attention_mask(r, tokens - r, "reference-self")

    def masked(mask: Mask) -> Tensor:
        scores = (q @ k.transpose(-1, -2) / 2).masked_fill(~mask, -torch.inf)
        return scores.softmax(-1) @ v

    got = report.call(attend_with_reference, q, k, v, r)
    hint = "one row for each query: join the reference's answers and the target's on axis 2"
    report.shape(got, v.shape, "the answers", hint)
    apart = torch.block_diag(torch.ones(r, r), torch.ones(tokens - r, tokens - r)).bool()
    mistakes: dict[Hint, Tensor] = {
        (
            "that is full attention: the reference attends to the target",
            "which keys do the first queries get?",
            "attend(q[:, :, :r], k[:, :, :r], v[:, :, :r]) for the reference",
        ): masked(torch.ones_like(allowed)),
        "the target attends to everything, not to itself only": masked(apart),
        "the other way round: it is the reference that must not see the target": masked(allowed.T),
        "the target's answers come last: join them in the order of the queries": masked(
            allowed
        ).roll(-r, 2),
    }
    report.picture(partial(_draw_masks, attend_with_reference, allowed, r), on_success=True)
    hint = "two calls of attend: the reference's queries with its own keys, the others with all"
    want = masked(allowed)
    for name, part in (
        ("the reference attends to itself", slice(r)),
        ("the target attends to all", slice(r, None)),
    ):
        wrong = {slip: answer[:, :, part] for slip, answer in mistakes.items()}
        report.close(got[:, :, part], want[:, :, part], name, hint, mistakes=wrong)


@check("5.4")
def check_predictor(report: Report, predictor: Function) -> None:
    """Exercise 5.4: velocities of the target, with and without a reference."""
    g, size = report.generator, SIZE
    model = tiny_model(seed=int(report.rng.integers(100)))
    reference = torch.randn(2, 8, *size, generator=g)
    x = torch.randn(2, 12, 8, generator=g)
    level = 0.2 + 0.6 * torch.rand(2, generator=g)
    sigmas = level[:, None].repeat(1, 12)
    sigmas[:, :4] = 0
    place = model.coordinates(*size)
    inner = "`tokens` and `sigmas` belong to the inner function: return it without calling it"
    report.aids |= dict.fromkeys(("name 'tokens'", "name 'sigmas'", "'tokens' and 'sigmas'"), inner)
    report.aids |= {
        "'NoneType' object": "`reference` may be None: then ask about the target's tokens alone",
        "Boolean value of Tensor": "`if reference is None`: a tensor is neither true nor false",
    }
    for source in (None, reference):
        known = model.conditioning(size, source)
        predict = report.call(predictor, model.transformer, model.caption, place, source)
        inner = "return the inner function itself, without calling it"
        report.expect(callable(predict), "it returns a function", inner)
        with torch.no_grad():
            got = report.call(predict, x, sigmas)
        counted = getattr(got, "shape", ()) == (2, 2 * 12 - size[0], 8)
        hint = (
            "`n` counts the reference's latent frames, not its tokens"
            if counted
            else "the answers for the reference are still there",
            "how many tokens did you ask about, how many are the target's?",
            "cut them off: [:, n:], where n counts the reference's tokens",
        )
        report.shape(got, x.shape, "the velocities", hint)
        alone = model.conditioning(size)
        mistakes: dict[Hint, Tensor] = {
            "these are the reference's answers: the target's come after them": _velocity(
                model, x, level, known, of_reference=True
            ),
            (
                "the reference attends to the target",
                "does predict_velocity know how many tokens are the reference?",
                "pass n as its last argument",
            ): _velocity(model, x, level, replace(known, layout="full")),
            "the reference was left out": _velocity(model, x, level, alone),
        }
        what = "without a reference" if source is None else "with a reference"
        slips, want = {} if source is None else mistakes, _velocity(model, x, level, known)
        report.close(got, want, what, mistakes=slips, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def _velocity(
    model: Any, x: Tensor, level: Tensor, known: core.Conditioning, *, of_reference: bool = False
) -> Tensor:
    """Return the package's velocities: of the target, or of the reference before it."""
    sigmas = core.frame_sigmas(level, SIZE[0])
    tokens, places, n = x, known.coordinates, 0
    if known.reference is not None:
        clean = core.pack(known.reference)
        tokens, n = torch.cat([clean, x], 1), clean.shape[1]
        sigmas = torch.cat([torch.zeros_like(sigmas), sigmas], 1)
        places = torch.cat([places, places], 1)
    given = (model.transformer, tokens, sigmas, known.caption, places)
    velocity: Tensor = core.predict_velocity(*given, reference_tokens=n, layout=known.layout)
    return velocity[:, :n] if of_reference else velocity[:, n:]


def _draw_masks(attend_with_reference: Function, want: Mask, reference: int) -> Picture:
    """Draw which queries of a student's function depend on which values, beside what should be."""
    q = k = torch.zeros(1, 1, 8, 8)
    got = attend_with_reference(q, k, torch.eye(8)[None, None], reference)[0, 0] > 0
    with style():
        picture = figure(6.4, 3.2)
        for axes, (title, mask) in zip(
            picture.subplots(1, 2), {"yours": got, "expected": want}.items(), strict=True
        ):
            axes.imshow(np.asarray(mask, dtype=float), vmin=0, vmax=1, cmap="Blues")
            for line in (axes.axhline, axes.axvline):
                line(reference - 0.5, color="#D55E00", linewidth=1.5)
            axes.set(title=title, xlabel="key", ylabel="query", xticks=[], yticks=[])
            axes.grid(visible=False)
        alt = "Your attention mask beside the expected one; lines end the reference."
        return Picture.from_figure(picture, alt)

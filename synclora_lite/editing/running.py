"""What `edit_video` runs: a warp, a model that works in latents, or a full-size pipeline.

Data flows: fit into the model's frame -> domain check -> windows -> scale back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing import baselines
from synclora_lite.editing.domain import check_domain
from synclora_lite.editing.editor import Editor, load_editor
from synclora_lite.editing.fitting import Fit, edit_in_windows
from synclora_lite.editing.methods import Method, find_method, without_model
from synclora_lite.editing.sampling import SAMPLERS, Sampling
from synclora_lite.editing.window import Window
from synclora_lite.errors import EditError
from synclora_lite.models import Coverage
from synclora_lite.models.folders import is_ltx2
from synclora_lite.models.ltx2_sampling import LTX2Request
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "_ _ 3"]

OVERLAP = 5  # frames that neighbouring windows share
DRAWN = 1.15  # a first frame may be edited by hand: ribs on a hat are nothing a renderer draws
WARPS = {
    "copy": baselines.copy,
    "flow-warp": baselines.flow_warp,
    "residual-warp": baselines.residual_warp,
    "bend-warp": baselines.bend_warp,
}


@dataclass(frozen=True)
class Place:
    """What runs, and where.

    Attributes:
        model: A name, a folder, or a loaded `Editor`.
        adapters: NAME or NAME:STRENGTH, the in-context adapter first.
        device: As torch names it.

    """

    model: str | Path | Editor
    adapters: tuple[str, ...]
    device: str

    @property
    def is_ltx2(self) -> bool:
        """Whether the model is of the LTX-2 family; ModelError if there is none."""
        return not isinstance(self.model, Editor) and is_ltx2(self.model)


def editor_for(method: Method, place: Place) -> Editor:
    """Load what the method needs, or take the editor given; EditError if that does not fit."""
    model, adapters = place.model, place.adapters
    if method.adapter and len(adapters) != 1:
        raise EditError(f"{len(adapters)} adapters with this model", "one, or an LTX-2 model")
    if not isinstance(model, Editor):
        return load_editor(model, adapters[0] if method.adapter else None, place.device)
    if method.adapter and model.adapter is None:
        raise EditError(f"an editor without adapter for {method.name}", "one with an adapter")
    return model


def loaded_once(
    method: str = "sync-lora",
    model: str | Path | Editor = "lite",
    adapter: str | Path | Iterable[str | Path] = "lite-adapter",
    device: str = "cpu",
    **_: object,
) -> str | Path | Editor:
    """Return what to pass on as `model` to many edits, so that it is loaded once."""
    chosen = find_method(method)
    place = Place(model, adapter_names(adapter), device)
    if not chosen.model or isinstance(model, Editor) or place.is_ltx2:
        return model
    return editor_for(chosen, place)


def adapter_names(adapter: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Return one adapter or several as a tuple of names."""
    return (str(adapter),) if isinstance(adapter, str | Path) else tuple(map(str, adapter))


def run_ltx2(
    place: Place,
    method: Method,
    source: Clip,
    first_frame: Image,
    how: Sampling,
    ltx2: LTX2Request,
) -> tuple[Frames, dict[str, Any], dict[str, str]]:
    """Edit with an LTX-2 model; its pipeline takes seconds to import, so only when it is used.

    Args:
        place: Model, adapters and device.
        method: "sync-lora" or "i2v".
        source: The clip.
        first_frame: Its first frame, edited.
        how: Must ask for nothing that is for other models.
        ltx2: What is for these alone.

    """
    from synclora_lite.editing.full_size import check_request, edit_full_size, load_full_size

    check_request(method, how)
    assert not isinstance(place.model, Editor)
    full = load_full_size(
        place.model, place.adapters, ltx2.upsampler, place.device, in_context=method.adapter
    )
    sampling = replace(ltx2.sampling, seed=how.seed, reference_strength=how.reference_strength)
    frames, facts = edit_full_size(full, method, source, first_frame, sampling)
    return frames, {**facts, "model": full.model.name}, dict(full.hashes)


def run_model(
    editor: Editor,
    method: Method,
    source: Frames,
    first_frame: Image,
    how: Sampling,
    detail: str,
) -> tuple[Frames, dict[str, Any]]:
    """Edit at the model's size, window by window, and scale back; EditError for unknown clips."""
    domain = editor.domain
    fit = Fit((source.shape[1], source.shape[2]), domain.side)
    small = np.stack([fit.inward(frame) for frame in source])
    first = fit.inward(first_frame)
    advice = f"use --method {without_model()}, or the full-size model"
    probes = small[np.linspace(0, len(small) - 1, 3).astype(int)]
    known = {
        "source": check_domain(editor.model.vae, domain, probes, "source", advice),
        "first_frame": check_domain(
            editor.model.vae, domain, first[None], "edited first frame", advice, DRAWN
        ),
    }
    sample = SAMPLERS[method.name]

    def edit(piece: Frames, anchor: Image) -> Frames:
        window = Window(editor, piece, anchor)
        warm = method.adapter and how.warm < 1
        options = {"guess": window.bent.latents} if warm else {}
        latents = sample(editor, window.source.latents, window.first.latents, how, **options)
        return window.finish(detail, editor.decode(latents))

    made, seams = edit_in_windows(
        small, first, edit, window=domain.frames, overlap=min(OVERLAP, domain.frames - 1)
    )
    output = np.stack([fit.outward(frame) for frame in made])
    output[0] = first_frame
    facts: dict[str, Any] = {"domain": known, "seams": seams}
    if method.adapter and editor.covered is not None:
        facts["adapter"] = {"covers": str(editor.covered)}
        facts["warnings"] = uncovered([editor.covered])
    return output, facts


def uncovered(adapters: Iterable[Coverage]) -> list[str]:
    """Return a warning for every adapter that leaves out some of the usual layers."""
    return [f"the adapter covers {a}" for a in adapters if a.layers < a.usual]

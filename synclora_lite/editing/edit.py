"""`edit_video`: a source clip and an edited first frame in, the edited clip out.

Data flows: scale -> (align) -> checks of the first frame -> (register) -> the method, see
`running` -> the source's rate and sound -> report.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.detail import DETAILS
from synclora_lite.editing.editor import Editor
from synclora_lite.editing.methods import check_options, find_method
from synclora_lite.editing.precheck import align as align_frame
from synclora_lite.editing.precheck import as_picture, check_framing, to_size
from synclora_lite.editing.provenance import provenance
from synclora_lite.editing.registration import register as register_frame
from synclora_lite.editing.running import (
    WARPS,
    Place,
    adapter_names,
    editor_for,
    run_ltx2,
    run_model,
)
from synclora_lite.editing.sampling import Sampling
from synclora_lite.errors import EditError
from synclora_lite.models.ltx2_sampling import LTX2Request
from synclora_lite.video import Clip

Frames = UInt8[np.ndarray, "frames height width 3"]
Image = UInt8[np.ndarray, "_ _ 3"]
STEPS = 20  # of the methods that run in latents


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited clip and how it came about.

    Attributes:
        clip: The result, with the source's size, length, rate and sound.
        source: What was edited.
        first_frame: The edited first frame as it was used: scaled, aligned and registered.
        report: JSON: warnings, framing (before registration), domain, seams, provenance, and sync
            if it was measured.

    """

    clip: Clip
    source: Clip
    first_frame: Image
    report: dict[str, Any]


def edit_video(
    source: Clip,
    first_frame: np.ndarray,
    *,
    method: str = "sync-lora",
    model: str | Path | Editor = "lite",
    adapter: str | Path | Sequence[str | Path] = "lite-adapter",
    steps: int | None = None,
    seed: int = 0,
    reference_strength: float | None = None,
    sync_guidance: float | None = None,
    start: float | None = None,
    inject: float | None = None,
    warm: float | None = None,
    temperature: float | None = None,
    edit_gain: float | None = None,
    detail: str = "none",
    align: bool = False,
    register: bool = False,
    measure: bool = False,
    device: str = "cpu",
    ltx2: LTX2Request | None = None,
) -> Edit:
    """Carry the edit of the first frame through the whole clip.

    Args:
        source: The clip to edit: any size and length.
        first_frame: Its first frame, edited: 8-bit RGB, the same aspect.
        method: See `METHODS`.
        model: "lite", a folder, the name of a downloaded hub model (LTX-Video, LTX-2), or a
            loaded `Editor`; only for methods with a model.
        adapter: "lite-adapter", a folder, a file or the name of a downloaded hub repository, with
            :STRENGTH if it is not 1; only for sync-lora. For LTX-2 also several, the in-context
            adapter first.
        steps: Sampling steps; 20 if None, for LTX-2 as its setting says.
        seed: Of the noise.
        reference_strength: How much the source counts, 0 to 1; 1 if None.
        sync_guidance: Above 1, pushes towards the source's motion; as tuned for the model if None.
        start: Noise level at which sdedit and flowedit begin; as tuned if None.
        inject: Share of the steps in which kv-inject attends to the source; as tuned if None.
        warm: Noise level at which sync-lora begins, from the bend warp; 1, unless tuned,
            begins with noise alone.
        temperature: Scale of the noise that sync-lora starts from; as tuned if None.
        edit_gain: Most by which sync-lora may enlarge an edit that comes out smaller than in the
            first frame; 1 is never; as tuned if None.
        detail: "source" gives back what the autoencoder loses of the source, where the edit left
            it alone, "both" elsewhere what it loses of the first frame (see `restore_detail`);
            "carried" then takes what optical flow carries where the model drew the same (see
            `trust_carried`); "none" shows what the model made; only for methods with a model
            that follow the source.
        align: Move the edited face onto the source's first, by landmarks.
        register: Then move all that is a little off onto the source's first frame, by flow (see
            `registration`).
        measure: Score the synchronization; takes the time of tracking both clips.
        device: Where the model runs.
        ltx2: Setting and stages of an LTX-2 model.

    Raises:
        EditError: The first frame does not belong to the source, the model does not know this
            kind of clip, or an option makes no sense.
        ModelError: The model or adapter is missing or broken.
        ConfigError: This machine lacks the device.

    """
    chosen = find_method(method)
    own: dict[str, float | None] = {
        "reference_strength": reference_strength,
        "sync_guidance": sync_guidance,
        "start": start,
        "inject": inject,
        "warm": warm,
        "temperature": temperature,
        "edit_gain": edit_gain,
    }
    wanted = {name: value for name, value in own.items() if value is not None}
    check_options(chosen, [*wanted, *([] if detail == "none" else ["detail"])])
    how = Sampling(STEPS if steps is None else steps, seed, **wanted)
    _check_values(source, how)
    place = Place(model, adapter_names(adapter), device)
    _check_detail(detail, place)
    frame, warnings = to_size(as_picture(first_frame), source.size)
    if align:
        frame = align_frame(source, frame)
    framing, more = check_framing(source, frame)
    if register:
        frame = register_frame(source.frames[0], frame)
    settings: dict[str, Any] = {"method": method, "align": align, "register": register}
    report: dict[str, Any] = {"warnings": warnings + more, "framing": asdict(framing)}
    weights: dict[str, str] = {}
    if place.is_ltx2 and chosen.model:
        asked = ltx2 or LTX2Request()
        asked = replace(asked, sampling=replace(asked.sampling, steps=steps))
        frames, facts, weights = run_ltx2(place, chosen, source, frame, how, asked)
        settings |= {"seed": seed, "reference_strength": how.reference_strength}
        settings |= {name: facts[name] for name in ("sampling", "adapters")}
    elif ltx2 is not None:
        raise EditError(f"the setting of an LTX-2 with {method}", "an LTX-2 model", "leave it out")
    elif chosen.model:
        editor = editor_for(chosen, place)
        tuned: dict[str, Any] = {**editor.tuned.get(method, {}), **wanted}
        how = replace(how, **tuned)
        _check_values(source, how)
        settings |= {**asdict(how), "detail": detail, "model": editor.model.name}
        weights = dict(editor.hashes)
        frames, facts = run_model(editor, chosen, source.frames, frame, how, detail)
    else:
        frames, facts = WARPS[method](source.frames, frame), {}
    report["warnings"] += facts.pop("warnings", [])
    report |= facts
    report["provenance"] = provenance(source.frames, as_picture(first_frame), settings, weights)
    edit = Edit(replace(source, frames=frames), source, frame, report)
    return measured(edit) if measure else edit


def measured(edit: Edit) -> Edit:
    """Add the synchronization score to an edit's report."""
    from synclora_lite.sync import score_clips

    score = score_clips(edit.source, edit.clip)
    return replace(edit, report={**edit.report, "sync": score.to_dict()})


def _check_values(source: Clip, how: Sampling) -> None:
    """Raise EditError for what no method can do."""
    if len(source) < 2:
        raise EditError("a source of one frame", "at least two", "give a clip, not a picture")
    for name, low, high in (
        ("steps", 1, 1000),
        ("seed", 0, 2**63 - 1),
        ("reference_strength", 0, 1),
        ("sync_guidance", 0, 20),
        ("start", 0.05, 1),
        ("inject", 0, 1),
        ("warm", 0.05, 1),
        ("temperature", 0, 1),
        ("edit_gain", 1, 10),
    ):
        value = getattr(how, name)
        if not low <= value <= high:
            raise EditError(f"{name.replace('_', ' ')} {value}", f"{low} to {high}")


def _check_detail(detail: str, place: Place) -> None:
    """Raise EditError where there is no such output step."""
    if detail not in DETAILS:
        raise EditError(f"no detail named {detail!r}", f"one of {', '.join(DETAILS)}")
    if detail != "none" and place.is_ltx2:
        raise EditError("--detail with an LTX-2 model", "the lite model", "leave --detail out")

"""`edit_video`: a source clip and an edited first frame in, the edited clip out.

Data flows: scale -> (align) -> checks of the first frame -> the method or pipeline -> the source's
rate and sound -> report.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from synclora_lite.editing.methods import Window
from synclora_lite.editing.pipeline import ModelSource, SyncLoraPipeline
from synclora_lite.editing.precheck import align, as_picture, check_framing, to_size
from synclora_lite.editing.provenance import provenance
from synclora_lite.editing.settings import EditSettings, Made
from synclora_lite.errors import EditError
from synclora_lite.sync import score_clips
from synclora_lite.video import Clip

Image = UInt8[np.ndarray, "_ _ 3"]

AS_TUNED, SHIPPED = EditSettings(), ModelSource()


@dataclass(frozen=True, eq=False)
class Edit:
    """An edited clip and how it came about.

    Attributes:
        clip: The result, with the source's size, length, rate and sound.
        source: What was edited.
        first_frame: The edited first frame as it was used: scaled and aligned.
        report: JSON: warnings, framing, domain, seams, provenance, and sync if it was measured.

    """

    clip: Clip
    source: Clip
    first_frame: Image
    report: dict[str, Any]


def edit_video(
    source: Clip,
    first_frame: np.ndarray,
    settings: EditSettings = AS_TUNED,
    pipeline: SyncLoraPipeline | ModelSource = SHIPPED,
) -> Edit:
    """Carry the edit of the first frame through the whole clip.

    Args:
        source: The clip to edit: any size and length.
        first_frame: Its first frame, edited: 8-bit RGB, the same aspect.
        settings: Method, steps, seed, restoration, and whether the first frame is aligned.
        pipeline: Loaded, or what to load, with an adapter if the method needs one; not looked at
            by methods without a model.

    Raises:
        EditError: The first frame does not belong to the source, the model does not know this
            kind of clip, or it has no place for a setting.
        ModelError: The model or adapter is missing or broken.
        ConfigError: This machine lacks the device.

    """
    if len(source) < 2:
        raise EditError("a source of one frame", "at least two", "give a clip, not a picture")
    picture, method = as_picture(first_frame), settings.chosen()
    frame, warnings = to_size(picture, source.size)
    if settings.align:
        frame = align(source, frame)
    framing, more = check_framing(source, frame)
    loaded = pipeline.load_for(settings) if isinstance(pipeline, ModelSource) else pipeline
    if loaded is not None and method.needs_model:
        made = loaded.edit(source, frame, settings)
    else:
        made = Made(method(Window(source.frames, frame), torch.Generator(), 0))
    ran = {"method": method.name, "align": settings.align, **made.provenance}
    report = {
        "warnings": warnings + more + made.warnings,
        "framing": asdict(framing),
        **made.report,
        "provenance": provenance(source.frames, picture, ran, made.weights),
    }
    edit = Edit(replace(source, frames=made.frames), source, frame, report)
    return measured(edit) if settings.measure else edit


def measured(edit: Edit) -> Edit:
    """Add the synchronization score to an edit's report."""
    score = score_clips(edit.source, edit.clip)
    return replace(edit, report={**edit.report, "sync": score.to_dict()})

"""The three files of an edit: the clip, its record, and a page with player, traces and scores.

The page holds everything it needs and asks no network. Its template escapes all text: file names
and metadata come from outside.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import UInt8

from synclora_lite.editing.edit import Edit
from synclora_lite.editing.propagation import edit_retention
from synclora_lite.errors import EditError
from synclora_lite.files import atomic_path, sha256, write_json
from synclora_lite.landmarks import track
from synclora_lite.landmarks.cache import cache_dir
from synclora_lite.sync import cue_traces, score_clips
from synclora_lite.sync.verdict import runs
from synclora_lite.video import read_clip, write_clip
from synclora_lite.viz import filmstrip, locked_player, plot_traces

LITTLE = 0.5  # of the edit: less than this is worth a warning
RESTLESS = (1.5, 1.0)  # times the source's own flicker, and grey levels above it
_TEMPLATE = jinja2.Environment(
    autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
).from_string(Path(__file__).with_name("report.html").read_text("utf-8"))


def assessed(edit: Edit) -> Edit:
    """Add to an edit's report `sync`, `quality` and more warnings.

    Quality is `edit_retention` (None if unknown), and the `flicker` of both clips in grey levels.
    """
    score, report = score_clips(edit.source, edit.clip), edit.report
    kept = edit_retention(edit.source.frames, edit.first_frame, edit.clip.frames)
    flicker, own = (_flicker(clip.frames) for clip in (edit.clip, edit.source))
    warnings = [*edit.source.notes, *report["warnings"]]
    if kept < LITTLE:
        warnings += [f"only about {max(kept, 0):.0%} of the edit is kept"]
    if flicker > max(RESTLESS[0] * own, own + RESTLESS[1]):
        warnings += [f"the edit flickers: {flicker:.1f} grey levels, the source {own:.1f}"]
    away = ~track(edit.source.frames, person=edit.source.person).found
    if away.any():
        warnings += [f"no face in frames {runs(away)} of the source: there is none to follow there"]
    known = None if math.isnan(kept) else round(kept, 4)
    quality = {"edit_retention": known, "flicker": round(flicker, 3)}
    quality["source_flicker"] = round(own, 3)
    more = {"warnings": warnings, "sync": score.to_dict(), "quality": quality}
    return replace(edit, report=report | more)


def retention_in_words(report: Mapping[str, Any]) -> str:
    """Say how much of the edit is kept, as far as anyone can say."""
    kept = report["quality"]["edit_retention"]
    if kept is None:
        return "how much is kept of the edit is unknown"
    return f"about {max(kept, 0):.0%} of the edit is kept"


def _flicker(frames: UInt8[np.ndarray, "frames height width 3"]) -> float:
    """How far frames are from the mean of their neighbours, in grey levels."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in frames]
    inner = range(1, len(grey) - 1)
    steps = [np.abs(grey[t] - (grey[t - 1] + grey[t + 1]) / 2).mean() for t in inner]
    return float(np.mean(steps)) if steps else 0.0


def report_page(edit: Edit, title: str) -> str:
    """Return the page as HTML; measures the edit if that was not done yet."""
    edit = edit if "quality" in edit.report else assessed(edit)
    method, height = edit.report["provenance"]["method"], edit.source.size[0]
    clips = {"source": edit.source, f"edit ({method})": edit.clip}
    words = f"The source clip and its edit by {method}, side by side."
    cues = edit.report["sync"]["cues"]
    judged = {name: cue["pearson"] for name, cue in cues.items() if cue["judged"]}
    return _TEMPLATE.render(
        title=title,
        edit=edit,
        kept=retention_in_words(edit.report),
        player=locked_player(clips, height=min(max(height, 280), 360), alt=words).html,
        filmstrip=filmstrip({label: clip.frames for label, clip in clips.items()}).html,
        plot=_traces(edit, judged) if judged else "",
        columns=("pearson", "lag", "confidence", "amplitude", "coverage"),
        provenance=dict(_flat(edit.report["provenance"])),
    )


def _traces(edit: Edit, judged: Mapping[str, float]) -> str:
    traces = {
        name: cue_traces(track(clip.frames, person=clip.person))
        for name, clip in (("source", edit.source), ("edit", edit.clip))
    }
    notes = {name: f"r = {r:.2f}" for name, r in judged.items()}
    return plot_traces(traces, list(judged), fps=edit.source.fps, notes=notes).html


def _flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Walk nested dictionaries: dotted names and values."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


@dataclass(frozen=True)
class Outputs:
    """Where an edit is written."""

    clip: Path  # ends in .mp4 or .mov; the record is CLIP.json
    page: Path  # ends in .html

    @property
    def record(self) -> Path:
        """Where the report is written as JSON."""
        return self.clip.with_name(self.clip.name + ".json")

    def check(self, *inputs: Path) -> None:
        """Refuse files that would overwrite an input, or have no name to be written under."""
        for path, endings in ((self.clip, (".mp4", ".mov")), (self.page, (".html", ".htm"))):
            if path.suffix.lower() not in endings:
                expected = f"a name ending in {endings[0]}"
                raise EditError(f"the output {path.name}", expected, "rename it")
        for path in (self.clip, self.record, self.page):
            if path.resolve() in [given.resolve() for given in inputs]:
                raise EditError(f"{path.name} is input and output", "another name for the output")
            if path.is_dir():
                raise EditError(f"{path.name} is a folder", "a file to write", "give a file name")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Refuse a second edit of the same files; the locks lie in the cache, not beside them."""
        folder = cache_dir().parent / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for path in sorted({str(path.resolve()) for path in (self.clip, self.page)}):
                name = hashlib.sha256(path.encode()).hexdigest()[:32]
                try:
                    locks.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
                except Timeout as error:
                    advice = "wait until it is done, or name another output"
                    what = f"another edit is about to write {path}"
                    raise EditError(what, "one at a time", advice) from error
            yield

    def write(self, edit: Edit, title: str) -> Edit:
        """Write all of them or none; return the edit as the file shows it, `assessed`."""
        with ExitStack() as files:
            clip = files.enter_context(atomic_path(self.clip))
            record = files.enter_context(atomic_path(self.record))
            write_clip(clip, edit.clip, metadata=edit.report["provenance"])
            height, width = edit.clip.size  # the file has even ones
            frames = read_clip(clip).frames[:, :height, :width]  # what is seen is scored
            edit = assessed(replace(edit, clip=replace(edit.clip, frames=frames)))
            text = report_page(edit, title)
            write_json(record, {**edit.report, "output": {"file_sha256": sha256(clip)}})
            files.enter_context(atomic_path(self.page)).write_text(text, encoding="utf-8")
            for old in (self.clip, self.record, self.page):  # who is stopped now leaves less,
                old.unlink(missing_ok=True)  # not a mixture
        return edit

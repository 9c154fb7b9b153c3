"""One page that shows an edit: player, filmstrip, traces, scores and provenance.

The page holds everything it needs and asks no network. All text is escaped: file names and
metadata come from outside.
"""

import html
import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from synclora_lite.editing.edit import Edit, measured
from synclora_lite.editing.gate import edit_survival
from synclora_lite.landmarks import track
from synclora_lite.sync import CUES, cue_traces
from synclora_lite.sync.verdict import runs
from synclora_lite.viz import filmstrip, locked_player, plot_traces

Frames = UInt8[np.ndarray, "frames height width 3"]
_TEMPLATE = Path(__file__).with_name("report.html")
_COLUMNS = ("correlation", "lag", "confidence", "amplitude", "seen")


LITTLE = 0.5  # of the edit: less than this is worth a warning
RESTLESS = (1.5, 1.0)  # times the source's own flicker, and grey levels above it


def with_quality(edit: Edit) -> Edit:
    """Add what the sync verdict does not tell: the edit kept, flicker, and frames without a face.

    Returns:
        The edit with `quality` in its report (`edit_kept` as `edit_survival` estimates it, None if
        the edit cannot be followed; `flicker` of edit and source in grey levels), and warnings.

    """
    report = edit.report
    kept = edit_survival(edit.source.frames, edit.first_frame, edit.clip.frames)
    flicker, own = (_flicker(clip.frames) for clip in (edit.clip, edit.source))
    warnings = [*edit.source.notes, *report["warnings"]]
    if kept < LITTLE:
        warnings += [f"only about {max(kept, 0):.0%} of the edit is kept"]
    if flicker > max(RESTLESS[0] * own, own + RESTLESS[1]):
        warnings += [f"the edit flickers: {flicker:.1f} grey levels, the source {own:.1f}"]
    away = ~track(edit.source.frames, person=edit.source.person).found
    if away.any():
        warnings += [f"no face in frames {runs(away)} of the source: there is none to follow there"]
    quality = {
        "edit_kept": None if math.isnan(kept) else round(kept, 4),
        "flicker": round(flicker, 3),
        "source_flicker": round(own, 3),
    }
    return replace(edit, report={**report, "warnings": warnings, "quality": quality})


def kept_in_words(report: dict[str, Any]) -> str:
    """Say how much of the edit is kept, as far as anyone can say."""
    kept = report["quality"]["edit_kept"]
    return (
        "how much is kept of the edit is unknown"
        if kept is None
        else (f"about {max(kept, 0):.0%} of the edit is kept")
    )


def _flicker(frames: Frames) -> float:
    """How far frames are from the mean of their neighbours, in grey levels."""
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    steps = [
        np.abs(grey[t].astype(np.float32) - (grey[t - 1].astype(np.float32) + grey[t + 1]) / 2)
        for t in range(1, len(grey) - 1)
    ]
    return float(np.mean([step.mean() for step in steps])) if steps else 0.0


def report_page(edit: Edit, title: str = "") -> str:
    """Return the page as HTML; measures the synchronization if that was not done yet.

    Args:
        edit: What `edit_video` returned.
        title: Heading, for example the names of the files.

    """
    edit = edit if "sync" in edit.report else measured(edit)
    edit = edit if "quality" in edit.report else with_quality(edit)
    provenance = edit.report["provenance"]
    method = provenance["method"]
    height, width = edit.source.size
    clips = {"source": edit.source, f"edit ({method})": edit.clip}
    words = f"The source clip and its edit by {method}, side by side."
    values = {
        "TITLE": html.escape(title or f"Edit by {method}"),
        "SUMMARY": html.escape(
            f"{len(edit.source)} frames of {width}x{height} pixels at {edit.source.fps:g} frames "
            f"a second, edited from the first frame by {method}."
        ),
        "VERDICT": _verdict(edit.report),
        "WARNINGS": _list("Warning", edit.report["warnings"]),
        "PLAYER": locked_player(clips, height=min(max(height, 280), 360), alt=words).html,
        "FILMSTRIP": filmstrip({label: clip.frames for label, clip in clips.items()}).html,
        "SYNC": _sync(edit),
        "CHECKS": _table("Checks of the edited first frame", _checks(edit.report)),
        "PROVENANCE": _table("What the edit was made of", _flat(provenance)),
    }
    return re.sub("@([A-Z]+)@", lambda match: values[match[1]], _TEMPLATE.read_text("utf-8"))


def _verdict(report: dict[str, Any]) -> str:
    """The verdict on motion in words, what is kept of the edit, and the reasons."""
    sync = report["sync"]
    word = "in sync" if sync["verdict"] == "accept" else "not in sync"
    badge = f'<strong class="verdict {html.escape(sync["verdict"])}">{word}</strong>'
    badge = f"<p>{badge} {html.escape(kept_in_words(report))}</p>"
    return badge + _list("", sync["reasons"])


def _sync(edit: Edit) -> str:
    """Traces, and a table with a row per cue."""
    cues = edit.report["sync"]["cues"]
    source, edited = (
        cue_traces(track(clip.frames, person=clip.person)) for clip in (edit.source, edit.clip)
    )
    judged = [name for name in CUES if cues[name]["judged"]]
    parts = ["<h2>Movements of source and edit</h2>"]
    if judged:
        notes = {name: f"r = {_number(cues[name]['pearson'])}" for name in judged}
        clips = {"source": source, "edit": edited}
        parts.append(plot_traces(clips, judged, fps=edit.source.fps, notes=notes).html)
    heads = "".join(f'<th scope="col" class="number">{name}</th>' for name in _COLUMNS)
    rows = "".join(_cue_row(name, cues[name]) for name in CUES)
    caption = f"<caption>{html.escape(_blinks(edit.report['sync']['blinks']))}</caption>"
    table = f'<table>{caption}<thead><tr><th scope="col">cue</th>{heads}</tr></thead>{rows}</table>'
    region = '<div class="scroll" tabindex="0" role="region" aria-label="Scores of each cue">'
    return "".join([*parts, region, table, "</div>"])


def _cue_row(name: str, cue: dict[str, Any]) -> str:
    values = (cue[key] for key in ("pearson", "lag", "confidence", "amplitude", "coverage"))
    cells = "".join(f'<td class="number">{_number(value)}</td>' for value in values)
    style = "" if cue["judged"] else ' class="quiet"'
    note = "" if cue["judged"] else " (hardly moves)"
    label = html.escape(name.replace("_", " ") + note)
    return f'<tr{style}><th scope="row">{label}</th>{cells}</tr>'


def _blinks(blinks: dict[str, Any]) -> str:
    return (
        f"Blinks: {len(blinks['source'])} in the source, {len(blinks['edited'])} in the edit; "
        "lag in frames, positive when the edit is late."
    )


def _checks(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Framing, domain and seams in words."""
    units = {"shift": "eye distances", "scale": "log ratio"}
    for name, value in report["framing"].items():
        yield f"{name} against frame 0", f"{value:.3f} {units.get(name, 'rad')}"
    for name, value in report.get("domain", {}).items():
        yield f"{name.replace('_', ' ')}: strangeness over the limit of the model", f"{value:.2f}"
    yield from _flat(report["quality"])
    if "gate" in report:
        yield from _flat({"gate": report["gate"]})
    seams = report.get("seams", [])
    if seams:
        yield "seams between windows, grey levels", ", ".join(f"{seam:.1f}" for seam in seams)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Walk nested dictionaries: dotted names and values."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values."""
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f"<td><code>{html.escape(value)}</code></td></tr>"
        for name, value in rows
    )
    return f"<table><caption>{html.escape(caption)}</caption>{body}</table>"


def _list(label: str, lines: list[str]) -> str:
    """A list, each line with a label before it."""
    head = f"<strong>{label}:</strong> " if label else ""
    items = "".join(f"<li>{head}{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"

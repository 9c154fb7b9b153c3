"""The gate's threshold: chosen on some clips, and its promise holds on others."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import gating
from benchmarks.gating import gate_of_risk, risk
from synclora_lite.editing import Edit
from synclora_lite.editing.gate import Gate, judge_edit, load_gate
from synclora_lite.errors import ConfigError
from synclora_lite.files import write_json
from synclora_lite.models.folders import weights_digest
from synclora_lite.video import Clip


def clips(count, random):
    """Clips whose edits are the more often bad, the higher the risk that the gate sees."""
    risks = random.uniform(0.2, 1.6, count)
    bad = random.random(count) < np.clip(risks - 0.7, 0, 1)
    return [
        {"misfit": r, "survival": 1.0, "edit_kept": 0.1 if b else 0.9, "sync": 0.9, "kind": "hair"}
        for r, b in zip(risks, bad, strict=True)
    ]


def share_of_bad(threshold):
    """The true share of bad edits among those up to the threshold."""
    grid = np.linspace(0.2, threshold, 400)
    return float(np.clip(grid - 0.7, 0, 1).mean())


def test_the_level_is_kept_as_often_as_promised():
    random = np.random.default_rng(0)
    found = [gating.find_threshold(clips(100, random), 0.1) for _ in range(60)]
    known = [one for one in found if one is not None]
    assert len(known) > 20
    assert np.mean([share_of_bad(one) <= 0.1 for one in known]) >= gating.CONFIDENCE


def test_laxer_levels_cover_more():
    random = np.random.default_rng(1)
    gate, values = gating.calibrate(clips(200, random), clips(200, random), 0.2)
    curve = values["curve"]
    coverage = [point["coverage"] for point in curve]
    assert coverage == sorted(coverage)
    assert gate.level == 0.2
    assert gate.kept == pytest.approx(1 - gate.misfit / 2)
    point = next(p for p in curve if p["level"] == 0.2)
    assert point["low"] <= point["bad"] <= point["high"]
    assert point["low"] <= 0.2


def test_too_few_clips_promise_nothing():
    gate, values = gating.calibrate(clips(3, np.random.default_rng(2)), [], 0.1)
    assert gate == Gate()
    assert all(point["threshold"] is None for point in values["curve"])


def test_the_worse_measure_counts():
    assert risk(0.4, 0.9) == 0.4
    assert risk(0.4, 0.5) == 1.0
    assert risk(0.4, math.nan) == 0.4
    assert risk(None, 1.0) == math.inf


def test_a_promise_is_for_the_kind_of_edit_that_was_measured():
    weights = {"lite/a": "1", "lite-adapter/b": "2"}
    settings = {"method": "sync-lora", "restoration": "both", "steps": 20, "register": True}
    settings |= {"strength": 0.5, "reference_strength": 1.0, "guidance": 1.0}
    settings |= {"temperature": 0.4, "edit_gain": 1.0}
    gate = Gate(level=0.2, weights=weights_digest(weights), measured=dict(settings))
    settings |= {"seed": 3, "weights": weights}
    assert gate.promised(settings) == 0.2
    for other in (
        {"method": "copy"},
        {"restoration": "none"},
        {"steps": 4},
        {"register": False},
        {"strength": 1.0},
        {"guidance": 5.0},
        {"temperature": 1.0},
        {"weights": {**weights, "lite-adapter/b": "3"}},
        {"weights": {}},
    ):
        assert gate.promised({**settings, **other}) is None


def test_a_model_folder_keeps_its_gate(tmp_path):
    gate = gate_of_risk(0.8, 0.1, 0.9)
    write_json(
        tmp_path / "gate.json", {"misfit": 0.8, "kept": 0.6, "level": 0.1, "confidence": 0.9}
    )
    assert load_gate(tmp_path) == gate
    assert load_gate(tmp_path / "nowhere") == Gate()
    write_json(tmp_path / "gate.json", {"misfit": "much"})
    with pytest.raises(ConfigError, match="misfit"):
        load_gate(tmp_path)


def test_a_stricter_gate_says_what_it_asked_for_and_later_seeds_are_promised_nothing():
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    kind = {"method": "sync-lora", "restoration": "both", "steps": 20, "strength": 0.5}
    gate = Gate(misfit=0.5, level=0.1, weights=weights_digest({}), measured=kind)
    sync = {"verdict": "accept", "misfit": 0.3, "reasons": ["9 cues agree"]}
    report = {"sync": sync, "provenance": kind | {"weights": {}}}
    edit = Edit(Clip(frames, 12), Clip(frames, 12), frames[0], report)
    for tries, level in ((1, 0.1), (2, None)):
        judged, reasons = judge_edit(edit, gate, tries)
        assert reasons == []
        assert (judged.report["gate"]["level"], judged.report["gate"]["tries"]) == (level, tries)
    off = replace(edit, report={**report, "sync": {**sync, "misfit": 0.7}})
    assert judge_edit(off, gate)[1] == ["misfit 0.70; 0.50 at most were asked for"]
    bad = {"verdict": "reject", "misfit": 1.7, "reasons": ["yaw disagrees"]}
    assert judge_edit(replace(off, report={**report, "sync": bad}), gate)[1] == bad["reasons"]


def test_bad_is_what_the_truth_says():
    assert gating.is_bad({"edit_kept": 0.4, "sync": 0.9})
    assert gating.is_bad({"edit_kept": 0.9, "sync": None})
    assert not gating.is_bad({"edit_kept": None, "sync": 0.9})

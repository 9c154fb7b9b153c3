"""Editing a clip: what comes out, and what is refused with words that help."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from jaxtyping import UInt8

from synclora_course.tiny_ltx import tiny_model
from synclora_lite.editing import (
    METHODS,
    Edit,
    LTXVideo,
    SyncLoraPipeline,
    edit_settings,
    edit_video,
)
from synclora_lite.editing.domain import Domain
from synclora_lite.editing.edit import SHIPPED
from synclora_lite.editing.ltx_video import Latents
from synclora_lite.editing.propagation import restore, take_propagated
from synclora_lite.errors import EditError
from synclora_lite.models import AdapterSettings
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

MODEL_FREE = [name for name, method in METHODS.items() if not method.needs_model]
WITH_MODEL = [name for name, method in METHODS.items() if method.needs_model]


@pytest.fixture(scope="module")
def pair() -> tuple[Clip, np.ndarray]:
    """A source clip of a portrait, and its first frame with another hair colour."""
    case = held_out(0, 1, frames=7)[0]
    source, edited = (render_clip(who, case.motion, 96) for who in (case.source, case.edited))
    return Clip(source, case.motion.fps), edited[0]


def edit(
    source: Clip, first: np.ndarray, pipeline: SyncLoraPipeline | None = None, **options: Any
) -> Edit:
    return edit_video(source, first, edit_settings(options), pipeline or SHIPPED)


@pytest.fixture(scope="module")
def pipe() -> SyncLoraPipeline:
    """A random model that accepts everything: its pictures are noise, its shapes are true."""
    domain = Domain(side=32, frames=5, limit=100.0)
    return SyncLoraPipeline(LTXVideo(tiny_model(), domain, AdapterSettings()))


@pytest.mark.parametrize("method", MODEL_FREE)
def test_methods_without_model_keep_size_length_rate_and_first_frame(
    method: str, pair: tuple[Clip, np.ndarray]
) -> None:
    source, first = pair
    made = edit(source, first, method=method)
    assert made.clip.frames.shape == source.frames.shape
    assert made.clip.fps == source.fps
    assert np.array_equal(made.clip.frames[0], first)
    assert made.report["provenance"]["method"] == method


@pytest.mark.parametrize("method", WITH_MODEL)
def test_methods_with_model_take_any_length_and_repeat_themselves(
    method: str, pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    source, first = pair
    wide = Clip(np.ascontiguousarray(source.frames[:, 8:]), source.fps)
    runs = [edit(wide, first[8:], method=method, pipeline=pipe, steps=2, seed=3) for _ in range(2)]
    assert runs[0].clip.frames.shape == wide.frames.shape
    assert np.array_equal(runs[0].clip.frames, runs[1].clip.frames)
    assert len(runs[0].report["seams"]) == 2  # windows of 5 that share 4 cover 7 frames


def test_the_seed_and_the_strength_of_the_reference_matter(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    source, first = pair
    frames = [
        edit(source, first, pipeline=pipe, steps=1, **options).clip.frames
        for options in ({}, {"seed": 1}, {"reference_strength": 0.5}, {"guidance": 2.0})
    ]
    for changed in frames[1:]:
        assert not np.array_equal(frames[0], changed)


def test_a_picture_of_unknown_kind_is_refused_with_methods_that_work(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    strict = SyncLoraPipeline(replace(pipe.ltx_video, domain=Domain(32, 5, 1e-6)))
    with pytest.raises(
        EditError, match=r"rendered portraits only.*flow-propagation, residual-propagation"
    ):
        edit(*pair, pipeline=strict, steps=1)


def test_propagation_of_an_unchanged_first_frame_gives_the_source_back(
    pair: tuple[Clip, np.ndarray],
) -> None:
    source, _ = pair
    made = edit(source, source.frames[0], method="residual-propagation")
    assert np.array_equal(made.clip.frames, source.frames)


def test_propagation_carries_the_edit_further_than_the_copy_does(
    pair: tuple[Clip, np.ndarray],
) -> None:
    source, first = pair
    changed = np.abs(first.astype(int) - source.frames[0]).max(-1) > 40

    def kept(method: str) -> float:
        last = edit(source, first, method=method).clip.frames[3].astype(int)
        return float(np.abs(last - source.frames[3])[changed].mean())

    assert min(kept("flow-propagation"), kept("residual-propagation")) > 5 * kept("copy") + 5


PictureList = list[tuple[str, UInt8[np.ndarray, "..."], str]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f[..., 0], "repeat the grey channel"),
        (lambda f: np.dstack([f, f[..., :1]]), "alpha"),
        (lambda f: f.astype(np.uint16) * 257, "8 bit"),
        (lambda f: f[:, 20:], "same aspect"),
        (lambda f: np.full_like(f, 90), "no face in the edited first frame"),
        (lambda f: np.roll(f, 48, axis=1), "does not fit frame 0|no face"),
    ],
)
def test_a_first_frame_that_does_not_belong_is_refused(
    spoil: object, message: str, pair: tuple[Clip, np.ndarray]
) -> None:
    source, first = pair
    with pytest.raises(EditError, match=message):
        edit(source, spoil(first), method="copy")  # type: ignore[operator]


def test_a_source_without_face_or_motion_is_refused(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    with pytest.raises(EditError, match="no face in the source"):
        edit(Clip(np.full_like(source.frames, 9), 12.0), first, method="copy")
    with pytest.raises(EditError, match="one frame"):
        edit(Clip(source.frames[:1], 12.0), first, method="copy")
    with pytest.raises(EditError, match="sync-lora, base-reference, flow-propagation"):
        edit(source, first, method="magic")
    with pytest.raises(EditError, match="expected less than or equal to 1"):
        edit(source, first, reference_strength=2.0)


def test_align_brings_a_shifted_edit_back(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    shifted = np.roll(first, 8, axis=1)
    loose = edit(source, shifted, method="copy")
    assert any("--align" in warning for warning in loose.report["warnings"])
    tight = edit(source, shifted, method="copy", align=True)
    assert tight.report["framing"]["shift"] < 0.3 * loose.report["framing"]["shift"]


def test_a_larger_first_frame_is_scaled_with_a_warning(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    made = edit(source, first.repeat(2, 0).repeat(2, 1), method="copy")
    assert "scaled from 192x192 to 96x96" in made.report["warnings"][0]


def test_tuned_settings_hold_unless_others_are_asked_for(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    source, first = pair
    tuned = SyncLoraPipeline(pipe.backend, {"sdedit": {"strength": 0.4}})
    asked: list[tuple[str, dict[str, Any]]] = [
        ("sdedit", {}),
        ("sdedit", {"strength": 0.6}),
        ("flowedit", {}),
    ]
    settings = [
        edit(source, first, method=method, pipeline=tuned, steps=1, **more).report["provenance"]
        for method, more in asked
    ]
    assert [found["strength"] for found in settings] == [0.4, 0.6, 0.7]


def test_a_propagation_is_believed_where_the_model_drew_the_same() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(120, 136, (2, 24, 24, 3), np.uint8)
    drawn, wrong = (
        np.full_like(truth, 128),
        np.full_like(truth, 250),
    )  # the model left the grain out
    for deformed, picture in ((truth, wrong), (wrong, truth)):
        assert np.array_equal(take_propagated(drawn, deformed, picture), truth)
    assert np.array_equal(take_propagated(drawn, wrong, wrong), drawn)


def test_of_two_propagations_that_are_equally_likely_the_one_in_sync_is_preferred() -> None:
    grey = np.full((1, 24, 24, 3), 100, np.uint8)
    assert take_propagated(grey, grey + np.uint8(8), grey - np.uint8(8)).mean() > 104


def test_restoration_brings_a_blurred_edit_nearer_to_the_truth() -> None:
    case = held_out(0, 3, frames=5)[2]
    source, truth = (render_clip(who, case.motion, 96) for who in (case.source, case.edited))
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.5) for frame in truth])
    restored = restore(source, truth[0], blurred)
    before, after = (
        np.abs(clip[1:].astype(int) - truth[1:]).mean() for clip in (blurred, restored)
    )
    assert after < before / 2


def test_window_and_first_frame_are_encoded_once(pair: tuple[Clip, np.ndarray]) -> None:
    encoded: list[np.ndarray] = []

    class Counting(LTXVideo):
        def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
            encoded.append(frames)
            return super().encode(frames)

    counting = Counting(tiny_model(), Domain(side=32, frames=9, limit=100.0), AdapterSettings())
    edit(*pair, SyncLoraPipeline(counting), steps=2, restore=True)
    assert sorted(len(frames) for frames in encoded) == [1, 9]


def test_restoration_is_recorded_and_belongs_to_the_model(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    plain, restored = (edit(*pair, pipe, steps=1, restore=wanted) for wanted in (False, True))
    assert [e.report["provenance"]["restore"] for e in (plain, restored)] == [False, True]
    assert not np.array_equal(plain.clip.frames, restored.clip.frames)
    with pytest.raises(EditError, match="--restore with method copy; expected sync-lora, sdedit"):
        edit(*pair, method="copy", restore=True)


def test_the_control_is_the_method_with_an_adapter_that_does_nothing(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    plain = SyncLoraPipeline(replace(pipe.ltx_video, adapter=None))
    with pytest.raises(EditError, match="a model without adapter for sync-lora"):
        edit(*pair, plain, steps=1)
    control = edit(*pair, plain, steps=2, method="base-reference")
    adapted = edit(*pair, pipe, steps=2)  # whose adapter was never filled in
    alone = edit(*pair, plain, steps=2, method="i2v")
    assert np.array_equal(control.clip.frames, adapted.clip.frames)
    assert not np.array_equal(control.clip.frames, alone.clip.frames)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_refuses_the_settings_of_others(
    pair: tuple[Clip, np.ndarray], method: str
) -> None:
    for name in sorted({name for other in METHODS.values() for name in other.options}):
        if name not in METHODS[method].options:
            option = "--" + name.replace("_", "-")
            with pytest.raises(EditError, match=f"{option} with method {method}; expected "):
                edit_settings({"method": method, name: 0.5})

"""Editing a clip: what comes out, and what is refused with words that help."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import UInt8

from synclora_lite.editing import METHODS, Editor, edit_video
from synclora_lite.editing.detail import Passed, restore_detail, trust_carried
from synclora_lite.editing.domain import Domain
from synclora_lite.editing.editor import Latents
from synclora_lite.editing.sampling import Sampling, enlarge_edit, sync_lora
from synclora_lite.errors import EditError
from synclora_lite.models import AdapterSettings, tiny_model
from synclora_lite.portraits import held_out, render_clip
from synclora_lite.video import Clip

MODEL_FREE = [name for name, method in METHODS.items() if not method.model]
WITH_MODEL = [name for name, method in METHODS.items() if method.model]


@pytest.fixture(scope="module")
def pair() -> tuple[Clip, np.ndarray]:
    """A source clip of a portrait, and its first frame with another hair colour."""
    case = held_out(0, 1, frames=7)[0]
    source, edited = (render_clip(who, case.motion, 96) for who in (case.source, case.edited))
    return Clip(source, case.motion.fps), edited[0]


@pytest.fixture(scope="module")
def editor() -> Editor:
    """A random model that accepts everything: its pictures are noise, its shapes are true."""
    return Editor(tiny_model(), Domain(side=32, frames=5, limit=1e9), AdapterSettings())


@pytest.mark.parametrize("method", MODEL_FREE)
def test_methods_without_model_keep_size_length_rate_and_first_frame(
    method: str, pair: tuple[Clip, np.ndarray]
) -> None:
    source, first = pair
    edit = edit_video(source, first, method=method)
    assert edit.clip.frames.shape == source.frames.shape
    assert edit.clip.fps == source.fps
    assert np.array_equal(edit.clip.frames[0], first)
    assert edit.report["provenance"]["method"] == method


@pytest.mark.parametrize("method", WITH_MODEL)
def test_methods_with_model_take_any_length_and_repeat_themselves(
    method: str, pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    source, first = pair
    wide = Clip(np.ascontiguousarray(source.frames[:, 8:]), source.fps)
    runs = [
        edit_video(wide, first[8:], method=method, model=editor, steps=2, seed=3) for _ in range(2)
    ]
    assert runs[0].clip.frames.shape == wide.frames.shape
    assert np.array_equal(runs[0].clip.frames, runs[1].clip.frames)
    assert len(runs[0].report["seams"]) == 2  # windows of 5 that share 4 cover 7 frames


def test_the_seed_and_the_strength_of_the_reference_matter(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    source, first = pair
    frames = [
        edit_video(source, first, model=editor, steps=1, **options).clip.frames
        for options in ({}, {"seed": 1}, {"reference_strength": 0.5}, {"sync_guidance": 2.0})
    ]
    for changed in frames[1:]:
        assert not np.array_equal(frames[0], changed)


def test_a_picture_of_unknown_kind_is_refused_with_methods_that_work(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    strict = Editor(editor.model, Domain(side=32, frames=5, limit=1e-6), editor.adapter)
    with pytest.raises(EditError, match=r"rendered portraits only.*flow-warp, residual-warp"):
        edit_video(*pair, model=strict, steps=1)


def test_warp_of_an_unchanged_first_frame_gives_the_source_back(
    pair: tuple[Clip, np.ndarray],
) -> None:
    source, _ = pair
    edit = edit_video(source, source.frames[0], method="residual-warp")
    assert np.array_equal(edit.clip.frames, source.frames)


def test_warps_carry_the_edit_further_than_the_copy_does(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    changed = np.abs(first.astype(int) - source.frames[0]).max(-1) > 40

    def kept(method: str) -> float:
        last = edit_video(source, first, method=method).clip.frames[3].astype(int)
        return float(np.abs(last - source.frames[3])[changed].mean())

    assert min(kept("flow-warp"), kept("residual-warp")) > 5 * kept("copy") + 5


PictureList = list[tuple[str, UInt8[np.ndarray, "..."], str]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f[..., 0], "without colour"),
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
        edit_video(source, spoil(first), method="copy")  # type: ignore[operator]


def test_a_source_without_face_or_motion_is_refused(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    with pytest.raises(EditError, match="no face in the source"):
        edit_video(Clip(np.full_like(source.frames, 9), 12.0), first, method="copy")
    with pytest.raises(EditError, match="one frame"):
        edit_video(Clip(source.frames[:1], 12.0), first, method="copy")
    with pytest.raises(EditError, match="sync-lora, flow-warp"):
        edit_video(source, first, method="magic")
    with pytest.raises(EditError, match="0 to 1"):
        edit_video(source, first, reference_strength=2.0)


def test_align_brings_a_shifted_edit_back(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    shifted = np.roll(first, 8, axis=1)
    loose = edit_video(source, shifted, method="copy")
    assert any("--align" in warning for warning in loose.report["warnings"])
    tight = edit_video(source, shifted, method="copy", align=True)
    assert tight.report["framing"]["shift"] < 0.3 * loose.report["framing"]["shift"]


def test_a_larger_first_frame_is_scaled_with_a_warning(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    edit = edit_video(source, first.repeat(2, 0).repeat(2, 1), method="copy")
    assert "scaled from 192x192 to 96x96" in edit.report["warnings"][0]


def test_tuned_settings_hold_unless_others_are_asked_for(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    source, first = pair
    tuned = replace(editor, tuned={"sdedit": {"start": 0.4}})
    asked: list[tuple[str, dict[str, Any]]] = [
        ("sdedit", {}),
        ("sdedit", {"start": 0.6}),
        ("flowedit", {}),
    ]
    settings = [
        edit_video(source, first, method=method, model=tuned, steps=1, **more).report["provenance"]
        for method, more in asked
    ]
    assert [found["start"] for found in settings] == [0.4, 0.6, 0.7]


def test_detail_of_the_source_comes_back_where_the_edit_left_it_alone() -> None:
    source = np.random.default_rng(0).integers(90, 110, (2, 24, 24, 3), np.uint8)
    coarse = np.full_like(source, 100)
    output = coarse.copy()
    output[:, :, 12:] = 200  # the edit
    restored = restore_detail(Passed(source, coarse), output)
    assert np.array_equal(restored[:, :, :8], source[:, :, :8])
    assert np.array_equal(restored[:, :, 16:], output[:, :, 16:])


def test_detail_of_the_first_frame_follows_the_source_to_where_it_was_edited() -> None:
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(60, 200, (24, 24, 3), np.uint8), (96, 96))
    moved = np.stack([np.roll(texture, 3 * t, 1) for t in range(3)])
    edited = 255 - moved  # every pixel differs from the source
    coarse = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.0) for frame in edited])
    source = Passed(moved, moved)
    first = Passed(edited[:1], coarse[:1])
    restored = restore_detail(source, coarse, first)
    inside = np.s_[1:, 16:-16, 16:-16]
    before, after = (
        np.abs(clip[inside].astype(int) - edited[inside]).mean() for clip in (coarse, restored)
    )
    assert after < before / 2
    elsewhere = np.full_like(coarse, 0)  # looks like neither: nothing to be given back
    assert np.array_equal(restore_detail(source, elsewhere, first), elsewhere)


def test_a_warp_is_believed_where_the_model_drew_the_same() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(60, 200, (2, 24, 24, 3), np.uint8)
    coarse = np.full_like(truth, 130)  # the autoencoder leaves nothing but the mean
    wrong = Passed(np.full_like(truth, 250), np.full_like(truth, 250))
    for difference, picture in ((Passed(truth, coarse), wrong), (wrong, Passed(truth, coarse))):
        assert np.array_equal(trust_carried(coarse, coarse, difference, picture), truth)
    assert np.array_equal(trust_carried(coarse, coarse, wrong, wrong), coarse)


def test_of_two_warps_that_are_equally_likely_the_one_in_sync_is_preferred() -> None:
    grey = np.full((1, 24, 24, 3), 100, np.uint8)
    lighter, darker = (Passed(grey + change, grey) for change in (np.uint8(8), np.uint8(248)))
    assert trust_carried(grey, grey, lighter, darker).mean() > 104


def test_window_and_first_frame_are_encoded_once_for_sampler_and_output_step(
    pair: tuple[Clip, np.ndarray],
) -> None:
    encoded: list[np.ndarray] = []

    class Counting(Editor):
        def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
            encoded.append(frames)
            return super().encode(frames)

    editor = Counting(tiny_model(), Domain(side=32, frames=9, limit=1e9), AdapterSettings())
    edit_video(*pair, model=editor, steps=1, detail="carried", warm=0.5)
    assert len(encoded) == 4  # source, first frame, and the two warps
    assert len({frames.tobytes() for frames in encoded}) == 4


def test_detail_is_recorded_and_belongs_to_the_model(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    for detail in ("source", "both", "carried"):
        edit = edit_video(*pair, model=editor, steps=1, detail=detail)
        assert edit.report["provenance"]["detail"] == detail
    with pytest.raises(EditError, match="none, source, both, carried"):
        edit_video(*pair, model=editor, detail="magic")
    with pytest.raises(EditError, match="--detail with method copy"):
        edit_video(*pair, method="copy", detail="source")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_refuses_the_settings_of_others(
    pair: tuple[Clip, np.ndarray], method: str
) -> None:
    for name in sorted({name for other in METHODS.values() for name in other.options}):
        if name not in METHODS[method].options:
            option = "--" + name.replace("_", "-")
            value: Any = "both" if name == "detail" else 0.5
            with pytest.raises(EditError, match=f"{option} with method {method}; expected "):
                edit_video(*pair, method=method, **{name: value})


def test_without_noise_every_seed_gives_the_same(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    one, other = (
        edit_video(*pair, model=editor, steps=2, seed=seed, temperature=0.0) for seed in (0, 1)
    )
    assert np.array_equal(one.clip.frames, other.clip.frames)
    with pytest.raises(EditError, match=r"temperature 1\.5"):
        edit_video(*pair, model=editor, temperature=1.5)


@given(st.integers(0, 999), st.floats(1.0, 4.0), st.floats(0.1, 3.0))
def test_an_edit_becomes_as_large_as_in_the_first_frame_and_no_smaller(
    seed: int, most: float, size: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    source, drawn = torch.randn(2, 1, 6, 4, 3, 3, generator=generator)
    first = source[:, :, :1] + drawn[:, :, :1]
    edit = size * drawn[:, :, 1:]
    enlarged = enlarge_edit(source, first, most)(source[:, :, 1:] + edit) - source[:, :, 1:]
    norms = [x.square().mean((1, 3, 4)).sqrt() for x in (drawn[:, :, :1], edit, enlarged)]
    expected = torch.maximum(norms[1], torch.minimum(norms[0], most * norms[1]))
    torch.testing.assert_close(norms[2], expected, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(  # and points where it did
        enlarged / norms[2][:, None, :, None, None], edit / norms[1][:, None, :, None, None]
    )


def test_an_edit_gain_enlarges_what_comes_out_too_small(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    source = editor.encode(pair[0].frames[:5, :32, :32])
    first = source[:, :, :1] + 100  # more than a random model ever draws
    edits = [
        sync_lora(editor, source, first, Sampling(steps=2, edit_gain=gain)) - source
        for gain in (1.0, 1.5)
    ]
    plain, enlarged = (edit[:, :, 1:].square().mean().sqrt() for edit in edits)
    assert enlarged > 1.2 * plain


def test_a_warm_start_stays_nearer_to_the_warp_the_less_noise_it_begins_with(
    pair: tuple[Clip, np.ndarray], editor: Editor
) -> None:
    warp = edit_video(*pair, method="residual-warp").clip.frames.astype(int)
    through = edit_video(*pair, model=editor, steps=2, warm=0.05).clip.frames
    cold = edit_video(*pair, model=editor, steps=2).clip.frames
    assert np.abs(through - warp).mean() < np.abs(cold - warp).mean()
    assert np.array_equal(cold, edit_video(*pair, model=editor, steps=2, warm=1.0).clip.frames)
    with pytest.raises(EditError, match=r"warm 1\.5"):
        edit_video(*pair, model=editor, warm=1.5)

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

from synclora_lite.editing import (
    METHODS,
    Edit,
    LTXVideo,
    SyncLora,
    SyncLoraPipeline,
    edit_settings,
    edit_video,
)
from synclora_lite.editing.domain import Domain
from synclora_lite.editing.edit import SHIPPED
from synclora_lite.editing.ltx_video import Latents
from synclora_lite.editing.methods import enlarge_edit
from synclora_lite.editing.restoration import restore, take_carried
from synclora_lite.editing.window import Reconstruction, Window
from synclora_lite.errors import EditError
from synclora_lite.models import AdapterSettings, tiny_model
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
    domain = Domain(side=32, frames=5, limit=1e9)
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


def test_warp_of_an_unchanged_first_frame_gives_the_source_back(
    pair: tuple[Clip, np.ndarray],
) -> None:
    source, _ = pair
    made = edit(source, source.frames[0], method="residual-propagation")
    assert np.array_equal(made.clip.frames, source.frames)


def test_warps_carry_the_edit_further_than_the_copy_does(pair: tuple[Clip, np.ndarray]) -> None:
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
        edit(source, spoil(first), method="copy")  # type: ignore[operator]


def test_a_source_without_face_or_motion_is_refused(pair: tuple[Clip, np.ndarray]) -> None:
    source, first = pair
    with pytest.raises(EditError, match="no face in the source"):
        edit(Clip(np.full_like(source.frames, 9), 12.0), first, method="copy")
    with pytest.raises(EditError, match="one frame"):
        edit(Clip(source.frames[:1], 12.0), first, method="copy")
    with pytest.raises(EditError, match="sync-lora, flow-propagation"):
        edit(source, first, method="magic")
    with pytest.raises(EditError, match="0 to 1"):
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


def test_detail_of_the_source_comes_back_where_the_edit_left_it_alone() -> None:
    source = np.random.default_rng(0).integers(90, 110, (2, 24, 24, 3), np.uint8)
    coarse = np.full_like(source, 100)
    output = coarse.copy()
    output[:, :, 12:] = 200  # the edit
    restored = restore(Reconstruction(source, coarse), output)
    assert np.array_equal(restored[:, :, :8], source[:, :, :8])
    assert np.array_equal(restored[:, :, 16:], output[:, :, 16:])


def test_detail_of_the_first_frame_follows_the_source_to_where_it_was_edited() -> None:
    rng = np.random.default_rng(0)
    texture = cv2.resize(rng.integers(60, 200, (24, 24, 3), np.uint8), (96, 96))
    moved = np.stack([np.roll(texture, 3 * t, 1) for t in range(3)])
    edited = 255 - moved  # every pixel differs from the source
    coarse = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.0) for frame in edited])
    source = Reconstruction(moved, moved)
    first = Reconstruction(edited[:1], coarse[:1])
    restored = restore(source, coarse, first)
    inside = np.s_[1:, 16:-16, 16:-16]
    before, after = (
        np.abs(clip[inside].astype(int) - edited[inside]).mean() for clip in (coarse, restored)
    )
    assert after < before / 2
    elsewhere = np.full_like(coarse, 0)  # looks like neither: nothing to be given back
    assert np.array_equal(restore(source, elsewhere, first), elsewhere)


def test_a_warp_is_believed_where_the_model_drew_the_same() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(60, 200, (2, 24, 24, 3), np.uint8)
    coarse = np.full_like(truth, 130)  # the autoencoder leaves nothing but the mean
    wrong = Reconstruction(np.full_like(truth, 250), np.full_like(truth, 250))
    for difference, picture in (
        (Reconstruction(truth, coarse), wrong),
        (wrong, Reconstruction(truth, coarse)),
    ):
        assert np.array_equal(take_carried(coarse, coarse, difference, picture), truth)
    assert np.array_equal(take_carried(coarse, coarse, wrong, wrong), coarse)


def test_of_two_warps_that_are_equally_likely_the_one_in_sync_is_preferred() -> None:
    grey = np.full((1, 24, 24, 3), 100, np.uint8)
    lighter, darker = (
        Reconstruction(grey + change, grey) for change in (np.uint8(8), np.uint8(248))
    )
    assert take_carried(grey, grey, lighter, darker).mean() > 104


def test_window_and_first_frame_are_encoded_once_for_sampler_and_output_step(
    pair: tuple[Clip, np.ndarray],
) -> None:
    encoded: list[np.ndarray] = []

    class Counting(LTXVideo):
        def encode(self, frames: UInt8[np.ndarray, "frames side side 3"]) -> Latents:
            encoded.append(frames)
            return super().encode(frames)

    counting = Counting(tiny_model(), Domain(side=32, frames=9, limit=1e9), AdapterSettings())
    edit(*pair, SyncLoraPipeline(counting), steps=1, restoration="carried", strength=0.5)
    assert len(encoded) == 4  # source, first frame, and the two warps
    assert len({frames.tobytes() for frames in encoded}) == 4


def test_detail_is_recorded_and_belongs_to_the_model(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    for restoration in ("source", "both", "carried"):
        made = edit(*pair, pipeline=pipe, steps=1, restoration=restoration)
        assert made.report["provenance"]["restoration"] == restoration
    with pytest.raises(EditError, match="none, source, both, carried"):
        edit(*pair, pipeline=pipe, restoration="magic")
    with pytest.raises(EditError, match="--restoration with method copy"):
        edit(*pair, method="copy", restoration="source")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_method_refuses_the_settings_of_others(
    pair: tuple[Clip, np.ndarray], method: str
) -> None:
    for name in sorted({name for other in METHODS.values() for name in other.options}):
        if name not in METHODS[method].options:
            option = "--" + name.replace("_", "-")
            with pytest.raises(EditError, match=f"{option} with method {method}; expected "):
                edit_settings({"method": method, name: 0.5})


def test_without_noise_every_seed_gives_the_same(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    one, other = (
        edit(*pair, pipeline=pipe, steps=2, seed=seed, temperature=0.0) for seed in (0, 1)
    )
    assert np.array_equal(one.clip.frames, other.clip.frames)
    with pytest.raises(EditError, match=r"temperature 1\.5"):
        edit(*pair, pipeline=pipe, temperature=1.5)


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
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    window = Window(pair[0].frames[:5, :32, :32], pair[1][:32, :32], pipe.ltx_video)
    source = window.source.latents
    window.first.latents[:] = source[:, :, :1] + 100  # more than a random model ever draws
    edits = [
        SyncLora(edit_gain=gain).latents(window, torch.Generator().manual_seed(0), 2) - source
        for gain in (1.0, 1.5)
    ]
    plain, enlarged = (edit[:, :, 1:].square().mean().sqrt() for edit in edits)
    assert enlarged > 1.2 * plain


def test_a_warm_start_stays_nearer_to_the_warp_the_less_noise_it_begins_with(
    pair: tuple[Clip, np.ndarray], pipe: SyncLoraPipeline
) -> None:
    warp = edit(*pair, method="residual-propagation").clip.frames.astype(int)
    through = edit(*pair, pipeline=pipe, steps=2, strength=0.05).clip.frames
    cold = edit(*pair, pipeline=pipe, steps=2).clip.frames
    assert np.abs(through - warp).mean() < np.abs(cold - warp).mean()
    assert np.array_equal(cold, edit(*pair, pipeline=pipe, steps=2, strength=1.0).clip.frames)
    with pytest.raises(EditError, match=r"strength 1\.5"):
        edit(*pair, pipeline=pipe, strength=1.5)

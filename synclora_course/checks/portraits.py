"""Checks of chapter 1: layouts, changed pixels, a blink, and the mouth from landmarks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from synclora_course.checks.framework import Report, check
from synclora_lite.portraits import CHANNELS, Motion, edit_case, render_clip, sample_identity
from synclora_lite.viz import PALETTE, Picture, contact_sheet, figure, style

Function = Callable[..., Any]
Frames = UInt8[np.ndarray, "frames height width 3"]


@check("1.1")
def check_to_model(report: Report, to_model: Function) -> None:
    """Check the way from bytes to the model's tensor."""
    frames = report.rng.integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    got = report.call(to_model, frames)
    report.expect(isinstance(got, torch.Tensor), "a torch tensor", "start with torch.from_numpy")
    hint = "the order is batch, colour, frame, row, column: permute, then add the batch"
    report.shape(got, (1, 3, 5, 6, 8), "the tensor", hint)
    report.expect(got.dtype == torch.float32, "float32", "call .float() before you divide")
    x = torch.from_numpy(frames).float().permute(3, 0, 1, 2)[None]
    mixed = torch.from_numpy(frames).float().reshape(1, 3, 5, 6, 8) / 127.5 - 1
    mistakes = {
        "scale to -1..1: divide by 127.5, then subtract 1": x,
        "0..1 is not enough: multiply by 2 and subtract 1": x / 255,
        "subtract 1 after dividing, not before": (x - 1) / 127.5,
        "reshape keeps the order of the bytes and mixes colours with places: use permute": mixed,
    }
    report.close(got, x / 127.5 - 1, "every pixel is in its place", mistakes=mistakes)


@check("1.2")
def check_changed_pixels(report: Report, changed_pixels: Function) -> None:
    """Check the mask of what an edit changes."""
    case = edit_case(int(report.rng.integers(1000)), "glasses", frames=3)
    source, edited = (render_clip(who, case.motion, size=64) for who in (case.source, case.edited))
    signed = source.astype(int) - edited
    difference = np.abs(signed)
    got = report.call(changed_pixels, source, edited, 24)
    hint = "one answer per pixel: take the largest difference over the last axis"
    report.shape(got, (3, 64, 64), "the mask", hint)
    report.picture(lambda: _draw_masks(source, edited, got, difference.max(-1) >= 24))
    report.expect(np.asarray(got).dtype == bool, "the mask is boolean", "return a comparison")
    sizes = {
        "uint8 differences wrap around: convert to a signed type first": np.abs(source - edited),
        "an edit can make a pixel darker: take the absolute value": signed,
        "an edit can make a pixel brighter: take the absolute value": -signed,
    }
    mistakes = {hint: size.max(-1) >= 24 for hint, size in sizes.items()}
    mistakes |= {
        "one colour is enough: take the maximum, not the mean": difference.mean(-1) >= 24,
        "one colour is enough: `any`, not `all`": difference.min(-1) >= 24,
    }
    report.close(got, difference.max(-1) >= 24, "the pixels of the glasses", mistakes=mistakes)
    flat = np.full((1, 1, 3, 3), 100, np.uint8)
    step = flat + np.array([[[[0], [9], [10]]]], np.uint8).repeat(3, -1)
    small = report.call(changed_pixels, flat, step, 10)
    hint = "a difference equal to the threshold counts (>=), and the threshold is an argument"
    what = "a difference equal to the threshold counts"
    report.close(small, [[[False, False, True]]], what, hint)


def _draw_masks(
    source: Frames, edited: Frames, mine: np.ndarray, right: Bool[np.ndarray, "frames h w"]
) -> Picture:
    """Draw source, edit and both masks of the first frame."""
    masks = [np.asarray(mask, bool)[0, ..., None].repeat(3, -1) for mask in (mine, right)]
    images = [source[0], edited[0], *((255 * mask).astype(np.uint8) for mask in masks)]
    labels = ["source", "edit", "your mask", "expected"]
    sheet = contact_sheet({"": np.stack(images)}, labels, height=140)
    return Picture.from_pixels(sheet, "Source, edit, the mask found and the mask expected.")


@check("1.3")
def check_add_blink(report: Report, add_blink: Function) -> None:
    """Check that a blink is added where it should be, and nothing else."""
    frames, fps = 36, 12.0
    values = 0.3 * torch.rand(frames, len(CHANNELS), generator=report.generator)
    seconds = torch.arange(frames) / fps
    at = float(report.rng.uniform(1.0, 2.0))
    values[:, 5:7] = torch.exp(-(((seconds - 0.5) / 0.105) ** 4))[:, None]
    motion = Motion(values.clone(), fps)
    got = report.call(add_blink, motion, at)
    report.expect(isinstance(got, Motion), "a Motion", "return motion.replace(...)")
    report.expect(torch.equal(motion.values, values), "", "the motion given is changed: copy it")
    new = torch.exp(-(((seconds - at) / 0.105) ** 4))
    right = torch.maximum(motion["blink_left"], new)
    report.picture(lambda: _draw_blink(got, right), on_success=True)
    mistakes = {
        "the blink that was there is lost: take the maximum of old and new": new,
        "adding closes lids beyond 1: take the maximum": motion["blink_left"] + new,
        "no blink where it should be: t is in seconds (frame number / motion.fps), and the new "
        "motion must be returned": motion["blink_left"],
    }
    report.close(got["blink_left"], right, "the left eye blinks", mistakes=mistakes)
    hint = "both eyes blink: replace blink_right as well"
    report.close(got["blink_right"], right, "and so does the right", hint)
    others = [name for name in CHANNELS if not name.startswith("blink")]
    same = all(torch.equal(got[name], motion[name]) for name in others)
    report.expect(same, "no other channel is touched", "replace the two blink channels only")


def _draw_blink(motion: Motion, right: Float[torch.Tensor, " frames"]) -> Picture:
    """Draw the blink trace and the frames around it."""
    who = sample_identity(torch.Generator().manual_seed(11))
    shown = int(right[12:].argmax()) + 12
    times = list(range(max(0, shown - 3), min(len(motion), shown + 4)))
    strip = render_clip(who, Motion(motion.values[times], motion.fps), size=96)
    with style():
        canvas = figure(8.0, 3.0)
        strips, axis = canvas.subplots(2, 1)
        strips.imshow(np.concatenate(list(strip), axis=1))
        strips.set_axis_off()
        axis.plot(right, color=PALETTE["green"], linewidth=5, alpha=0.4, label="expected")
        axis.plot(motion["blink_left"], "--", color=PALETTE["blue"], label="blink_left")
        axis.plot(motion["blink_right"], ":", color=PALETTE["orange"], label="blink_right")
        axis.set_xlabel("frame")
        axis.legend(ncols=3, fontsize=8)
        return Picture.from_figure(canvas, "A face closes and opens its eyes; the lids' traces.")


def show_expected_blink() -> Picture:
    """Draw what exercise 1.3 should do at one second of a quiet motion."""
    seconds = torch.arange(24) / 12
    blink = torch.exp(-(((seconds - 1.0) / 0.105) ** 4))
    quiet = Motion(torch.zeros(24, len(CHANNELS)), 12.0)
    return _draw_blink(quiet.replace(blink_left=blink, blink_right=blink), blink)


@check("1.4")
def check_mouth_gap(report: Report, mouth_gap: Function) -> None:
    """Check the mouth's opening, as a share of the eyes' distance."""
    face = report.rng.normal(60, 25, (7, 478, 3))
    face[:, [13, 14], :2] = 60 + report.rng.normal(0, 4, (7, 2, 2))
    got = report.call(mouth_gap, face)
    lips, eyes = face[:, 14] - face[:, 13], face[:, 263] - face[:, 33]
    report.shape(got, (7,), "the trace", "one number for each frame")
    across = np.linalg.norm(eyes[:, :2], axis=-1)
    right = np.linalg.norm(lips[:, :2], axis=-1) / across
    deep, upright = (np.linalg.norm(v, axis=-1) for v in (lips, eyes)), np.abs(lips[:, 1])
    mistakes = {
        "divide by the distance of the eye corners": right * across,
        "use x and y only: the depth is a guess": np.divide(*deep),
        "a tilted head opens its mouth along a slope: not just y counts": upright / across,
        "the other way round: lips over eyes": 1 / right,
    }
    report.close(got, right, "lips over eyes", mistakes=mistakes)
    hint = "a face twice as large must give the same trace: divide by the eyes' distance"
    report.close(report.call(mouth_gap, 2 * face + 5), right, "size and place do not count", hint)

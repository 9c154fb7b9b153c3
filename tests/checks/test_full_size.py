"""Exercises of chapter 9: their checks accept solutions and name the mistakes planted here."""

import pytest

from tests.checks.contract import exercises, hold


def fit_without_the_first(frames, height, width):
    return frames // 8 * 8 + 1, max(32, height // 32 * 32), max(32, width // 32 * 32)


def fit_to_the_nearest(frames, height, width):
    sides = (max(32, round(side / 32) * 32) for side in (height, width))
    return (frames - 1) // 8 * 8 + 1, *sides


def fit_to_nothing(frames, height, width):
    return (frames - 1) // 8 * 8 + 1, height // 32 * 32, width // 32 * 32


def tokens_without_reference(frames, height, width, reference_downscale=1):
    return ((frames - 1) // 8 + 1) * (height // 32) * (width // 32)


def tokens_of_half(frames, height, width, reference_downscale=1):
    target = tokens_without_reference(frames, height, width)
    return target + (target // reference_downscale if reference_downscale else 0)


def numbers_of_layers(shapes, endings, rank):
    chosen = [s for n, s in shapes.items() if any(("." + n).endswith("." + e) for e in endings)]
    return sum(out * into for out, into in chosen)


def numbers_of_loose_endings(shapes, endings, rank):
    return rank * sum(sum(s) for n, s in shapes.items() if n.endswith(tuple(endings)))


def keys_with_two_prefixes(weights):
    def plain(key):
        for prefix in ("diffusion_model.", "base_model.model."):
            key = key.removeprefix(prefix)
        return "transformer." + key.replace("lora_down", "lora_A").replace("lora_up", "lora_B")

    return {plain(key): value for key, value in weights.items()}


def keys_with_old_factors(weights):
    return {"transformer." + k.split("model.")[-1]: value for k, value in weights.items()}


def keys_of_anything(weights):
    renamed = keys_with_two_prefixes(weights)
    double = "transformer.transformer."
    return {k.replace(double, "transformer."): v for k, v in renamed.items()}


def resampled_upside_down(count, source_rate, target_rate):
    frames = -(-count * target_rate // source_rate)
    return [min(count - 1, k * target_rate // source_rate) for k in range(frames)]


def resampled_too_short(count, source_rate, target_rate):
    return [k * source_rate // target_rate for k in range(count * target_rate // source_rate)]


def resampled_too_long(count, source_rate, target_rate):
    frames = count * target_rate // source_rate + 1
    return [min(count - 1, k * source_rate // target_rate) for k in range(frames)]


WRONG = {
    "check_fit_clip": [
        (fit_without_the_first, "81 frames fit|8k \\+ 1"),
        (fit_to_the_nearest, "round down"),
        (fit_to_nothing, "not 0"),
    ],
    "check_sequence_tokens": [
        (tokens_without_reference, "forget the reference"),
        (tokens_of_half, "a quarter"),
    ],
    "check_lora_parameters": [
        (numbers_of_layers, "compare|layers themselves|A, \\(rank, in\\)"),
        (numbers_of_loose_endings, "after a dot|A, \\(rank, in\\)"),
    ],
    "check_rename_keys": [
        (keys_with_two_prefixes, "does not get a second"),
        (keys_with_old_factors, "still there"),
        (keys_of_anything, "raise ValueError"),
    ],
    "check_resample_frames": [
        (resampled_upside_down, "upside down"),
        (resampled_too_short, "round the number of frames up"),
        (resampled_too_long, "ends with its last frame"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("09"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

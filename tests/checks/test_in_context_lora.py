# ruff: noqa: N803, N806 -- A, B, U, S and Vh are the letters of the equations
"""Exercises of chapter 5: their checks accept solutions and name the mistakes planted here."""

import pytest
import torch

from tests.checks.contract import exercises, hold


def merge_without_rank(weight, A, B, alpha, strength=1.0):
    return weight + strength * alpha * B @ A


def merge_without_strength(weight, A, B, alpha, strength=1.0):
    return weight + alpha / len(A) * B @ A


def merge_in_place(weight, A, B, alpha, strength=1.0):
    weight += strength * alpha / len(A) * B @ A
    return weight


def sigmas(sigma, reference, target, of_reference=0.0, of_first=0.0):
    levels = sigma[:, None].repeat(1, reference + target)
    levels[:, :reference] *= of_reference
    levels[:, reference] *= of_first
    return levels


def reference_noisy(sigma, reference, target):
    return sigmas(sigma, reference, target, of_reference=1.0)


def first_frame_noisy(sigma, reference, target):
    return sigmas(sigma, reference, target, of_first=1.0)


def target_first(sigma, reference, target):
    return sigmas(sigma, reference, target).roll(-reference, 1)


def mask_transposed(reference, target):
    mask = torch.ones(reference + target, reference + target, dtype=torch.bool)
    mask[reference:, :reference] = False
    return mask


def mask_full(reference, target):
    return torch.ones(reference + target, reference + target, dtype=torch.bool)


def mask_of_numbers(reference, target):
    return mask_transposed(reference, target).T.float()


def loss_with_first_frame(velocity, latents, noise, reference_tokens, tokens_per_frame):
    return (velocity[:, reference_tokens:] - (noise - latents)).square().mean((1, 2))


def loss_with_sign(velocity, latents, noise, reference_tokens, tokens_per_frame):
    error = velocity[:, reference_tokens:] - (latents - noise)
    return error[:, tokens_per_frame:].square().mean((1, 2))


def loss_of_batch(velocity, latents, noise, reference_tokens, tokens_per_frame):
    error = velocity[:, reference_tokens:] - (noise - latents)
    return error[:, tokens_per_frame:].square().mean()


def compress_without_values(A, B, rank):
    U, _, Vh = torch.linalg.svd(B @ A, full_matrices=False)
    return Vh[:rank], U[:, :rank]


def compress_by_cutting(A, B, rank):
    return A[:rank], B[:, :rank]


def compress_swapped(A, B, rank):
    U, S, Vh = torch.linalg.svd(B @ A, full_matrices=False)
    return U[:, :rank] * S[:rank], Vh[:rank]


WRONG = {
    "check_merge": [
        (merge_without_rank, "divide alpha by the rank"),
        (merge_without_strength, "forget the strength"),
        (merge_in_place, "in place"),
        (lambda W, A, B, alpha, strength=1.0: W + strength * alpha / len(A) * A @ B, "not A B"),
    ],
    "check_sequence_sigmas": [
        (reference_noisy, "give the reference tokens the target's timestep"),
        (first_frame_noisy, "first frame is given"),
        (target_first, "reference comes first"),
    ],
    "check_attention_mask": [
        (mask_transposed, "transposed"),
        (mask_full, "full attention"),
        (mask_of_numbers, "boolean"),
    ],
    "check_sequence_loss": [
        (loss_with_first_frame, "first frame's tokens are given"),
        (loss_with_sign, "noise minus latents"),
        (loss_of_batch, "one number per sample"),
    ],
    "check_compress": [
        (compress_without_values, "leave out the singular values"),
        (compress_by_cutting, "decompose B A"),
        (compress_swapped, "A' comes first"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

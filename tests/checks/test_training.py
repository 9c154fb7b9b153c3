"""Exercises of chapter 6: their checks accept solutions and name the mistakes planted here."""

import numpy as np
import pytest
import torch

from tests.checks.contract import exercises, hold


def sigmas_shifted_after(normal, uniform, use_uniform, mu):
    return torch.where(use_uniform, uniform, torch.sigmoid(normal) + mu)


def sigmas_exchanged(normal, uniform, use_uniform, mu):
    return torch.where(use_uniform, torch.sigmoid(mu + normal), uniform)


def step_without_zero(loss_of, parameters, optimizer, clip):
    loss = loss_of()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return loss.item(), norm.item()


def step_clipped_late(loss_of, parameters, optimizer, clip):
    loss = loss_of()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), torch.nn.utils.clip_grad_norm_(parameters, clip).item()


def step_with_tensors(loss_of, parameters, optimizer, clip):
    loss = loss_of()
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return loss, norm


def memory_of_all(weights, trained, activations, weight_bytes=2):
    return 16 * (weights + trained) + activations


def memory_without_activations(weights, trained, activations, weight_bytes=2):
    return weights * weight_bytes + 16 * trained


def rows_with_replacement(count, batch, index, seed):
    generator = torch.Generator().manual_seed(seed * 7919 + index)
    return torch.randint(count, (batch,), generator=generator)


def rows_from_global_state(count, batch, index, seed):
    return torch.randperm(count)[:batch]


def rows_in_one_order(count, batch, index, seed):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[torch.arange(index * batch, (index + 1) * batch) % count]


def rows_with_close_seeds(count, batch, index, seed):
    places = range(index * batch, (index + 1) * batch)
    passes = [
        torch.randperm(count, generator=torch.Generator().manual_seed(seed + place // count))
        for place in places
    ]
    return torch.stack([order[place % count] for order, place in zip(passes, places, strict=True)])


def stop_knowing_the_future(held_out, patience):
    best = 0
    for index, loss in enumerate(held_out):
        if loss < held_out[best]:
            best = index
        elif index - best >= patience:
            return int(np.argmin(held_out)), index
    return best, len(held_out) - 1


def stop_one_late(held_out, patience):
    best = 0
    for index, loss in enumerate(held_out):
        if loss < held_out[best]:
            best = index
        elif index - best > patience:
            return best, index
    return best, len(held_out) - 1


WRONG = {
    "check_training_sigmas": [
        (sigmas_shifted_after, "before the sigmoid"),
        (sigmas_exchanged, "where the even draw is used"),
    ],
    "check_train_step": [
        (step_without_zero, "zero_grad before backward"),
        (step_clipped_late, "clip after the step"),
        (step_with_tensors, "plain numbers"),
    ],
    "check_memory_bytes": [
        (memory_of_all, "frozen weights need no averages"),
        (memory_without_activations, "forget the activations"),
    ],
    "check_rows_of_batch": [
        (rows_with_replacement, "with replacement"),
        (rows_from_global_state, "make a generator"),
        (rows_in_one_order, "number of the pass"),
        (rows_with_close_seeds, "spread them apart"),
    ],
    "check_early_stop": [
        (stop_knowing_the_future, "cannot be known"),
        (stop_one_late, "not one later"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("06"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

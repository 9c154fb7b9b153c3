"""Exercises of chapter 6: their checks accept solutions and name the mistakes planted here."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from synclora_course.growing import solved_names
from tests.checks.contract import exercises, hold


def sigmas_shifted_after(normal, uniform, use_uniform, mu):
    return torch.where(use_uniform, uniform, torch.sigmoid(normal) + mu)


def sigmas_exchanged(normal, uniform, use_uniform, mu):
    return torch.where(use_uniform, torch.sigmoid(mu + normal), uniform)


def sigmas_of_exponent(normal, uniform, use_uniform, mu, signs):
    exponent = signs[0] * mu + signs[1] * normal
    return torch.where(use_uniform, uniform, 1 / (1 + exponent.exp()))


book = SimpleNamespace(**solved_names())


def step(predict, clips, sigma, noise, optimizer, clip=1.0, *, slip=""):
    frames, height, width = clips.shape[2:]
    x = book.pack(book.noise_and_velocity(clips, noise, sigma)[0])
    if slip != "noised":
        x[:, : height * width] = book.pack(clips)[:, : height * width]
    sigmas = book.token_sigmas(sigma, frames, height, width)
    loss = book.flow_loss(predict(x, sigmas), book.pack(clips), book.pack(noise), sigmas).mean()
    if slip != "zero":
        optimizer.zero_grad()
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if slip == "value":
        torch.nn.utils.clip_grad_value_(parameters, clip)
    elif slip != "late":
        torch.nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    return loss if slip == "tensor" else loss.item()


def going_on(saved, parameters, optimizer, *, names=("step", "exp_avg", "exp_avg_sq"), copy=True):
    for k, parameter in enumerate(parameters):
        parameter.data.copy_(saved[f"{k}.weight"])
        state = {name: saved[f"{k}.{name}"] for name in names}
        optimizer.state[parameter] = {n: v.clone() for n, v in state.items()} if copy else state
    if not names:
        optimizer.state.clear()
    elif "step" not in names:
        for parameter in parameters:
            optimizer.state[parameter]["step"] = torch.tensor(0.0)
    return int(saved["steps"])


def going_on_without(saved, parameters, optimizer, name):
    steps = going_on(saved, parameters, optimizer)
    for parameter in parameters:
        del optimizer.state[parameter][name]
    return steps


def going_on_with_new_parameters(saved, parameters, optimizer):
    for k in range(len(parameters)):
        parameters[k] = torch.nn.Parameter(saved[f"{k}.weight"].clone())
    return int(saved["steps"])


def only_counting(saved, parameters, optimizer):
    return int(saved["steps"])


def memory_of_all(weights, trained, activations, weight_bytes=2):
    return 16 * (weights + trained) + activations


def memory_without_activations(weights, trained, activations, weight_bytes=2):
    return weights * weight_bytes + 16 * trained


def rows_with_replacement(count, batch, index, seed):
    generator = torch.Generator().manual_seed(seed * 7919 + index)
    return torch.randint(count, (batch,), generator=generator)


def rows_from_global_state(count, batch, index, seed):
    return torch.randperm(count)[:batch]


def rows_from_a_global_seed(count, batch, index, seed):
    torch.manual_seed(seed)
    return rows_in_one_order(count, batch, index, seed)


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


def rows_not_shuffled(count, batch, index, seed):
    return torch.arange(index * batch, (index + 1) * batch) % count


def rows_shuffled_by_batch(count, batch, index, seed):
    order = torch.randperm(batch, generator=torch.Generator().manual_seed(seed + index))
    return rows_not_shuffled(count, batch, index, seed)[order]


def rows_of_pass(count, number, seed):
    sown = torch.Generator().manual_seed(seed + 1_000_003 * number)
    return torch.randperm(count, generator=sown)


def rows_without_the_remainder(count, batch, index, seed):
    number, within = divmod(index, count // batch)
    return rows_of_pass(count, number, seed)[within * batch : (within + 1) * batch]


def rows_that_begin_the_pass_again(count, batch, index, seed):
    number, start = divmod(index * batch, count)
    return rows_of_pass(count, number, seed)[(start + torch.arange(batch)) % count]


def rows_with_a_short_batch(count, batch, index, seed):
    number, start = divmod(index * batch, count)
    return rows_of_pass(count, number, seed)[start : start + batch]


def rows_with_seeds_a_thousand_apart(count, batch, index, seed, first=1000, later=1):
    rows = []
    for place in range(index * batch, (index + 1) * batch):
        sown = torch.Generator().manual_seed(first * seed + later * (place // count))
        rows.append(torch.randperm(count, generator=sown)[place % count])
    return torch.stack(rows)


def memory_without_the_adapter(weights, trained, activations, weight_bytes=2):
    return weights * weight_bytes + (4 + 8) * trained + activations


def going_on_with_gradient(saved, parameters, optimizer):
    for k, parameter in enumerate(parameters):
        parameter.copy_(saved[f"{k}.weight"])


WRONG = {
    "check_training_sigmas": [
        (sigmas_shifted_after, "before the sigmoid"),
        (sigmas_exchanged, "where the even draw is used"),
        (partial(sigmas_of_exponent, signs=(1, 1)), "sign of the exponent"),
        (partial(sigmas_of_exponent, signs=(-1, 1)), "before both"),
    ],
    "check_train_step": [
        (partial(step, slip="noised"), "first frame is noised"),
        (partial(step, slip="zero"), "old gradient"),
        (partial(step, slip="late"), "not clipped"),
        (partial(step, slip="value"), "norm"),
        (partial(step, slip="tensor"), "plain number"),
    ],
    "check_memory_bytes": [
        (memory_of_all, "frozen weights need no averages"),
        (memory_without_activations, "forget the activations"),
        (memory_without_the_adapter, "forget the adapter's own weights"),
    ],
    "check_rows_of_batch": [
        (rows_with_replacement, "with replacement"),
        (rows_from_global_state, "make a generator"),
        (rows_from_a_global_seed, "global random state"),
        (rows_not_shuffled, "not shuffled"),
        (rows_shuffled_by_batch, "inside a batch"),
        (rows_without_the_remainder, "over the end of a pass"),
        (rows_that_begin_the_pass_again, "over the end of a pass"),
        (rows_with_a_short_batch, "over the end of a pass"),
        (partial(rows_with_seeds_a_thousand_apart, first=2**32), "low 32 bits"),
        (partial(rows_with_seeds_a_thousand_apart, first=1, later=2**32), "low 32 bits"),
        (rows_in_one_order, "number of the pass"),
        (rows_with_close_seeds, "spread them apart"),
        (rows_with_seeds_a_thousand_apart, "pass 1000 of seed 0 is pass 0 of seed 1"),
        (partial(rows_with_seeds_a_thousand_apart, first=1, later=1000), "of seed 1000"),
    ],
    "check_resume": [
        (partial(going_on, names=()), "averages did not come back"),
        (partial(going_on, names=("exp_avg", "exp_avg_sq")), "own count"),
        (partial(going_on, copy=False), "hand out copies"),
        (only_counting, "not the saved ones"),
        (partial(going_on_without, name="step"), "left out of .*step"),
        (going_on_with_new_parameters, "do not exchange them"),
        (going_on_with_gradient, "no_grad"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("06"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

"""Exercises of chapter 5: their checks accept solutions and name the mistakes planted here."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from synclora_course.growing import solved_names
from tests.checks.contract import exercises, hold

book = SimpleNamespace(**solved_names())


def injector(model, endings, rank, generator=None, *, freeze="first", whole=True, nested=True):
    model.requires_grad_(freeze != "first")
    dots = "." if whole else ""
    words = tuple(f"{dots}{ending}" for ending in endings)
    trained = []
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and f"{dots}{name}".endswith(words):
            adapted = book.LoRALinear(layer, rank, generator)
            parent, _, last = name.rpartition(".")
            if nested:
                setattr(model.get_submodule(parent), last, adapted)
            trained += [adapted.lora_A.weight, adapted.lora_B.weight]
    if freeze == "last":
        model.requires_grad_(requires_grad=False)
    return trained


def sequence(tokens, sigmas, places, reference, *, noisy=False, swap=False, right=0.0):
    clean = book.pack(reference)
    levels = sigmas if noisy else torch.zeros_like(sigmas)
    place = places + torch.tensor([[0.0], [0.0], [right]])
    pairs = ((clean, tokens), (levels, sigmas), (place, places))
    return tuple(torch.cat(pair[::-1] if swap else pair, 1) for pair in pairs)


def attention(q, k, v, r, *, full=False, apart=False):
    own = book.attend(q[:, :, :r], *((k, v) if full else (k[:, :, :r], v[:, :, :r])))
    keys = (k[:, :, r:], v[:, :, r:]) if apart else (k, v)
    return torch.cat([own, book.attend(q[:, :, r:], *keys)], 2)


def asker(transformer, caption, coordinates, reference=None, *, slip=""):
    def predict(tokens, sigmas):
        if reference is None:
            return book.predict_velocity(transformer, tokens, sigmas, caption, coordinates)
        x, levels, places = book.with_reference(tokens, sigmas, coordinates, reference)
        n = x.shape[1] - tokens.shape[1]
        told = 0 if slip == "full" else n
        out = book.predict_velocity(transformer, x, levels, caption, places, told)
        return {"whole": out, "first": out[:, :n]}.get(slip, out[:, n:])

    return predict


WRONG = {
    "check_inject": [
        (partial(injector, freeze="never"), "besides the factors"),
        (partial(injector, freeze="last"), "frozen as well"),
        (partial(injector, whole=False), "exchanged too"),
        (partial(injector, nested=False), "is as it was"),
    ],
    "check_with_reference": [
        (partial(sequence, noisy=True), "give the reference the target's noise"),
        (partial(sequence, swap=True), "reference comes first"),
        (partial(sequence, right=96.0), "not beside it"),
    ],
    "check_attend_with_reference": [
        (partial(attention, full=True), "full attention"),
        (partial(attention, apart=True), "not to itself only"),
    ],
    "check_predictor": [
        (partial(asker, slip="whole"), "still there"),
        (partial(asker, slip="first"), "reference's answers"),
        (partial(asker, slip="full"), "attends to the target"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

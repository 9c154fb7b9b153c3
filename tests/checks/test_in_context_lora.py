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


def sequence(tokens, sigmas, places, reference, right=0, *, noisy=False, swap=False, moved=2):
    clean = book.pack(reference)
    levels = sigmas if noisy else torch.zeros_like(sigmas)
    place = places.clone()
    if moved is not None:
        place[moved] += right
    pairs = ((clean, tokens), (levels, sigmas), (place, places))
    return tuple(torch.cat(pair[::-1] if swap else pair, 1) for pair in pairs)


def attention(q, k, v, r, *, full=False, apart=False):
    own = book.attend(q[:, :, :r], *((k, v) if full else (k[:, :, :r], v[:, :, :r])))
    keys = (k[:, :, r:], v[:, :, r:]) if apart else (k, v)
    return torch.cat([own, book.attend(q[:, :, r:], *keys)], 2)


def asker(transformer, caption, coordinates, reference=None, right=0, *, slip=""):
    def predict(tokens, sigmas):
        if reference is None:
            return book.predict_velocity(transformer, tokens, sigmas, caption, coordinates)
        x, levels, places = book.with_reference(
            tokens, sigmas, coordinates, reference, 0 if slip == "place" else right
        )
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
        (partial(sequence, moved=None), "to the right of the target"),
        (partial(sequence, moved=1), "third row"),
    ],
    "check_attend_with_reference": [
        (partial(attention, full=True), "full attention"),
        (partial(attention, apart=True), "not to itself only"),
    ],
    "check_predictor": [
        (partial(asker, slip="whole"), "still there"),
        (partial(asker, slip="first"), "reference's answers"),
        (partial(asker, slip="full"), "attends to the target"),
        (partial(asker, slip="place"), "pass `right` on"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)

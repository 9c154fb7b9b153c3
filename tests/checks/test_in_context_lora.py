"""Exercises of chapter 5: their checks accept solutions and name the mistakes planted here."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from synclora_course.checks import CheckFailed
from synclora_course.checks.in_context_lora import check_attend_with_reference
from synclora_course.growing import solved_names
from tests.checks.contract import exercises, hold

book = SimpleNamespace(**solved_names())


def injector(
    model, endings, rank, generator=None,
    *, freeze="first", whole=True, nested=True, told=True, of="AB", more=(),
):  # fmt: skip
    model.requires_grad_(freeze != "first")
    dots = "." if whole else ""
    words = tuple(f"{dots}{ending}" for ending in endings)
    trained = []
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and f"{dots}{name}".endswith(words):
            adapted = book.LoRALinear(layer, rank, generator if told else None)
            parent, _, last = name.rpartition(".")
            if nested:
                setattr(model.get_submodule(parent), last, adapted)
            trained += [getattr(adapted, f"lora_{factor}").weight for factor in of]
            trained += [getattr(layer, name) for name in more]
    if freeze == "last":
        model.requires_grad_(requires_grad=False)
    return trained


def sequence(tokens, sigmas, places, reference, *, noisy=False, swap=False, right=0.0):
    clean = book.pack(reference)
    levels = sigmas if noisy else torch.zeros_like(sigmas)
    place = places + torch.tensor([[0.0], [0.0], [right]])
    pairs = ((clean, tokens), (levels, sigmas), (place, places))
    return tuple(torch.cat(pair[::-1] if swap else pair, 1) for pair in pairs)


def attention(q, k, v, r, *, full=False, apart=False, wrong=None):
    own = book.attend(q[:, :, :r], *((k, v) if full else (k[:, :, :r], v[:, :, :r])))
    keys = (k[:, :, r:], v[:, :, r:]) if apart else (k, v)
    answers = torch.cat([own, book.attend(q[:, :, r:], *keys)], 2)
    if wrong:
        answers[:, :, wrong] += 1
    return answers


def asker(transformer, caption, coordinates, reference=None, *, slip=""):
    def predict(tokens, sigmas):
        if reference is None:
            return book.predict_velocity(transformer, tokens, sigmas, caption, coordinates)
        x, levels, places = book.with_reference(tokens, sigmas, coordinates, reference)
        n = reference.shape[2] if slip == "frames" else x.shape[1] - tokens.shape[1]
        told = 0 if slip == "full" else n
        out = book.predict_velocity(transformer, x, levels, caption, places, told)
        return {"whole": out, "first": out[:, :n]}.get(slip, out[:, n:])

    return predict


def asker_without_none(transformer, caption, coordinates, reference=None):
    clean = book.pack(reference)
    return lambda tokens, sigmas: tokens - clean


def asker_by_truth(transformer, caption, coordinates, reference=None):
    predict = asker(transformer, caption, coordinates, reference)
    return lambda tokens, sigmas: predict(tokens, sigmas) if not reference else tokens


def asker_that_asks(transformer, caption, coordinates, reference=None):
    return book.predict_velocity(transformer, tokens, sigmas, caption, coordinates)  # noqa: F821


def asker_that_calls(transformer, caption, coordinates, reference=None):
    return asker(transformer, caption, coordinates, reference)()


WRONG = {
    "check_inject": [
        (partial(injector, freeze="never"), "besides the factors"),
        (partial(injector, freeze="last"), "frozen as well"),
        (partial(injector, whole=False), "exchanged too"),
        (partial(injector, nested=False), "is as it was"),
        (partial(injector, of="B"), "missing .*lora_A"),
        (partial(injector, of="A"), "missing .*lora_B"),
        (partial(injector, more=["weight"]), "besides A and B"),
        (partial(injector, told=False), "not passed on"),
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
        (partial(asker, slip="frames"), "frames, not its tokens"),
        (asker_without_none, "may be None"),
        (asker_by_truth, "is None"),
        (asker_that_asks, "inner function"),
        (asker_that_calls, "inner function"),
    ],
}


@pytest.mark.parametrize("exercise", exercises("05"), ids=lambda exercise: exercise.identifier)
def test_an_exercise_keeps_its_contract(exercise):
    hold(exercise, WRONG)


@pytest.mark.parametrize(
    ("rows", "heading"), [(slice(3), "the reference"), (slice(3, None), "the target")]
)
def test_an_error_of_5_3_is_headed_by_whose_rows_are_wrong(rows, heading):
    with pytest.raises(CheckFailed) as caught:
        check_attend_with_reference(partial(attention, wrong=rows))
    assert f"{heading} attends" in caught.value.what

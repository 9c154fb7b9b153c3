"""Checks of chapter 6: noise levels, one step, resumable reading, memory, going on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synclora_course.checks.framework import Report, check
from synclora_course.checks.outcome import Hint
from synclora_lite import core
from synclora_lite.viz import Picture, figure, style

Function = Callable[..., Any]
GIGA = 10**9


@check("6.1")
def check_training_sigmas(report: Report, training_sigmas: Function) -> None:
    """Exercise 6.1: a shifted logit-normal, some levels drawn evenly."""
    g, mu = report.generator, 0.8
    normal, uniform = torch.randn(40, generator=g), torch.rand(40, generator=g)
    use = torch.rand(40, generator=g) < 0.3
    got = report.call(training_sigmas, normal, uniform, use, mu)
    report.shape(got, (40,), "the levels", "one level for each of the given numbers")
    report.picture(lambda: _draw_levels(torch.as_tensor(got).double().numpy()))
    inside = bool(((torch.as_tensor(got) > 0) & (torch.as_tensor(got) < 1)).all())
    sigmoid = torch.sigmoid(mu + normal)
    even = torch.sigmoid(mu + torch.where(use, uniform, normal))
    drawn = {
        "mu moves the log-odds: add it before the sigmoid, not after": torch.sigmoid(normal) + mu,
        "did you forget mu?": torch.sigmoid(normal),
        "a larger mu means more noise: add it, do not subtract it": torch.sigmoid(normal - mu),
        "mu shifts, it does not scale": torch.sigmoid(mu * normal),
        "the sign of the exponent is turned: it is -(mu + z)": torch.sigmoid(-mu - normal),
        "the minus of the exponent is before both: it is -(mu + z)": torch.sigmoid(mu - normal),
    }
    known = {hint: torch.where(use, uniform, levels) for hint, levels in drawn.items()}
    known |= {
        "use_uniform is true where the even draw is used": torch.where(use, sigmoid, uniform),
        "did you forget the even draws?": sigmoid,
        "the even draws stay as they are, without the shift": even,
    }
    want = torch.where(use, uniform, sigmoid)
    report.close(got, want, "1 / (1 + exp(-(mu + z)))", "look at the equation", mistakes=known)
    report.expect(inside, "all levels lie between 0 and 1")
    none = torch.zeros(3, dtype=torch.bool)
    middle = report.call(training_sigmas, torch.zeros(3), torch.rand(3), none, 0.0)
    report.close(middle, torch.full((3,), 0.5), "z = 0 and mu = 0 give one half")


@check("6.2")
def check_train_step(report: Report, train_step: Function) -> None:
    """Exercise 6.2: noise, the model's answer, its loss, and one step on a clipped gradient."""
    g, size, clip, rate = report.generator, (3, 2, 2), 0.05, 0.5
    given = size[1] * size[2]
    clips, noise = (torch.randn(2, 4, *size, generator=g) for _ in range(2))
    sigma = 0.2 + 0.6 * torch.rand(2, generator=g)
    weight = torch.nn.Parameter(torch.randn(4, generator=g))
    start = weight.detach().clone()
    optimizer = torch.optim.SGD([weight], lr=rate)
    asked: list[tuple[Tensor, Tensor]] = []

    def predict(tokens: Tensor, sigmas: Tensor) -> Tensor:
        asked.append((tokens.detach().clone(), sigmas.clone()))
        return tokens * weight + sigmas[..., None]

    weight.grad = torch.full_like(start, 7.0)  # what an earlier pass left behind
    loss = report.call(train_step, predict, clips, sigma, noise, optimizer, clip)
    report.expect(len(asked) == 1, "the model is asked once", "call predict(tokens, sigmas) once")
    x0, eps = core.pack(clips), core.pack(noise)
    levels = sigma[:, None].repeat(1, x0.shape[1])
    noised = torch.lerp(x0, eps, levels[..., None])
    x = torch.cat([x0[:, :given], noised[:, given:]], 1)
    first = (
        "the first frame is noised: it is given, and must be clean",
        "noise_and_velocity noises every frame",
        "put pack(clips)'s first height * width tokens in their place",
    )
    exchanged = torch.lerp(eps, x0, levels[..., None])
    known: dict[Hint, Tensor] = {
        first: noised,
        "noise and clips are exchanged: at sigma = 0 there is no noise": torch.cat(
            [x0[:, :given], exchanged[:, given:]], 1
        ),
    }
    report.close(asked[0][0], x, "the tokens", "pack the noisy latents", mistakes=known)
    told = levels.clone()
    told[:, :given] = 0
    known = {"the first frame is clean: its level is 0, see token_sigmas": levels}
    report.close(asked[0][1], told, "their noise levels", "use token_sigmas", mistakes=known)
    _check_descent(report, _Descent(x, told, x0, eps, start, given), loss, weight, clip * rate)


@dataclass(frozen=True)
class _Descent:
    """One step of gradient descent on a model with one weight for each channel."""

    x: Tensor
    told: Tensor
    x0: Tensor
    noise: Tensor
    start: Tensor
    given: int

    def loss_and_gradient(self, of_all: bool = False) -> tuple[float, Tensor]:
        """Return the loss at the start and its gradient; `of_all` tokens, or the noisy ones."""
        weight = self.start.clone().requires_grad_()
        error = self.x * weight + self.told[..., None] - (self.noise - self.x0)
        loss = error[:, 0 if of_all else self.given :].square().mean()
        return loss.item(), torch.autograd.grad(loss, weight)[0]


def _check_descent(
    report: Report, descent: _Descent, loss: Any, weight: Tensor, length: float
) -> None:
    """Compare the loss and the new weights with those of a right step of this length."""
    number = isinstance(loss, float)
    report.expect(number, "", "return the loss as a plain number: call .item()")
    (right, gradient), (all_loss, _) = descent.loss_and_gradient(), descent.loss_and_gradient(True)
    mistakes: dict[Hint, Any] = {"the given tokens are in your loss: use flow_loss": all_loss}
    hint = "the mean of flow_loss over the batch, before the step"
    report.close(loss, right, "the loss", hint, mistakes=mistakes)
    start, old = descent.start, gradient + 7
    plain, bound = start - 0.5 * gradient, length / 0.5
    by_value = (
        "clip the norm of the whole gradient, not each of its values",
        "which function of nn.utils scales all gradients by one factor?",
        "clip_grad_norm_(parameters, clip)",
    )
    order = (
        "an old gradient was there",
        "what does backward do with gradients that are there already?",
        "call optimizer.zero_grad() before loss.backward()",
    )
    mistakes = {
        order: start - length * old / old.norm(),
        "no step was taken: after backward, clip and step": start,
        "the gradient is not clipped, or only after the step": plain,
        by_value: start - 0.5 * gradient.clamp(-bound, bound),
        "a step up: leave the sign to the optimizer": start + length * gradient / gradient.norm(),
    }
    want = start - length * gradient / gradient.norm()
    hint = "the order is: forget old gradients, backward, clip, step"
    report.close(weight, want, "the weights after one step", hint, mistakes=mistakes)


@check("6.3")
def check_rows_of_batch(report: Report, rows_of_batch: Function) -> None:
    """Exercise 6.3: shuffled reading that can go on at any batch."""
    count, batch, passes, seed = 10, 4, 4, int(report.rng.integers(1000))
    batches = passes * count // batch
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        rows = [report.call(rows_of_batch, count, batch, k, seed) for k in range(batches)]
        untouched = torch.equal(torch.get_rng_state(), before)
    for part in rows:
        hint = "`batch` row numbers in a tensor, also where a batch reaches over the end of a pass"
        report.shape(part, (batch,), "a batch", hint)
    report.properties = ["every batch has its size"]
    hint = "this changes torch's global random state: make a generator from the arguments instead"
    report.expect(untouched, "the global random state stays as it is", hint)
    again = report.call(rows_of_batch, count, batch, 3, seed)
    same = np.array_equal(np.asarray(again), np.asarray(rows[3]))
    hint = "make a generator from the arguments: torch.Generator().manual_seed(...)"
    report.expect(same, "asked twice, it gives the same rows", hint)
    reading = np.concatenate([np.asarray(part) for part in rows]).reshape(passes, count)
    once = all(sorted(part) == list(range(count)) for part in reading.tolist())
    hint = _why_not_once(reading.reshape(batches, batch), count)
    report.expect(once, "every pass visits each row exactly once", hint)
    orders = {tuple(part) for part in reading.tolist()}
    hint = "the rows are not shuffled: use torch.randperm"
    report.expect(tuple(range(count)) not in orders, "the rows are shuffled", hint)
    low = "a torch.Generator on the CPU reads only the low 32 bits of its seed"
    hint = f"put the number of the pass into the seed ({low})"
    report.expect(len(orders) == passes, "every pass has another order", hint)

    def read(size: int, *places: tuple[int, int]) -> np.ndarray:
        return np.concatenate([report.call(rows_of_batch, count, size, *p) for p in places])

    others = read(batch, *((k, seed + 1) for k in range(5)))
    differs = not np.array_equal(others, reading.ravel()[: len(others)])
    report.expect(differs, "another seed gives another reading", f"is the seed used? ({low})")
    apart = "seeds do not repeat each other's passes"
    for far in (1, 10, 100, 1000, 10_000):
        for index, other in ((far, 1), (1, far)):
            repeats = np.array_equal(read(count, (index, seed)), read(count, (0, seed + other)))
            ladder = (
                f"pass {index} of seed 0 is pass 0 of seed {other}: spread them apart",
                "what does your generator get in these two passes?",
                "add seed and pass, but multiply one of them by a number in the millions before",
            )
            report.expect(not repeats, apart, ladder)


def _why_not_once(rows: Int[np.ndarray, "batches batch"], count: int) -> str:
    """Tell why a pass does not visit each row exactly once."""
    batch = rows.shape[1]
    unshuffled = np.arange(rows.size).reshape(rows.shape) % count
    if np.array_equal(np.sort(rows), np.sort(unshuffled)):
        return "you shuffle inside a batch only: shuffle all rows, then cut"
    first, cut = rows.ravel()[:count], rows.reshape(-1, count // batch * batch)
    if _distinct(first) or all(map(_distinct, cut)):  # begins anew, or drops the remainder
        return "a batch may reach over the end of a pass: it goes on with rows of the next"
    return "did you draw with replacement, or anew for each batch? Shuffle all rows, then cut"


def _distinct(rows: Int[np.ndarray, " rows"]) -> bool:
    return len(np.unique(rows)) == len(rows)


@check("6.4")
def check_memory_bytes(report: Report, memory_bytes: Function) -> None:
    """Exercise 6.4: what training an adapter needs."""
    cases = [(2 * GIGA, GIGA // 10, 4 * GIGA, 2), (6_700_000, 800_000, 30_000_000, 4)]
    weights = int(report.rng.integers(1, 50)) * GIGA // 10
    cases.append((weights, weights // 40, int(report.rng.integers(1, 20)) * GIGA // 4, 1))
    for total, trained, activations, width in cases:
        fixed = total * width + activations
        mistakes = {
            "12 bytes for each trained number: did you forget the adapter's own weights, "
            "beside their gradient (4) and averages (8)?": fixed + 12 * trained,
            "frozen weights have no gradient and no averages": fixed + 12 * total,
            "frozen weights need no averages: count the trained numbers only": (
                16 * (total + trained) + activations
            ),
            "did you forget the activations?": total * width + 16 * trained,
            "the adapter's numbers are float32, whatever the model's are": (
                fixed + trained * (width + 12)
            ),
            "gradients are float32 too: four bytes each": fixed + trained * (4 + width + 8),
            "the optimiser's averages are missing": fixed + 8 * trained,
        }
        got = report.call(memory_bytes, total, trained, activations, width)
        what = f"{total / 1e9:g}e9 weights of {width} bytes, {trained / 1e9:g}e9 trained"
        hint = "weights, then for each trained number: itself, its gradient, two averages"
        report.close(got, fixed + 16 * trained, what, hint, mistakes=mistakes, rtol=1e-9)


@check("6.5")
def check_resume(report: Report, resume: Function) -> None:
    """Exercise 6.5: a run that goes on ends where one without a pause does."""
    start, goal = (torch.randn(2, 3, generator=report.generator) for _ in range(2))
    parameters, optimizer = _fresh(start)
    _walk(parameters, optimizer, goal)
    saved = {"steps": torch.tensor(3)}
    for k, parameter in enumerate(parameters):
        saved[f"{k}.weight"] = parameter.detach().clone()
        saved |= {f"{k}.{n}": v.clone() for n, v in optimizer.state[parameter].items()}
    kept = {n: v.clone() for n, v in saved.items()}
    straight, (mine, mine_optimizer) = _walk(parameters, optimizer, goal), _fresh(start)
    given = list(mine)
    steps = report.call(resume, saved, mine, mine_optimizer)
    weights = (
        "the network's weights are not the saved ones",
        "did you change the parameters that you were given, or names in your function?",
        'parameter.data.copy_(saved[f"{k}.weight"])',
    )
    exchanged = (
        "copy into the parameters that are given, do not exchange them for new ones",
        "which tensors does the optimizer hold?",
        'parameter.data.copy_(saved[f"{k}.weight"])',
    )
    same = [*map(id, mine)] == [*map(id, given)]
    report.expect(same, "the parameters are those that were given", exchanged)
    back = all(torch.equal(p, kept[f"{k}.weight"]) for k, p in enumerate(mine))
    report.expect(back, "the weights are back", weights)
    report.expect(steps == 3 and isinstance(steps, int), "", "return int(saved['steps'])")
    states = [mine_optimizer.state.get(p) for p in mine]
    names = ("step", "exp_avg", "exp_avg_sq")
    left = ", ".join(n for n in names if any(state and n not in state for state in states))
    report.expect(not left, "", f"left out of optimizer.state[parameter]: {left}")
    counted = _gone_on(kept, start, goal, "exp_avg", "exp_avg_sq")
    mistakes: dict[Hint, Tensor] = {
        (
            "the optimizer's averages did not come back",
            "what is in optimizer.state after your function?",
            "optimizer.state[parameter] = {name: saved[...].clone() for each of the three names}",
        ): _gone_on(kept, start, goal),
        "the optimizer's own count, `step`, did not come back: it corrects young averages": counted,
    }
    end, what = _walk(mine, mine_optimizer, goal), "3 + 3 steps end where 6 do"
    hint = "after resuming, weights, averages and count must be those that were saved"
    report.close(end, straight, what, hint, mistakes=mistakes, atol=1e-7)
    alias = all(bool(torch.equal(saved[n], kept[n])) for n in kept)
    hint = "the saved tensors have changed with the training: hand out copies, with .clone()"
    report.expect(alias, "what was saved stays as it was", hint)


def _fresh(start: Tensor) -> tuple[list[torch.nn.Parameter], torch.optim.AdamW]:
    parameters = [torch.nn.Parameter(row.clone()) for row in start]
    return parameters, torch.optim.AdamW(parameters, lr=0.1, weight_decay=0)


def _walk(parameters: list[Any], optimizer: torch.optim.Optimizer, goal: Tensor) -> Tensor:
    """Take three steps towards a goal."""
    for _ in range(3):
        optimizer.zero_grad()
        ((torch.stack(parameters) - goal) ** 4).sum().backward()
        optimizer.step()
    return torch.stack(parameters).detach()


def _gone_on(saved: dict[str, Tensor], start: Tensor, goal: Tensor, *names: str) -> Tensor:
    """Go on with the saved weights and averages of some names, but a count that begins anew."""
    parameters, optimizer = _fresh(start)
    for k, parameter in enumerate(parameters):
        parameter.data.copy_(saved[f"{k}.weight"])
        averages = {name: saved[f"{k}.{name}"].clone() for name in names}
        optimizer.state[parameter] = {"step": torch.tensor(0.0), **averages} if names else {}
    return _walk(parameters, optimizer, goal)


def _draw_levels(levels: Float[np.ndarray, " draws"]) -> Picture:
    """Draw how the student's levels are spread."""
    with style():
        picture = figure(4.8, 2.6)
        axes = picture.subplots()
        axes.hist(levels[np.isfinite(levels)], bins=24)
        axes.set(title="your noise levels", xlabel="sigma", ylabel="how many")
        return Picture.from_figure(picture, "A histogram of the noise levels that you drew.")

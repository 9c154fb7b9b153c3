"""What a check is: it runs a student's function, tests what it does, and names the likely mistake.

A check is a function of a `Report` and the student's function, made callable by `@check`:

    @check("3.1")
    def check_pearson(report: Report, pearson: Callable[..., Any]) -> None:
        x, y = report.rng.standard_normal((2, 50))
        r = report.call(pearson, x, y)
        report.close(r, np.corrcoef(x, y)[0, 1], "r", mistakes={"subtract the mean": ...})

Students write `check_pearson(pearson)`; `check_pearson(pearson, seed=7)` is the hidden test. The
`NotImplementedError` of a stub passes through, and `...` counts as one; all else that goes wrong
becomes `CheckFailed`. Hints are a ladder of three: what is wrong, where to look, the step. Each
further failure for the same reason tells one more. A hint of one sentence is the first rung; the
exercise's own in `ladders.toml` follow it.
"""

import dis
import functools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from IPython import get_ipython
from IPython.display import display

from synclora_course.checks.outcome import CheckFailed, Hint, Passed
from synclora_lite.viz import Picture

Function = Callable[..., Any]


class Report:
    """What a check has found so far, and the means to find more.

    Attributes:
        exercise: Number of the exercise, such as "3.1".
        rng: NumPy's source of random inputs, from the seed.
        generator: torch's source of random inputs, from the same seed.
        properties: What has been shown to hold, in words.
        aids: Advice that this exercise has for an error, by words in its message.

    """

    def __init__(self, exercise: str, seed: int = 0) -> None:
        self.exercise = exercise
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.properties: list[str] = []
        self.aids: dict[str, str] = {}
        self._draw: Callable[[], Picture] | None = None
        self._on_success = False

    def call(self, function: Function, *args: Any, **options: Any) -> Any:
        """Call the student's function on copies of the inputs.

        Raises:
            CheckFailed: It raised, returned nothing, or changed what it was given.

        """
        given, named = [_copy(a) for a in args], {k: _copy(v) for k, v in options.items()}
        name = getattr(function, "__name__", "your function")
        try:
            result = function(*given, **named)
        except NotImplementedError:
            raise
        except Exception as error:  # students' code may raise anything
            if "ellipsis" in str(error):
                raise self.unfinished(name) from error
            what = f"{name} raised {type(error).__name__}: {error}"
            own = [aid for words, aid in self.aids.items() if words in str(error)]
            raise self.failure(what, "a result", (own or [_first_aid(error)])[0]) from error
        if result is None:
            raise self.failure(f"{name} returns nothing", "a result", "is `return` missing?")
        if result is ... or (isinstance(result, tuple | list) and any(r is ... for r in result)):
            raise self.unfinished(name)
        before, after = [*args, *options.values()], [*given, *named.values()]
        for old, new in zip(before, after, strict=True):
            same = _same(old, new)
            self.expect(same, "", f"{name} changes its input in place: work on a copy")
        return result

    def expect(self, holds: bool, what: str, hint: Hint = "", expected: str = "") -> None:
        """Note that something holds, or fail with a hint.

        Args:
            holds: Whether it does.
            what: The property, in words that are true when it holds; empty to keep it silent.
            hint: What the student probably did, or should look at.
            expected: What should have been seen instead.

        Raises:
            CheckFailed: It does not hold.

        """
        if not holds:
            said = f"not so: {what}" if what else str(hint)
            raise self.failure(said, expected, hint if what else "")
        if what:
            self._note(what)

    def parts(self, value: Any, count: int, advice: str, what: str = "") -> None:
        """Expect several results, as in `return a, b`.

        Raises:
            CheckFailed: There are not so many.

        """
        several = isinstance(value, tuple | list | np.ndarray) and len(value) == count
        self.expect(several, what, advice)

    def shape(self, value: Any, shape: Sequence[int], what: str, hint: Hint = "") -> None:
        """Expect an array, tensor or number of this shape.

        Raises:
            CheckFailed: It is nothing of the kind, or of another shape.

        """
        self._expect_shape(value, shape, what, hint)
        self._note(f"{what}: shape {_words(shape)}")

    def close(
        self,
        got: Any,
        want: Any,
        what: str,
        hint: Hint = "",
        *,
        mistakes: Mapping[Any, Any] | None = None,
        rtol: float = 1e-4,
        atol: float = 1e-5,
    ) -> None:
        """Expect values equal to what is wanted, within a tolerance.

        Args:
            got: The student's result.
            want: The expected one, of the same shape.
            what: Its name.
            hint: Advice if it is wrong in no known way.
            mistakes: Advice by known wrong result: what a likely mistake would give.
            rtol: Relative tolerance.
            atol: Absolute tolerance.

        Raises:
            CheckFailed: The shape or a value differs; the advice is the mistake's whose result
                the student's is.

        """
        right = _array(want)
        if _is_number(got):
            mine = _array(got)
            if _alike(mine, right, rtol, atol):
                self._note(what)
                return
            slips = (advice for advice, wrong in (mistakes or {}).items()
                     if _alike(mine, _array(wrong), rtol, atol))  # fmt: skip
            hint = next(slips, hint)
        self._expect_shape(got, right.shape, what, hint)
        seen, wanted = _difference(mine, right, rtol, atol)
        raise self.failure(f"{what}: got {seen}", wanted, hint)

    def _expect_shape(self, value: Any, shape: Sequence[int], what: str, hint: Hint) -> None:
        if value is None:
            raise self.failure(f"{what} is None", f"shape {_words(shape)}", "is there a `return`?")
        if not _is_number(value):
            kind = type(value).__name__
            raise self.failure(f"{what} is a {kind}", f"an array of shape {_words(shape)}", hint)
        got = tuple(np.shape(_array(value)))
        if got != tuple(shape):
            raise self.failure(f"{what} has shape {_words(got)}", f"shape {_words(shape)}", hint)

    def _note(self, what: str) -> None:
        """Add a property that holds, once."""
        if what not in self.properties:
            self.properties.append(what)

    def picture(self, draw: Callable[[], Picture], *, on_success: bool = False) -> None:
        """Have this picture shown if the check fails from here on, or in any case."""
        self._draw, self._on_success = draw, on_success

    def failure(self, what: str, expected: str = "", hint: Hint = "") -> CheckFailed:
        """Make the error for this exercise, to be raised."""
        ladder = (hint, *_further(self.exercise)) if isinstance(hint, str) else hint
        return CheckFailed(self.exercise, what, expected, ladder, self._drawn())

    def unfinished(self, name: str) -> NotImplementedError:
        """Make the error for a function in which a `...` stands for what is to be written."""
        return NotImplementedError(f"Exercise {self.exercise}: {name} still holds a `...`")

    def passed(self) -> Passed:
        """Return what students see when everything holds."""
        picture = self._drawn() if self._on_success else None
        return Passed(self.exercise, tuple(self.properties), picture)

    def _drawn(self) -> Picture | None:
        return self._draw() if self._draw else None


def check(exercise: str) -> Callable[[Callable[[Report, Any], None]], Callable[..., Passed]]:
    """Turn a function of a report and a student's function into the check of an exercise."""

    def decorate(inspect: Callable[[Report, Any], None]) -> Callable[..., Passed]:
        @functools.wraps(inspect)
        def run(function: Any, *, seed: int = 0) -> Passed:
            report = Report(exercise, seed)
            if not callable(function):
                advice = "give the function itself, without brackets behind its name"
                raise report.failure(f"got {type(function).__name__}", "your function", advice)
            if _is_empty(function):
                raise NotImplementedError(f"Exercise {exercise}: {function.__name__} is empty yet")
            try:
                inspect(report, function)
            except CheckFailed as failure:
                failure.shown = _climb(exercise, failure.hint)
                if failure.picture and get_ipython():
                    display(failure.picture)
                raise
            _stuck.pop(exercise, None)
            return report.passed()

        run.exercise = exercise  # type: ignore[attr-defined]
        return run

    return decorate


@functools.cache
def _further(exercise: str) -> tuple[str, ...]:
    """Return the second and the third rung of an exercise's ladder, if it has them."""
    text = Path(__file__).with_name("ladders.toml").read_text("utf-8")
    rungs = tomllib.loads(text).get(exercise, {})
    return tuple(rungs[name] for name in ("where", "step") if name in rungs)


_stuck: dict[str, tuple[str, int]] = {}  # by exercise: the last failure's hint, how often


def _climb(exercise: str, hint: str) -> int:
    """Count how often in a row an exercise has failed for the same reason."""
    last, times = _stuck.get(exercise, ("", 0))
    times = times + 1 if hint == last else 1
    _stuck[exercise] = (hint, times)
    return times


def _is_empty(function: Function) -> bool:
    """Whether a function's body is `...` or `pass`, a docstring apart."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_name == "<lambda>":  # which has no such body: it returns None
        return False
    return all(
        step.opname in ("RESUME", "NOP", "RETURN_VALUE")
        or (step.opname in ("LOAD_CONST", "RETURN_CONST") and step.argval is None)
        for step in dis.get_instructions(code)
    )


def _copy(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, torch.Tensor):
        return old.shape == new.shape and bool(torch.equal(old.nan_to_num(), new.nan_to_num()))
    return not isinstance(old, np.ndarray) or np.array_equal(
        old, new, equal_nan=old.dtype.kind == "f"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, np.ndarray | torch.Tensor | np.number | np.bool_ | int | float)


def _alike(one: np.ndarray, other: np.ndarray, rtol: float, atol: float) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol, atol, equal_nan=True)


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().double().numpy()
    return np.asarray(value, dtype=float)


def _words(shape: Sequence[int]) -> str:
    return "() (one number)" if len(shape) == 0 else str(tuple(shape))


def _difference(mine: np.ndarray, right: np.ndarray, rtol: float, atol: float) -> tuple[str, str]:
    """Show what was got and expected: small results whole, large ones where they first differ."""
    wrong = np.argwhere(~np.isclose(mine, right, rtol, atol, equal_nan=True))
    place = tuple(int(k) for k in wrong[0])
    pair = float(mine[place]), float(right[place])
    digits = next((d for d in (4, 6, 9) if f"{pair[0]:.{d}g}" != f"{pair[1]:.{d}g}"), 17)
    if mine.size > 6:
        got, want = (f"{value:.{digits}g}" for value in pair)
        return f"{got} at {list(place)}, the first of {len(wrong)} wrong values", f"{want} there"
    shown = [", ".join(f"{v:.{digits}g}" for v in values.ravel()) for values in (mine, right)]
    if mine.ndim:
        shown = [f"[{values}] of shape {mine.shape}" for values in shown]
    return shown[0], shown[1]


def _first_aid(error: Exception) -> str:
    """Advice that goes with an error whatever the exercise."""
    words = str(error)
    if isinstance(error, NameError):
        return "is the name spelt right, and was the cell that defines it run?"
    if "broadcast" in words or "must match" in words or "size of tensor" in words:
        return "print the shapes just before that line: two of them do not fit"
    if "leaf Variable" in words:
        return "change parameters inside `with torch.no_grad():`, so that no gradient is followed"
    if isinstance(error, TypeError) and "argument" in words:
        return "keep the signature of the exercise: same arguments, same order"
    return "run the function by itself on a small input to see the line"

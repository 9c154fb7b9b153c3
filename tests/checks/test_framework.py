import numpy as np
import pytest
import torch

from synclora_course.checks import CheckFailed, check
from synclora_lite.viz import Picture


@check("9.9")
def check_double(report, double):
    x = report.rng.standard_normal(4)
    got = report.call(double, x)
    report.close(got, 2 * x, "twice the input", mistakes={"you squared it": x**2})
    report.expect(bool((got - x == x).all()), "the rest is the input", "multiply by two")


def test_a_right_function_passes_and_the_page_lists_what_holds():
    passed = check_double(lambda x: 2 * x)
    assert "twice the input" in str(passed)
    assert "twice the input" in passed._repr_html_()


def test_the_seed_changes_the_inputs():
    seen = []

    def double(x):
        seen.append(x)
        return 2 * x

    check_double(double, seed=1)
    check_double(double, seed=2)
    check_double(double, seed=1)
    assert not np.allclose(seen[0], seen[1])
    assert np.allclose(seen[0], seen[2])


def test_a_known_mistake_is_named():
    with pytest.raises(CheckFailed, match="you squared it"):
        check_double(lambda x: x**2)


def test_an_unknown_mistake_shows_both_values():
    with pytest.raises(CheckFailed, match="expected"):
        check_double(lambda x: 2 * x + 1)


def test_a_forgotten_return_is_named():
    with pytest.raises(CheckFailed, match="return"):
        check_double(print)


def test_a_wrong_shape_is_told_before_wrong_values():
    with pytest.raises(CheckFailed, match="shape"):
        check_double(lambda x: 2 * x[:2])


def test_changing_the_input_is_a_mistake():
    def double(x):
        x *= 2
        return x

    with pytest.raises(CheckFailed, match="in place"):
        check_double(double)


def test_an_error_of_the_student_is_told_with_advice():
    with pytest.raises(CheckFailed, match=r"(?s)raised NameError.*spelt"):
        check_double(lambda x: undefined_name * x)  # noqa: F821


def test_a_stub_says_that_it_is_one():
    def double(x):
        raise NotImplementedError("Exercise 9.9")

    with pytest.raises(NotImplementedError):
        check_double(double)


def test_a_called_function_is_no_function():
    with pytest.raises(CheckFailed, match="without brackets"):
        check_double(3.0)


def test_notebooks_show_the_message_and_no_traceback():
    with pytest.raises(CheckFailed) as caught:
        check_double(lambda x: x**2)
    (line,) = caught.value._render_traceback_()
    assert "you squared it" in line
    assert "framework.py" not in line


def test_a_failure_brings_its_picture():
    pixels = np.zeros((4, 4, 3), np.uint8)

    @check("9.8")
    def check_drawn(report, function):
        report.picture(lambda: Picture.from_pixels(pixels, "four by four"))
        report.expect(function(torch.ones(1)).item() == 2, "two", "add one")

    with pytest.raises(CheckFailed) as caught:
        check_drawn(lambda x: x)
    assert caught.value.picture.alt == "four by four"
    assert check_drawn(lambda x: x + 1).picture is None


def test_a_function_without_a_body_of_its_own_returns_nothing():
    for forgotten in (lambda x: None, lambda x: print(2 * x)):
        with pytest.raises(CheckFailed, match=r"<lambda> returns nothing.*\n.*`return` missing"):
            check_double(forgotten)


@pytest.mark.parametrize(("size", "at"), [((3, 4), (2, 1)), ((7,), (6,)), ((2,), (1,))])
def test_the_first_place_that_differs_is_shown(size, at):
    want = 1000 + np.arange(np.prod(size), dtype=float).reshape(size)
    got = want.copy()
    got[at] += 0.00123

    @check("9.7")
    def check_same(report, function):
        report.close(report.call(function), want, "the numbers", rtol=0.0)

    with pytest.raises(CheckFailed) as caught:
        check_same(lambda: got)
    assert f"{got[at]:.9g}" in caught.value.what
    assert f"{want[at]:.9g}" in caught.value.expected
    assert caught.value.what.count(str(list(at))) == (want.size > 6)


def test_changing_a_parameter_needs_no_grad():
    with pytest.raises(CheckFailed, match="no_grad"):
        check_double(lambda x: torch.nn.Parameter(torch.tensor(x)).add_(1))


@pytest.mark.parametrize(
    "body", ["...", "pass", '"""Twice x."""\n    ...', "y = ...\n    return y"]
)
def test_what_is_not_begun_is_no_failure(body):
    names = {}
    exec(f"def double(x):\n    {body}", names)
    with pytest.raises(NotImplementedError):
        check_double(names["double"])


@check("9.8")
def check_with_ladder(report, function):
    report.close(report.call(function), 1, "it", mistakes={("wrong", "the place", "the step"): 2})


def test_hints_are_a_ladder_climbed_by_failing_again():
    told = []
    for _ in range(4):
        with pytest.raises(CheckFailed) as caught:
            check_with_ladder(lambda: 2)
        told.append(str(caught.value).splitlines()[1:])
    assert [len(lines) for lines in told] == [2, 3, 3, 3]
    assert told[0][0] == "Hint: wrong"
    assert told[2] == ["Hint: wrong", "Where to look: the place", "The step: the step"]
    assert caught.value.hint == "wrong"

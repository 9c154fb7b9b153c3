"""Exam questions that differ from seed to seed: families, their variants, and their tests.

Solutions of the book's own exercises are public, so a grade should not rest on them alone. A
family turns a seed into one question with its own numbers or its own convention. The tests are
made from the solution: public ones show worked examples, hidden ones compare on random inputs.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class Question:
    """One question and all that its tests are made from.

    Attributes:
        name: Short name, unique within a chapter.
        title: What students read.
        statement: The task, in Markdown.
        signature: The `def` line and the docstring.
        body: The solution's body, not indented; NumPy is there as `np`.
        examples: Arguments, as Python expressions, of the worked examples.
        inputs: Python expression of one tuple of random arguments, from `rng`.
        mistakes: What students get wrong here, for the instructor.
        points: Worth.

    """

    name: str
    title: str
    statement: str
    signature: str
    body: str
    examples: tuple[str, ...]
    inputs: str
    mistakes: tuple[str, ...]
    points: int = 4

    @property
    def function(self) -> str:
        """Name of the function to write."""
        return self.signature.split("(")[0].removeprefix("def ")

    @property
    def solution(self) -> str:
        """The function, solved."""
        return f"{self.signature}\n{textwrap.indent(self.body, '    ')}"

    def answer(self, arguments: str) -> Any:
        """Return what the solution gives for arguments written as an expression."""
        names: dict[str, Any] = {}
        exec("import numpy as np\n" + self.solution, names)
        result = eval(f"{self.function}({arguments})", names)
        return result.tolist() if hasattr(result, "tolist") else result


Family = Callable[[Random], Question]


SAME = """
    import numpy as np
    def same(got, want, what):
        got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
        assert got.shape == want.shape, f"the shape is {got.shape} for {what}"
        assert np.allclose(got, want, rtol=1e-5, atol=1e-9), f"wrong for {what}"
"""


def public_test(question: Question) -> str:
    """Return the test that students see: the worked examples."""
    lines = [f"def test_examples({question.function}):{SAME}"]
    for arguments in question.examples:
        call = f"{question.function}({arguments})"
        lines.append(f"    same({call}, {question.answer(arguments)!r}, {call!r})")
    return "\n".join(lines)


def hidden_test(question: Question, seed: int, rounds: int = 20) -> str:
    """Return a test on random inputs against the solution, which is inside the test."""
    reference = question.solution.replace(f"def {question.function}(", "def reference(", 1)
    return "\n".join(
        [
            f"def test_random_inputs({question.function}):{SAME}",
            textwrap.indent(reference, "    "),
            f"    rng = np.random.default_rng({seed})",
            f"    for _ in range({rounds}):",
            f"        arguments = {question.inputs}",
            f"        got = {question.function}(*arguments)",
            "        same(got, reference(*arguments), 'a random input')",
        ]
    )

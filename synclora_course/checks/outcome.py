"""How a check ends: a list of what holds, or one failure with a hint."""

import html
from dataclasses import dataclass

from synclora_course.errors import CourseError
from synclora_lite.viz import Picture

Hint = str | tuple[str, ...]
"""A likely mistake; or a ladder: what is wrong, where to look, the step."""
RUNGS = ("Hint", "Where to look", "The step")


class CheckFailed(CourseError):  # noqa: N818 -- a failed check is no error of the program
    """A student's function does not do what the exercise asks.

    Attributes:
        exercise: Number of the exercise.
        hint: The likely mistake, or what to look at: the first rung of the ladder.
        rungs: All of the ladder.
        shown: How many of them are told; one more each time that the same is wrong.
        picture: What the function did beside what was expected, if that says more.

    """

    def __init__(
        self,
        exercise: str,
        what: str,
        expected: str = "",
        hint: Hint = "",
        picture: Picture | None = None,
    ) -> None:
        super().__init__(f"exercise {exercise}: {what}", expected, "")
        self.exercise, self.picture = exercise, picture
        self.rungs = (hint,) if isinstance(hint, str) else hint
        self.hint, self.shown = self.rungs[0], 1

    def __str__(self) -> str:
        rungs = list(zip(RUNGS, self.rungs, strict=False))[: self.shown]
        told = [f"{name}: {rung}" for name, rung in rungs if rung]
        more = "(Run the check again for a further hint.)" if self.shown < len(self.rungs) else ""
        return "\n".join([super().__str__(), *told, *([more] if more else [])])

    def _render_traceback_(self) -> list[str]:
        """Show the message in a notebook, and not the way through the check's code."""
        return [f"✗ Not yet: {self}"]


@dataclass(frozen=True)
class Passed:
    """A solved exercise: what was tested and held."""

    exercise: str
    properties: tuple[str, ...]
    picture: Picture | None = None

    def __str__(self) -> str:
        held = "\n".join(f"  · {words}" for words in self.properties)
        return f"✓ Exercise {self.exercise} is solved:\n{held}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        held = "".join(f"<li>{html.escape(words)}</li>" for words in self.properties)
        picture = self.picture.html if self.picture else ""
        title = f"✓ Exercise {html.escape(self.exercise)} is solved. What holds:"
        style = "border-left:4px solid #009E73;padding:.1em 1em;margin:.5em 0"
        return f'<div style="{style}"><p>{title}</p><ul>{held}</ul></div>{picture}'

"""The pages of the instructor's bundle: timings, talking points, common mistakes, rubrics."""

from collections.abc import Mapping, Sequence
from typing import Any

from synclora_course.masters import Exercise
from synclora_course.notebook import CHAPTERS
from synclora_course.questions import Question

TALK, DISCUSSION = 30, 30  # minutes of a session beside the exercises
PACE = 2  # half of a class needs twice as long as the exercise says
SESSION = 120


def course_guide(
    plan: Mapping[str, Sequence[Exercise]], guides: Mapping[str, Mapping[str, Any]], seed: int
) -> str:
    """Return the page about the whole course."""
    rows = [
        f"| {chapter} | {_title(chapter)} | {guides[chapter]['goal']} "
        f"| {sum(e.minutes for e in tasks if not e.is_project)} |"
        for chapter, tasks in plan.items()
    ]
    table = "\n".join(["| chapter | | goal | minutes of exercises |", "|---|---|---|---|", *rows])
    return f"""# Instructor's bundle, seed {seed}

Keep this folder private: it holds solutions and hidden tests. The families that questions are
drawn from are in the public package, so choose a seed that nobody can guess, and another one next
year.

{table}

## For each chapter

```bash
otter assign assignment.ipynb dist                              # pip install otter-grader
timeout 900 prlimit --data=6000000000 \\
    otter run -a dist/autograder/*.zip -o results submission.ipynb  # grades one submission
```

A submission is a stranger's program. The line above gives it a process of its own, a quarter of an
hour and 6 GB (`prlimit` is part of Linux); it can still read what you can read. Gradescope and
`otter grade` run it in a container, and `synclora course check` runs each exercise within limits.

`dist/student` is what students get. `dist/autograder` goes to Gradescope or to `otter grade`.
`guide.md` holds the plan of the session, the mistakes to expect and the rubric.

## Grading

The book's exercises count little: their solutions are public. The question that is new counts
more, and the answer in words is graded by the rubric, one point a line. Give half a point where a
line is met but not argued. Do not grade the projects by their results but by their controls.
"""


def chapter_guide(
    chapter: str,
    tasks: Sequence[Exercise],
    mistakes: Mapping[str, Sequence[str]],
    about: Mapping[str, Any],
    question: Question,
) -> str:
    """Return the page about one chapter."""
    parts = [
        f"# {chapter} {_title(chapter)}: for the instructor\n\n**Goal.** {about['goal']}",
        _timings(tasks),
        "## Talking points\n\n" + _bullets(about["talk"]),
        "## Watch for\n\n" + _bullets(about["watch"]),
        "## Exercises and their common mistakes\n\n"
        + "\n\n".join(_exercise(task, mistakes.get(task.identifier, [])) for task in tasks),
        f"## The new question: {question.title}\n\n{question.statement}\n\n"
        f"```python\n{question.solution}\n```\n\nCommon mistakes:\n\n{_bullets(question.mistakes)}",
        f"## The answer in words\n\n{about['question']}\n\nRubric, one point each:\n\n"
        + _bullets(about["rubric"]),
    ]
    return "\n\n".join(parts) + "\n"


def _timings(tasks: Sequence[Exercise]) -> str:
    rows = [f"| talk over the chapter's figures | {TALK} |"]
    left = SESSION - TALK - DISCUSSION
    for task in sorted(tasks, key=lambda task: (-task.importance, task.difficulty)):
        minutes = PACE * task.minutes
        fits = not task.is_project and minutes <= left
        left -= minutes if fits else 0
        rows.append(f"| {task.identifier} {task.title} | {minutes if fits else 'at home'} |")
    rows.append(f"| what goes wrong, and the quiz | {DISCUSSION} |")
    table = "\n".join(["| part | minutes |", "|---|---|", *rows])
    return f"## Plan of a session of {SESSION} minutes\n\n{table}"


def _exercise(task: Exercise, mistakes: Sequence[str]) -> str:
    level = f"difficulty {task.difficulty}, importance {task.importance}, {task.minutes} minutes"
    heading = f"### {task.identifier} {task.title}\n\n{level[0].upper()}{level[1:]}."
    if task.is_project:
        return f"{heading} Open: judge the control and the limits that are named, not the result."
    return f"{heading} The check knows these:\n\n{_bullets(mistakes)}" if mistakes else heading


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in dict.fromkeys(lines))


def _title(chapter: str) -> str:
    return CHAPTERS[chapter].replace("_", " ").capitalize()

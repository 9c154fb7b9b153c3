"""The log of a run: plain CSV, and a plot of it."""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from synclora_lite.errors import ConfigError
from synclora_lite.files import atomic_path
from synclora_lite.training.config import LoopConfig


class CsvLog:
    """Rows of numbers by step; a resumed run drops the rows after the step it resumes from."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = [row for row in read_log(path) if row["step"] <= step]
        self.columns = list(dict.fromkeys(name for row in kept for name in row))
        if path.exists():
            self._rewrite(kept)

    def write(self, step: int, values: Mapping[str, int | float]) -> None:
        """Append one row; a value under a new name adds a column."""
        row = {"step": step, **values}
        if set(row) - set(self.columns):
            earlier = read_log(self.path)
            self.columns += [name for name in row if name not in self.columns]
            self._rewrite(earlier)
        with self.path.open("a", newline="") as stream:
            csv.DictWriter(stream, self.columns, restval="").writerow(_rounded(row))

    def _rewrite(self, rows: list[dict[str, float]]) -> None:
        with atomic_path(self.path) as partial, partial.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, self.columns, restval="")
            writer.writeheader()
            writer.writerows(map(_rounded, rows))


class RunLog:
    """The two logs of a run, `train.csv` and `validation.csv`, and a tracker that shows them."""

    def __init__(self, out: Path, step: int, config: LoopConfig) -> None:
        self.train = CsvLog(out / "train.csv", step)
        self.validated = CsvLog(out / "validation.csv", step)
        self.tracker = open_tracker(config.log_with, out)
        self.every = config.log_every
        self.recent: list[Mapping[str, float]] = []
        self.started = time.perf_counter()

    def step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the metrics of a step; write the means of `log_every` steps when it is time."""
        self.recent.append(metrics)
        if step % self.every == 0:
            seconds = (time.perf_counter() - self.started) / len(self.recent)
            row = {**mean_metrics(self.recent), "seconds_per_step": seconds}
            self.train.write(step, row)
            if self.tracker is not None:
                self.tracker.log(row, step=step)
            self.recent, self.started = [], time.perf_counter()

    def validation(self, step: int, validate: Callable[[], Mapping[str, float]]) -> None:
        """Write the metrics of a validation, whose time is not a step's."""
        began = time.perf_counter()
        metrics = validate()
        self.validated.write(step, metrics)
        if self.tracker is not None:
            named = {f"validation/{name}": value for name, value in metrics.items()}
            self.tracker.log(named, step=step)
        self.started += time.perf_counter() - began

    def finish(self) -> None:
        """Close the tracker."""
        if self.tracker is not None:
            self.tracker.finish()


def mean_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every metric over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def open_tracker(name: str, out: Path) -> GeneralTracker | None:
    """Return accelerate's tracker of that name, which shows the log elsewhere; none for "csv".

    The files of "tensorboard" go to `out/logs`.

    Raises:
        ConfigError: Its package is not installed.

    """
    if name == "csv":
        return None
    if find_spec(name) is None:
        raise ConfigError(f"log_with = {name!r}", f"{name} to be installed", f"pip install {name}")
    kind = LOGGER_TYPE_TO_CLASS[name]
    place = {"logging_dir": out / "logs"} if kind.requires_logging_directory else {}
    tracker: GeneralTracker = kind(out.name, **place)
    tracker.start()
    return tracker


def read_log(path: str | Path) -> list[dict[str, float]]:
    """Read a log; empty cells are left out, and so is a last line cut short by a crash."""
    path = Path(path)
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        lines = [line for line in stream if line.endswith("\n")]
    rows = csv.DictReader(lines)
    return [
        {name: float(text) for name, text in row.items() if text} for row in rows if row.get("step")
    ]


def plot_log(path: str | Path, picture: str | Path, columns: tuple[str, ...] = ("loss",)) -> None:
    """Draw columns of a log against the step, on a logarithmic scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for column in columns:
        points = [(row["step"], row[column]) for row in read_log(path) if column in row]
        if points:
            axes.plot(*zip(*points, strict=True), label=column, linewidth=1)
    axes.set(xlabel="step", yscale="log")
    if axes.lines:
        axes.legend()
    with atomic_path(picture) as partial:
        figure.savefig(partial)


def _rounded(row: Mapping[str, int | float]) -> dict[str, str]:
    return {
        name: str(int(value)) if name == "step" else f"{value:.6g}" for name, value in row.items()
    }

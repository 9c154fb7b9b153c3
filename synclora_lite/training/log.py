"""The log of a run: plain CSV, a plot of it, and what accelerate tracks."""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

from synclora_lite.files import atomic_path
from synclora_lite.training.config import LoopConfig, check_installed


class CsvLog:
    """Rows of numbers by step; a resumed run drops the rows after the step it resumes from."""

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.rows = path, [row for row in read_log(path) if row["step"] <= step]
        if path.exists():
            self._write()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Add one row; a value under a new name adds a column."""
        self.rows.append({"step": step, **values})
        self._write()

    def _write(self) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_path(self.path) as partial, partial.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names, restval="")
            writer.writeheader()
            for row in self.rows:
                values = {name: f"{value:.6g}" for name, value in row.items()}
                writer.writerow({**values, "step": int(row["step"])})


class RunLog:
    """The two logs of a run, `train.csv` and `validation.csv`, and a tracker of accelerate's.

    The files of "tensorboard" go to `out/logs`. Raises ConfigError if a package is not installed.
    """

    def __init__(self, out: Path, step: int, config: LoopConfig) -> None:
        self.train = CsvLog(out / "train.csv", step)
        self.validated = CsvLog(out / "validation.csv", step)
        self.tracker: GeneralTracker | None = None
        if (name := config.log_with) != "csv":
            check_installed(f"log_with = {name!r}", name)
            kind = LOGGER_TYPE_TO_CLASS[name]
            place = {"logging_dir": out / "logs"} if kind.requires_logging_directory else {}
            self.tracker = kind(out.name, **place)
            self.tracker.start()
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


def mean_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of every metric over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def read_log(path: str | Path) -> list[dict[str, float]]:
    """Read a log; empty cells are left out, and so is a last line cut short by a crash."""
    if not Path(path).exists():
        return []
    with Path(path).open(newline="") as stream:
        rows = list(csv.DictReader(line for line in stream if line.endswith("\n")))
    return [{name: float(x) for name, x in row.items() if x} for row in rows if row.get("step")]


def plot_log(path: str | Path, picture: str | Path) -> None:
    """Draw the loss of a log against the step, on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    points = [(row["step"], row["loss"]) for row in read_log(path) if "loss" in row]
    if points:
        axes.plot(*zip(*points, strict=True), linewidth=1)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    with atomic_path(picture) as partial:
        figure.savefig(partial)

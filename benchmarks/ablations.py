"""What each part of the method is good for: ``python -m benchmarks.ablations``.

Every variant trains an adapter of its own with one thing changed, from the same start, for the
same number of steps, and takes the exam; it is compared, clip by clip, with its control: with the
filter if it leaves out a part of it, else with the shipped recipe. Banks, trainings and exams go
on where they were stopped; results of all variants run so far are in data/results/ablations.json.
The variants on data and filter are the paper's (arXiv 2512.03013, ablations); its compositions are
read here as: pairs whose target is the source's own look (identity-only), edited people only
(edit-only), strangers who move alike (random), and copies that give way to edits (full).
"""

import argparse
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.ablation_banks import ROWS, build_bank, take
from synclora_course.exam.intervals import difference, summarize
from synclora_course.exam.running import Exam, run_exam
from synclora_course.results import write_result
from synclora_lite.editing.ltx_video import load_ltx_video
from synclora_lite.errors import ConfigError, in_one_line
from synclora_lite.files import read_json, sha256, write_json
from synclora_lite.models.folders import weights_digest
from synclora_lite.training import AdapterConfig, adapter_recipe, train
from synclora_lite.training.config import read_config

FOUND = "found.json"
COMPARED = ("sync", "edit_kept", "psnr")  # with the control, clip by clip


@dataclass(frozen=True)
class Variant:
    """One change to the shipped recipe.

    Attributes:
        line: What is changed, in words.
        bank: Which pairs: a name in `BANKS`.
        without: Checks of the filter that are left out; "all" leaves out the filter.
        pairs: How many pairs at most.
        changes: Fields of `AdapterConfig` to replace.

    """

    line: str
    bank: str = "edited"
    without: str = ""
    pairs: int | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def control(self) -> str:
        """The variant that this one is compared with."""
        return "filtered" if self.without else "full"


VARIANTS: dict[str, Variant] = {
    "full": Variant("as shipped: copies first, then edits; rank 64, all pairs"),
    "filtered": Variant("half of the pairs faulty, then filtered", bank="faulty"),
    "no filter": Variant("half of the pairs faulty", bank="faulty", without="all"),
    "identity-only": Variant("the target looks like the source", changes={"identical": (1.0, 1.0)}),
    "edit-only": Variant("edits from the first step", changes={"identical": (0.0, 0.0)}),
    "random": Variant("two strangers who move alike", bank="strangers"),
    **{
        f"without {cue}": Variant(f"the filter does not look at {cue}", "faulty", cue)
        for cue in ("pose", "mouth", "gaze", "blink")
    },
    "often dropped": Variant("dropped in a fifth of the steps", changes={"reference_dropout": 0.2}),
    **{f"rank {r}": Variant(f"rank {r}", changes={"rank": r}) for r in (4, 16)},
    **{f"{n} pairs": Variant(f"only {n} pairs", pairs=n) for n in (16, 64, 256)},
}


@dataclass(frozen=True)
class Study:
    """What all variants share.

    Attributes:
        config: The recipe to change.
        pairs: Pairs to train on; a variant may take fewer.
        steps: Training steps.
        batch: Pairs a step.
        clips: Clips of the exam.
        folder: Where banks, trainings and exams are kept.

    """

    config: Path = Path("configs/adapter.toml")
    pairs: int = 512
    steps: int = 100
    batch: int = 8
    clips: int = 18
    folder: Path = Path("runs/ablations")

    def place(self, name: str) -> Path:
        """Return the folder of a variant."""
        return self.folder / name.replace(" ", "-")


def run_variant(name: str, study: Study) -> dict[str, Any]:
    """Train and examine one variant.

    What was found with the same settings and base before is returned as it is.

    Returns:
        The settings (see `settings_of`) and the rows of its exam.

    Raises:
        ConfigError: There is no such variant, or no bank of that many pairs.

    """
    if name not in VARIANTS:
        raise ConfigError(f"no variant named {name!r}", ", ".join(VARIANTS))
    if study.pairs < ROWS or study.pairs % ROWS:
        raise ConfigError(f"a bank of {study.pairs} pairs", f"a multiple of {ROWS}, its shards")
    variant, place = VARIANTS[name], study.place(name)
    if known := found(name, study):
        return known
    whole = study.folder / "banks" / variant.bank
    editor = load_ltx_video("lite")
    pairs = min(variant.pairs or study.pairs, study.pairs)
    build_bank(variant.bank, whole, pairs, editor)
    bank = take(whole, place / "bank", pairs, variant.without)
    config = recipe(variant, study, bank)
    base = weights_digest(Exam("i2v").weights())
    out = place / f"train-{pairs}-pairs-{study.steps}x{study.batch}-{base}"
    adapter = train(adapter_recipe(config), config.loop, out)
    options = {"model": "lite", "adapter": str(adapter)}
    rows = run_exam(Exam("sync-lora", options=options), study.clips, folder=place / "exam")
    return read_json(write_json(place / FOUND, {**settings_of(name, study), "rows": rows}))


def settings_of(name: str, study: Study) -> dict[str, Any]:
    """Return what a variant's metrics depend on, but for the code."""
    settings = {
        "line": VARIANTS[name].line,
        "steps": study.steps,
        "batch": study.batch,
        "bank": study.pairs,
        "clips": study.clips,
        "variant": asdict(VARIANTS[name]),
        "config": sha256(study.config),
        "base": Exam("i2v").weights(),
        "tuned": Exam("sync-lora").tuned(),
    }
    return dict(json.loads(json.dumps(settings)))


def found(name: str, study: Study) -> dict[str, Any] | None:
    """Return what was found of a variant with the same settings, if it was."""
    path = study.place(name) / FOUND
    known = read_json(path) if path.exists() else {}
    return known if settings_of(name, study).items() <= known.items() else None


def metrics_of(name: str, known: dict[str, Any]) -> dict[str, Any]:
    """Summarize what was found of a variant; `against` is its mean minus its control's, paired."""
    mine = dict(known[name])
    rows, control = mine.pop("rows"), VARIANTS[name].control
    against = {}
    if control in known and control != name:
        others = known[control]["rows"]
        against = {name: asdict(difference(rows, others, name)) for name in COMPARED}
    return {**mine, **summarize(rows), "control": control, "against": against}


def recipe(variant: Variant, study: Study, bank: Path) -> AdapterConfig:
    """Return the shipped recipe with the variant's change."""
    config, _ = read_config(study.config, {"adapter": AdapterConfig})
    share = study.steps / config.loop.steps
    loop = replace(
        config.loop,
        steps=study.steps,
        batch=study.batch,
        warmup=round(config.loop.warmup * share),
        validate_every=0,
        checkpoint_every=min(50, study.steps),
    )
    shared = {
        "loop": loop,
        "bank": bank,
        "model": "lite",
        "identical_steps": round(config.identical_steps * share),
        "validation_clips": 0,
        "samples": 0,
    }
    return replace(config, **{**shared, **variant.changes})


def main() -> None:
    """Run variants and keep what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="names, with commas between; all if left out")
    for name, value in vars(Study()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    wanted = vars(parser.parse_args())
    only = wanted.pop("only")
    names = [name.strip() for name in only.split(",")] if only else list(VARIANTS)
    study = Study(**wanted)
    for name in names:
        run_variant(name, study)
    known = {name: seen for name in VARIANTS if (seen := found(name, study))}
    line = "python -m benchmarks.ablations"
    line += "".join(f" --{name} {value}" for name, value in wanted.items() if name != "folder")
    write_result(
        "ablations", {name: metrics_of(name, known) for name in known}, command=line, seed=0
    )


if __name__ == "__main__":
    in_one_line(main)

"""The exam: edit held-out portraits, whose true edit is known, and evaluate every clip.

Case k of seed s is the same for every method and machine. An exam that was stopped goes on.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import synclora_lite
from synclora_course.exam.conditions import Challenge, set_case
from synclora_lite.editing import LTXVideo, Method, ModelSource, edit_settings, edit_video
from synclora_lite.editing.ltx_video import FULL_SIZE, weight_hashes
from synclora_lite.editing.methods import find_method
from synclora_lite.editing.settings import tuned_options
from synclora_lite.errors import ConfigError
from synclora_lite.evaluation.metrics import evaluate_edit
from synclora_lite.files import append_jsonl, read_jsonl
from synclora_lite.models import adapter_file, load_model
from synclora_lite.models.folders import model_folder
from synclora_lite.pairs.folder import alone
from synclora_lite.portraits import EditCase, held_out
from synclora_lite.video.clip import Clip, Frames

REFERENCES = ("truth", "ceiling")  # no methods: they are shown the answer
ROOMS = ("core", "editing", "evaluation", "landmarks", "models", "portraits", "sync", "video")


@dataclass(frozen=True)
class Exam:
    """What an exam consists of; with the same code, equal settings have equal rows."""

    method: str | Method  # one by name with its options as tuned, or one of REFERENCES
    seed: int = 0  # of the cases
    size: int = 96  # of the clips, in pixels
    frames: int = 17  # of the clips; a long exam has its own number
    condition: str = "exact"  # how hard it is, see `CONDITIONS`
    # model and adapter, and those of `edit_settings`: steps, restore, ...
    options: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which the same exam can be made."""
        values = dict(vars(self))
        if isinstance(self.method, Method):
            values |= {"method": self.method.name, "options": self.options | self.method.options}
        return values

    @property
    def label(self) -> str:
        """How tables and pictures call the method: with what is not as usual."""
        plain, usual = self.to_dict(), ("model", "adapter", "steps", "restore")
        more = [f"{n} {value}" for n, value in plain["options"].items() if n not in usual]
        more += ["restoration"] if self.options.get("restore") else []
        return " + ".join([plain["method"], *more])

    @property
    def name(self) -> str:
        """Method, condition, seed, and a hash of all settings, weights and code."""
        plain = self.to_dict()
        about = [plain, self.tuned(), self.weights(), code_sha256()]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
        return f"{plain['method']}-{self.condition}-s{self.seed}-{digest.hexdigest()[:8]}"

    @property
    def needs(self) -> list[str]:
        """Name the options that the method looks at; the others make no other exam of it."""
        if self.method in REFERENCES:
            return ["model"] if self.method == "ceiling" else []
        method = self.method if isinstance(self.method, Method) else find_method(self.method, {})
        needs = ["model", "steps"] if method.needs_model else []
        needs += ["adapter"] if method.needs_adapter else []
        return [*needs, "restore"] if method.restorable else needs

    def tuned(self) -> dict[str, float]:
        """Return the settings that the method takes from its model because none were asked for."""
        if isinstance(self.method, Method) or "steps" not in self.needs:
            return {}
        mine = tuned_options(model_folder(self.model)).get(self.method, {})
        return {name: value for name, value in mine.items() if name not in self.options}

    def weights(self) -> dict[str, str]:
        """Return the hashes of the files that the method loads."""
        places = [model_folder(self.model)] if "model" in self.needs else []
        if "adapter" in self.needs:
            places.append(adapter_file(self.options.get("adapter", "lite-adapter")))
        return weight_hashes(places)

    @property
    def model(self) -> str:
        """The model that edits, or whose autoencoder is the ceiling."""
        return str(self.options.get("model", "lite"))


def run_exam(
    exam: Exam, clips: int = 64, *, folder: str | Path = "runs/exam", progress: bool = False
) -> list[dict[str, Any]]:
    """Edit and evaluate clips 0 .. `clips` - 1, without those that are done already.

    The rows, each with clip, kind and the metrics of `evaluate_edit`, are kept below `folder`.
    Raises ConfigError if there are no clips to edit, PairError if another process runs the same.
    """
    if clips < 1:
        raise ConfigError(f"an exam of {clips} clips", "at least one")
    place = Path(folder) / exam.name
    path = place / "rows.jsonl"
    with alone(place):
        rows = read_jsonl(path)
        todo = list(enumerate(held_out(exam.seed, clips, exam.frames)))[len(rows) :]
        give = _outputs(exam)
        for k, case in tqdm(todo, desc=exam.label, disable=not progress):
            task = set_case(case, exam.condition, seed=k, size=exam.size)
            metrics = evaluate_edit(task.source.frames, task.truth, give(k, task))
            append_jsonl(path, {"clip": k, "kind": case.kind, **metrics})
    return read_jsonl(path)[:clips]


def render_case(case: EditCase, size: int = 96) -> tuple[Clip, Frames]:
    """Render the source clip of a case and the true edit, of which methods are given frame 0."""
    task = set_case(case, size=size)
    return task.source, task.truth


def _outputs(exam: Exam) -> Callable[[int, Challenge], Frames]:
    """Return what turns task k into an output; methods never see the truth."""
    if exam.method == "truth":
        return lambda _k, task: task.truth
    if exam.method == "ceiling":  # what the autoencoder makes of the truth, beside the source
        coder = LTXVideo(load_model(exam.model), FULL_SIZE)
        return lambda _k, task: coder.decode(
            coder.encode(task.truth), (task.source.frames, coder.encode(task.source.frames))
        )
    own = {name: value for name, value in exam.options.items() if name not in ("model", "adapter")}
    settings = edit_settings({"method": exam.method, **own})
    source = ModelSource(exam.model, (exam.options.get("adapter", "lite-adapter"),))
    pipeline = source.load_for(settings) or source

    def edited(k: int, task: Challenge) -> Frames:
        trial = replace(settings, seed=settings.seed + k)  # other noise for every clip
        return edit_video(task.source, task.first_frame, trial, pipeline).clip.frames

    return edited


def code_sha256() -> str:
    """Return one hash of the code that an exam runs, and of its tables."""
    package, here = Path(synclora_lite.__file__).parent, Path(__file__)
    # not how exams are counted and drawn
    paths = [here, *map(here.with_name, ("conditions.py", "scenes.py"))]
    paths += [path for room in ROOMS for path in sorted((package / room).rglob("*.*"))]
    kept = [path.read_bytes() for path in paths if path.suffix in (".py", ".csv", ".toml")]
    return hashlib.sha256(b"".join(kept)).hexdigest()

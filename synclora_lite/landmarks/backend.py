"""The protocol that both MediaPipe generations fulfil, and the choice between them."""

from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8

from synclora_lite.errors import LandmarkError

BACKENDS = ("tasks", "solutions")
POSE_STEP = 2


@dataclass(frozen=True)
class RawLandmarks:
    """Landmarks in parts of the frame (0..1, as MediaPipe gives them), NaN where absent."""

    face: Float[np.ndarray, "frames 478 3"]
    pose: Float[np.ndarray, "frames 33 4"]


@runtime_checkable
class Backend(Protocol):
    """Something that finds landmarks in a clip, always the same ones in the same frames."""

    @property
    def name(self) -> str:
        """Name, version and settings: whatever can change the landmarks."""
        ...

    def find(self, frames: UInt8[np.ndarray, "frames height width 3"]) -> RawLandmarks:
        """Find the landmarks of every frame, with trackers that saw no clip before."""
        ...


def mediapipe_version() -> str:
    """Return the installed version of mediapipe.

    Raises:
        LandmarkError: It is not installed.

    """
    try:
        return metadata.version("mediapipe")
    except metadata.PackageNotFoundError as error:
        raise LandmarkError(
            "mediapipe is not installed",
            "mediapipe 0.10.21 (Python up to 3.12) or 1.x",
            "run: pip install mediapipe",
        ) from error


def available_backends() -> tuple[str, ...]:
    """Return the back ends that the installed mediapipe has, best first."""
    mediapipe_version()
    try:
        first = util.find_spec("mediapipe.python.solutions.face_mesh")
    except ModuleNotFoundError:  # 1.x has not even the packages above it
        first = None
    return ("tasks",) if first is None else BACKENDS


def fill_between(
    known: Float[np.ndarray, "known points values"], frames: int, step: int
) -> Float[np.ndarray, "frames points values"]:
    """Interpolate linearly what is known of every `step`-th frame; the last one is held."""
    place = np.minimum(np.arange(frames) / step, len(known) - 1)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(known) - 1)
    share = (place - before)[:, None, None].astype(np.float32)
    between = known[before] * (1 - share) + known[after] * share
    return np.where(share > 0, between, known[before])


def choose_backend(name: str = "auto", bundle: str | Path | None = None) -> Backend:
    """Make a back end.

    Args:
        name: "solutions", "tasks", or "auto" for the first that is installed.
        bundle: Path of `face_landmarker.task` for `tasks`; by default SYNCLORA_FACE_LANDMARKER,
            then the copy that was downloaded before, then a download.

    Raises:
        LandmarkError: The name is unknown, or the installed mediapipe does not have it.

    """
    if name not in (*BACKENDS, "auto"):
        raise LandmarkError(f"unknown landmark back end {name!r}", f"auto, {', '.join(BACKENDS)}")
    available = available_backends()
    chosen = available[0] if name == "auto" else name
    if chosen not in available:
        raise LandmarkError(
            f"mediapipe {mediapipe_version()} has no {chosen!r} back end",
            f"one of: {', '.join(available)}",
            "use --backend tasks, or install mediapipe==0.10.21",
        )
    if chosen == "solutions":
        from synclora_lite.landmarks.solutions import SolutionsBackend

        return SolutionsBackend()
    from synclora_lite.landmarks.tasks import TasksBackend

    return TasksBackend()

"""A folder of pairs at work: one process at a time, files whole, and what was done is kept."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from tqdm import tqdm

from synclora_lite.errors import PairError
from synclora_lite.files import sha256
from synclora_lite.pairs import manifest
from synclora_lite.pairs.manifest import Media
from synclora_lite.video import write_clip
from synclora_lite.video.clip import Frames

FOLDERS = ("source", "edited")
LOCK = ".lock"
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_turn(
    work: Callable[[Item], Result], items: Sequence[Item], *, jobs: int, label: str
) -> Iterator[Result]:
    """Yield what joblib's workers make of each item, in their order and as soon as it is there.

    Inside `joblib.parallel_config(backend="dask")` or "ray" a cluster works that sees the folder.
    """
    how = "generator" if get_active_backend()[0].supports_return_generator else "list"
    workers = Parallel(n_jobs=min(jobs, max(1, len(items))), return_as=how)
    made = workers(delayed(work)(item) for item in items)
    yield from tqdm(made, total=len(items), desc=label, disable=None)  # None: in a terminal only


def store(folder: Path, pair_id: str, clips: Sequence[Frames], fps: float) -> tuple[Media, Media]:
    """Write the two clips of a pair and return their entries."""
    source, edited = (f"{name}/{pair_id}.mp4" for name in FOLDERS)
    for path, frames in zip((source, edited), clips, strict=True):
        write_clip(folder / path, frames, fps)
    return Media(source, sha256(folder / source)), Media(edited, sha256(folder / edited))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the folder, and clear away what a killed one left.

    Raises PairError if another process is at work in it, or a link leads out of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FOLDERS, manifest.MANIFEST, LOCK):
        manifest.check_inside(folder, folder / name)
    try:
        held = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout as error:
        what = f"another process is at work in {folder}"
        raise PairError(what, "one at a time", "wait until it is done") from error
    with held:
        for place in (folder, *(folder / name for name in FOLDERS)):
            for path in (*place.glob(".*.????????.mp4"), *place.glob(".*.????????.jsonl")):
                path.unlink(missing_ok=True)
        yield

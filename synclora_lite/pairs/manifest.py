"""The list of pairs, FOLDER/manifest.jsonl: one line each, with files, origin and score.

A manifest may come from a stranger: every field is checked, and no path leads out of its folder.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, ClassVar

from pydantic import Field

from synclora_lite.errors import ArtifactError, PairError
from synclora_lite.files import append_jsonl, read_jsonl, sha256, write_atomic
from synclora_lite.settings import Fraction, Settings, build, short

MANIFEST = "manifest.jsonl"
CAPTION = "3d1t"  # the constant caption of the released Sync-LoRA weights
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
Verdict = Annotated[str, Field(pattern="^(accept|reject)$")]
_LONGEST_PATH = 1000  # characters


class _Row:
    """A line may hold more than is known here; what is known is checked."""

    __pydantic_config__: ClassVar = Settings.__pydantic_config__ | {"extra": "ignore"}


@dataclass(frozen=True)
class Media(_Row):
    """A file of a pair; its path is relative to the manifest's folder, with forward slashes."""

    path: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Pair(_Row):
    """Two clips with the same motion, and everything known about them."""

    id: Id  # unique in the manifest; also the name of its files
    source: Media  # the reference clip
    edited: Media  # the target clip
    builder: str  # what made it: exact, generated, corrupted, files, ...
    kind: str  # of edit
    seed: int | None  # from which everything random in it was drawn
    parameters: dict[str, Any]  # what else the builder was told or chose
    frames: Annotated[int, Field(ge=1, le=10**6)]  # of each clip
    fps: Annotated[float, Field(gt=0, le=1000)]
    caption: str = CAPTION
    verdict: Verdict | None = None  # None before scoring, as the next two
    weight: Fraction | None = None  # for training
    score: dict[str, Any] | None = field(default=None, repr=False)  # see `scoring`

    def same_clips(self, other: "Pair") -> bool:
        """Whether both clips have the content of another pair's."""
        mine, theirs = ((pair.source.sha256, pair.edited.sha256) for pair in (self, other))
        return mine == theirs

    def to_row(self) -> dict[str, Any]:
        """Return what one line of the manifest holds."""
        row = asdict(self)
        files = {name: row.pop(name) for name in ("source", "edited")}
        return {"id": row.pop("id"), "files": files, **row}

    @classmethod
    def from_row(cls, row: Any) -> "Pair":
        """Make a line of a manifest a pair; PairError says which field is missing or wrong."""
        if isinstance(row, dict) and isinstance(row.get("files"), dict):
            row = {**row, **row["files"]}
        return build(cls, row, error=PairError)


@dataclass(frozen=True)
class Score(_Row):
    """What a scorer says of a pair: measures over their limits, None where beyond any number."""

    checks: dict[str, float | None]
    scorer: str = ""
    reasons: list[str] = field(default_factory=list)


def manifest_path(folder: str | Path) -> Path:
    """Return the manifest of a folder; a path to a .jsonl file is taken as it is."""
    path = Path(folder)
    return path if path.suffix == ".jsonl" else path / MANIFEST


def read_manifest(folder: str | Path) -> list[Pair]:
    """Read all pairs of a folder or a manifest; a last line cut short by a crash is left out.

    Raises PairError if there is no manifest, or it is broken, or a link out of the folder.
    """
    path, pairs = manifest_path(folder), dict[str, Pair]()
    if path != Path(folder):
        check_inside(Path(folder), path)
    if not path.is_file():
        raise PairError(f"no manifest at {path}", "a folder of pairs", "run `synclora pairs build`")
    try:
        rows = read_jsonl(path)
    except ArtifactError as error:
        raise PairError(error.what, error.expected) from error
    for number, row in enumerate(rows, start=1):
        try:
            pair = Pair.from_row(row)
        except PairError as error:
            raise PairError(f"{path}, line {number}: {error.what}", error.expected) from error
        if pair.id in pairs:
            raise PairError(f"{path} lists {pair.id} twice", "one line for each pair")
        pairs[pair.id] = pair
    return list(pairs.values())


def known_pairs(folder: str | Path) -> dict[str, Pair]:
    """Return the pairs of a folder by id; none if it has no manifest yet."""
    pairs = read_manifest(folder) if manifest_path(folder).is_file() else []
    return {pair.id: pair for pair in pairs}


def write_manifest(folder: str | Path, pairs: Iterable[Pair]) -> Path:
    """Write all pairs at once, whole or not at all."""
    lines = [json.dumps(pair.to_row(), ensure_ascii=False) + "\n" for pair in pairs]
    return write_atomic(manifest_path(folder), "".join(lines))


def append_pair(folder: str | Path, pair: Pair) -> None:
    """Add one pair, on disk when this returns."""
    append_jsonl(manifest_path(folder), pair.to_row())


def locate(folder: str | Path, path: str) -> Path:
    """Return where a file of a manifest lies; PairError unless that is inside the folder.

    Backslashes separate folders, too; a path with a drive letter is looked for by its end.
    """
    root, drive = manifest_path(folder).parent, PureWindowsPath(path).drive
    parts = PurePosixPath(path.replace("\\", "/").removeprefix(drive.replace("\\", "/")))
    if drive.endswith(":") and ".." not in parts.parts and len(path) <= _LONGEST_PATH:
        # of a path on another machine, the longest end that is here
        ends = [PurePosixPath(*parts.parts[k:]) for k in range(1, len(parts.parts))]
        parts = next((end for end in ends if (root / end).is_file()), parts)
    climbs = parts.is_absolute() or ".." in parts.parts or "\0" in path
    if not parts.parts or climbs or len(path) > _LONGEST_PATH:
        raise PairError(f"the path {short(path)}", "a file inside the folder of the manifest")
    check_inside(root, root / parts)
    return root / parts


def check_inside(folder: Path, path: Path) -> None:
    """Raise PairError if links lead a path out of a folder, or run in a circle."""
    try:
        end = path.resolve()
        inside = end.is_relative_to(folder.resolve()) and not end.is_symlink()  # a circle, on 3.13
    except (OSError, RuntimeError):  # links in a circle
        inside = False
    if not inside:
        raise PairError(f"{short(str(path))} leads out of its folder", "no links to elsewhere")


def intact(folder: str | Path, pair: Pair) -> bool:
    """Whether both files are there with the content the manifest says."""
    places = [(locate(folder, media.path), media.sha256) for media in (pair.source, pair.edited)]
    return all(place.is_file() and sha256(place) == digest for place, digest in places)


def check_intact(folder: str | Path, pair: Pair) -> None:
    """Refuse a pair whose clips are not those that the manifest describes."""
    if not intact(folder, pair):
        what = f"the clips of {pair.id} are missing or changed"
        raise PairError(what, "the clips that were built", "build or export the folder again")

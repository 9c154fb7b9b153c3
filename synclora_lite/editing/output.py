"""The three files of an edit: the clip, a page to look at it, and the record beside the clip."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from synclora_lite.editing.edit import Edit
from synclora_lite.editing.report import report_page
from synclora_lite.errors import EditError
from synclora_lite.files import atomic_path, sha256, write_json
from synclora_lite.landmarks.cache import cache_dir
from synclora_lite.video import write_clip


@dataclass(frozen=True)
class Outputs:
    """Where an edit is written."""

    clip: Path  # ends in .mp4 or .mov; the record is CLIP.json
    page: Path  # ends in .html

    @property
    def record(self) -> Path:
        """Where the report is written as JSON."""
        return self.clip.with_name(self.clip.name + ".json")

    def check(self, *inputs: Path) -> None:
        """Refuse files that would overwrite an input, or have no name to be written under."""
        for path, ending in ((self.clip, ".mp4"), (self.page, ".html")):
            if path.suffix.lower() not in (ending, {".mp4": ".mov", ".html": ".htm"}[ending]):
                raise EditError(
                    f"the output {path.name}", f"a name ending in {ending}", "rename it"
                )
        for path in (self.clip, self.record, self.page):
            if path.resolve() in [given.resolve() for given in inputs]:
                raise EditError(f"{path.name} is input and output", "another name for the output")
            if path.is_dir():
                raise EditError(f"{path.name} is a folder", "a file to write", "give a file name")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Refuse a second edit of the same files; the locks lie in the cache, not beside them."""
        folder = cache_dir().parent / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as locks:
            for path in sorted({str(path.resolve()) for path in (self.clip, self.page)}):
                name = hashlib.sha256(path.encode()).hexdigest()[:32]
                try:
                    locks.enter_context(FileLock(folder / f"{name}.lock", timeout=0))
                except Timeout as error:
                    advice = "wait until it is done, or name another output"
                    what = f"another edit is about to write {path}"
                    raise EditError(what, "one at a time", advice) from error
            yield

    def write(self, edit: Edit, title: str) -> None:
        """Write all of them or none."""
        text = report_page(edit, title)
        with ExitStack() as files:
            clip = files.enter_context(atomic_path(self.clip))
            record = files.enter_context(atomic_path(self.record))
            write_clip(clip, edit.clip, metadata=edit.report["provenance"])
            write_json(record, {**edit.report, "output": {"file_sha256": sha256(clip)}})
            files.enter_context(atomic_path(self.page)).write_text(text, encoding="utf-8")
            for old in (self.clip, self.record, self.page):  # who is stopped now leaves less,
                old.unlink(missing_ok=True)  # not a mixture

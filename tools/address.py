"""Changes where the repository lies: `python -m tools.address OWNER/NAME`.

`synclora_lite.REPOSITORY` is the address; README, book, notebooks and badges repeat it, because
pages cannot ask a package. All of them are changed at once, the path in hubs' addresses included.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from synclora_lite import REPOSITORY
from synclora_lite.files import PROJECT, write_atomic

SITE = "https://github.com/"
TEXT = (".cff", ".ipynb", ".json", ".md", ".py", ".toml", ".yml")


def written(folder: Path) -> list[Path]:
    """List the text files of a checkout."""
    listed = subprocess.run(
        ["git", "-C", str(folder), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [folder / name for name in listed if name.endswith(TEXT)]


def move(files: list[Path], old: str, new: str) -> list[Path]:
    """Replace OWNER/NAME in files, plain or quoted for an address; return what changed."""
    changed = []
    for path in files:
        text = path.read_text("utf-8")
        moved = text.replace(old, new).replace(quote(old, safe=""), quote(new, safe=""))
        folder, other = (name.rpartition("/")[2] for name in (old, new))
        moved = moved.replace(f"tree%2F{folder}%2F", f"tree%2F{other}%2F")
        if moved != text:
            write_atomic(path, moved)
            changed.append(path)
    return changed


def main() -> None:
    """Change the address everywhere."""
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", wanted):
        sys.exit("Error: expected OWNER/NAME of a repository")
    changed = move(written(PROJECT), REPOSITORY.removeprefix(SITE), wanted)
    print(f"{len(changed)} files changed")


if __name__ == "__main__":
    main()

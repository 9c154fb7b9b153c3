"""Sets everything up in .venv: `python -m tools.setup`, which `make setup` runs, needs no package.

The Python that runs it makes the environment (3.11 or later). torch comes first, so that the build
of whichever index is configured is the one that stays. What is set up already is left as it is.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".venv"
BIN = PLACE / ("Scripts" if os.name == "nt" else "bin")
OLDEST = (3, 11)


def digest() -> str:
    """Hash what the environment is made from."""
    files = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
    content = b"".join(path.read_bytes() for path in files) + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def packages() -> None:
    """Make the environment and install the pinned packages, unless that has been done."""
    done = PLACE / ".packages"
    if done.exists() and done.read_text("utf-8") == digest():
        return
    if sys.version_info < OLDEST:
        sys.exit(f"Error: Python {sys.version.split()[0]}; expected 3.11 or later")
    if not any(BIN.glob("python*")):
        try:
            venv.create(PLACE, with_pip=True)
        except (OSError, subprocess.CalledProcessError):
            shutil.rmtree(PLACE, ignore_errors=True)
            sys.exit(
                f"Error: {sys.executable} cannot make a virtual environment; "
                "on Debian: apt-get install python3-venv"
            )
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for wanted in (["torch"], ["-e", ".[book,full,test]"]):
        if subprocess.run(
            [*pip, "-c", "constraints.txt", *wanted], cwd=ROOT, check=False
        ).returncode:
            sys.exit(f"Error: pip could not install {wanted[-1]}; its lines above say why")
    done.write_text(digest(), "utf-8")
    place = BIN.relative_to(ROOT) / "activate"
    print(f"Set up in {PLACE.name}. Next: source {place}", flush=True)


def browser() -> None:
    """Install Chromium where that takes no question; otherwise say who needs it, once."""
    told = PLACE / ".chromium"
    if told.exists():
        return
    found = any(map(shutil.which, ("chromium", "google-chrome", "chrome", "msedge")))
    if not found and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests", flush=True)
        apt = ["apt-get", "-qq", "-y", "--no-install-recommends"]
        _quietly([*apt, "update"])
        _quietly([*apt, "install", "chromium", "fonts-dejavu-core"])
        found = shutil.which("chromium") is not None
    if not found:
        print(
            "Note: Chromium is missing and could not be installed; 'make book' does not need it, "
            "the browser tests in 'make test' do: install the package chromium",
            file=sys.stderr,
        )
    told.touch()


def _quietly(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    packages()
    browser()

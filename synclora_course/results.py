"""Results that the book quotes, each with what makes it again: data/results/NAME.json."""

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synclora_lite.files import PROJECT, data_dir, read_json, write_json


def write_result(name: str, values: Mapping[str, Any], *, command: str, seed: int) -> Path:
    """Store numbers that the book quotes, and what makes them again, as data/results/NAME.json."""
    # the machine in words that identify no one
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python "
    result = {"command": command, "seed": seed, "commit": _commit()}
    result |= {"machine": machine + platform.python_version(), "values": dict(values)}
    return write_json(data_dir() / "results" / f"{name}.json", result)


def read_result(name: str) -> dict[str, Any]:
    """Read a result as `write_result` stored it: command, seed, commit, machine, values."""
    return read_json(data_dir() / "results" / f"{name}.json")


def _commit() -> str:
    """Return the commit of the checkout, marked "+changes" if files but results differ from it."""
    git = ["git", "-C", str(PROJECT)]
    try:
        commit = subprocess.check_output(
            [*git, "rev-parse", "--short=12", "HEAD"], text=True, stderr=subprocess.DEVNULL
        ).strip()
        others = ["--", ".", ":(exclude)data/results"]
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", *others], check=False).returncode
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changed else commit

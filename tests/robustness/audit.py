"""Ask `pip-audit` for known weaknesses of the pinned packages, and `bandit` about our own code.

    python -m tests.robustness.audit

Both are installed into a folder of their own, so that they are no part of the environment. What
is let pass stands below with its reason. `pip-audit` asks a database on the network; where that
cannot be reached, the check says so and fails.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from synclora_lite.files import PROJECT
from tests.robustness.ledger import Ledger

# Findings of bandit that are let pass, by test and file, and why.
PASSED: dict[tuple[str, str], str] = {
    ("B404", "*"): "the module subprocess is used, always with a list of words and no shell",
    ("B603", "*"): "as above: no shell, and file names reach ffmpeg as file: addresses",
    ("B607", "files.py"): "git is looked up on the path, to note the commit of a result",
    ("B607", "robustness.py"): "as above",
    ("B101", "*"): "assertions tell the type checker what holds; none guards against input",
    ("B102", "review.py"): "a student's cell is run, in the process that `grading` bounds",
    ("B102", "questions.py"): "the solutions of our own questions are run to make hidden tests",
    ("B307", "questions.py"): "as above",
    ("B311", "*"): "random numbers choose exercises and seeds; none is a secret",
    ("B615", "*"): "hub models are named by the user; only safetensors are read from them",
}
# Advisories about pinned packages that are let pass, by id, and why.
KNOWN: dict[str, str] = {}


def tool(place: Path, name: str) -> list[str]:
    """Install a tool into a folder of its own and return how to call it."""
    _run([sys.executable, "-m", "venv", str(place)])
    _run([str(place / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", name])
    return [str(place / "bin" / name)]


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=True)


def bandit(place: Path, ledger: Ledger) -> None:
    """Enter every finding of bandit, with the reason why it is let pass."""
    line = [*tool(place / "bandit", "bandit"), "-q", "-r", "-f", "json", "synclora_lite", "tools"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=PROJECT)
    for found in json.loads(done.stdout)["results"]:
        name, test = Path(found["filename"]).name, found["test_id"]
        reason = PASSED.get((test, "*")) or PASSED.get((test, name))
        place_ = f"{found['filename']}:{found['line_number']}"
        fault = "" if reason else f"{test} {found['issue_text']}"
        ledger.add(f"{test} {place_}", "bandit", fault, reason=reason)
    ledger.add("bandit ran", "bandit", "" if done.returncode in (0, 1) else done.stderr[-300:])


def pip_audit(place: Path, ledger: Ledger) -> None:
    """Enter every advisory about a pinned package."""
    words = ["--disable-pip", "--no-deps", "-r", str(PROJECT / "constraints.txt"), "-f", "json"]
    line = [*tool(place / "pip-audit", "pip-audit"), *words, "--progress-spinner", "off"]
    environment = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        ledger.add("pip-audit ran", "pip-audit", f"no database: {last[-200:]}")
        return
    for package in report["dependencies"]:
        for advisory in package.get("vulns", []):
            reason = KNOWN.get(advisory["id"])
            fault = "" if reason else f"{package['version']}, fixed in {advisory['fix_versions']}"
            ledger.add(f"{package['name']} {advisory['id']}", "pip-audit", fault, reason=reason)
    ledger.add(f"{len(report['dependencies'])} packages asked about", "pip-audit")


def main() -> int:
    """Run both; the exit status is 1 if something is neither mended nor explained."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    ledger = Ledger("audit", {})
    ledger.rows.clear()
    with tempfile.TemporaryDirectory() as place:
        bandit(Path(place), ledger)
        pip_audit(Path(place), ledger)
    print(ledger.table())
    lost = len(ledger.lost)
    reasons = sorted({row["reason"] for row in ledger.rows if row.get("reason")})
    ledger.finish(command="python -m tests.robustness.audit", seed=0, let_pass=reasons)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())

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
    ("B603", "*"): "no shell sees a word, and file names reach ffmpeg as file: addresses",
    ("B607", "files.py"): "git is looked up on the path, to note the commit of a result",
    ("B607", "robustness.py"): "git is looked up on the path, to know the commit of a result",
    ("B101", "*"): "assertions tell the type checker what holds; none guards against input",
    ("B607", "address.py"): "git is looked up on the path, to list the files of a checkout",
    ("B102", "growing.py"): "the file that grows is run: the book's parts, or a student's own",
    ("B102", "review.py"): "a student's cell is run, in the process that `grading` bounds",
    ("B102", "questions.py"): "the solutions of our own questions are run to make hidden tests",
    ("B307", "questions.py"): "the solutions of our own questions are run to make hidden tests",
    ("B311", "*"): "random numbers choose exercises and seeds; none is a secret",
    ("B615", "*"): "hub models are named by the user; only safetensors are read from them",
}
# Advisories about pinned packages that are let pass, by id, and why.
KNOWN: dict[str, str] = {}
CODE = ("synclora_lite", "synclora_course", "recipes", "tools")
CONTROL = "django==2.0"  # has advisories: a database that knows none of them is none


def tool(place: Path, name: str) -> list[str]:
    """Install a tool into a folder of its own and return how to call it."""
    _run([sys.executable, "-m", "venv", str(place)])
    _run([str(place / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", name])
    return [str(place / "bin" / name)]


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=True)


def bandit(place: Path, ledger: Ledger) -> None:
    """Enter every finding of bandit, with the reason why it is let pass."""
    line = [*tool(place / "bandit", "bandit"), "-q", "-r", "-f", "json", *CODE]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=PROJECT)
    for found in json.loads(done.stdout)["results"]:
        name, test = Path(found["filename"]).name, found["test_id"]
        reason = PASSED.get((test, "*")) or PASSED.get((test, name))
        place_ = f"{found['filename']}:{found['line_number']}"
        fault = "" if reason else f"{test} {found['issue_text']}"
        ledger.add(f"{test} {place_}", "bandit", fault, reason=reason)
    ledger.add("bandit ran", "bandit", "" if done.returncode in (0, 1) else done.stderr[-300:])


def pip_audit(place: Path, ledger: Ledger) -> str:
    """Enter every advisory about a pinned package, and say how many packages were asked about."""
    control = place / "control.txt"
    control.write_text(f"{CONTROL}\n")
    asked = [PROJECT / "constraints.txt", control]
    words = ["--disable-pip", "--no-deps", "-f", "json"]
    words += [word for file in asked for word in ("-r", str(file))]
    line = [*tool(place / "pip-audit", "pip-audit"), *words, "--progress-spinner", "off"]
    environment = {k: v for k, v in os.environ.items() if k != "PIP_FIND_LINKS"}
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, cwd=PROJECT, env=environment
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        return f"not asked: {last[-200:]}"
    name, version = CONTROL.split("==")
    packages = {(p["name"], p.get("version")): p for p in report["dependencies"]}
    known = packages.pop((name, version), {}).get("vulns")
    if not known:
        return "not asked: no database of advisories can be reached from this machine"
    ledger.add(f"{len(packages)} packages", "pip-audit")
    for package in packages.values():
        for advisory in package.get("vulns", []):
            reason = KNOWN.get(advisory["id"])
            fault = "" if reason else f"{package['version']}, fixed in {advisory['fix_versions']}"
            ledger.add(f"{package['name']} {advisory['id']}", "pip-audit", fault, reason=reason)
    return f"{len(packages)} pinned packages asked about"


def main() -> int:
    """Run both; the exit status is 1 if something is neither mended nor explained."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    ledger = Ledger("audit", {})
    ledger.rows.clear()
    with tempfile.TemporaryDirectory() as place:
        bandit(Path(place), ledger)
        packages = pip_audit(Path(place), ledger)
    print(f"{ledger.table()}\npip-audit: {packages}")
    lost = len(ledger.lost)
    reasons = sorted({row["reason"] for row in ledger.rows if row.get("reason")})
    command = "python -m tests.robustness.audit"
    ledger.finish(command=command, seed=0, pip_audit=packages, let_pass=reasons)
    return 1 if lost or packages.startswith("not asked") else 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs every long robustness check and prints what was tried, survived and lost.

``make robustness`` (half an hour on two free cores); ``python -m tools.robustness --table`` prints
the table of the last results. Each check keeps its place in `runs/robustness` and its outcome in
`data/results/robustness_*.json`; one that was stopped goes on, and one whose result is of this
commit is not run again.
"""

import argparse
import os
import subprocess
import sys
import time

from synclora_course.results import read_result
from synclora_lite.files import PROJECT, data_dir

CHECKS: dict[str, str] = {
    "kills": "commands killed with SIGKILL, and what they leave",
    "places": "full and read-only disks, input removed, 1 GB of memory",
    "texts": "spoiled manifests, settings and weights",
    "media": "spoiled clips and pictures",
    "haul": "many edits in one process, a large manifest",
    "audit": "known weaknesses in packages, dangerous habits in code",
    "environments": "fresh environments give the same bytes",
}
AS_ROOT = ("places",)  # needs to mount small file systems


def command(name: str) -> list[str]:
    """Return the command line of a check; what has to mount runs as root of its own name space."""
    line = [sys.executable, "-m", f"tests.robustness.{name}"]
    if name in AS_ROOT and os.geteuid() != 0:
        line = ["unshare", "--map-root-user", "--mount", *line]
    return line


def is_done(name: str) -> bool:
    """Whether the result of a check is of the present commit, without changes."""
    if not (data_dir() / "results" / f"robustness_{name}.json").exists():
        return False
    head = subprocess.run(
        ["git", "-C", str(PROJECT), "rev-parse", "--short=12", "HEAD"],
        capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    return bool(head) and read_result(f"robustness_{name}")["commit"] == head


def table() -> str:
    """Return the results as text, a line for each kind of fault."""
    lines = [f"{'fault':<44}{'tried':>7}{'survived':>10}{'lost':>6}"]
    tried = lost = 0
    for name in CHECKS:
        if not (data_dir() / "results" / f"robustness_{name}.json").exists():
            lines.append(f"{CHECKS[name][:43]:<44}{'not run':>23}")
            continue
        values = read_result(f"robustness_{name}")["values"]
        tried, lost = tried + values["tried"], lost + values["lost"]
        for kind, of_kind in values["kinds"].items():
            kept = of_kind["tried"] - of_kind["lost"]
            lines.append(f"{kind[:43]:<44}{of_kind['tried']:>7}{kept:>10}{of_kind['lost']:>6}")
    return "\n".join([*lines, f"{'all':<44}{tried:>7}{tried - lost:>10}{lost:>6}"])


def main() -> int:
    """Run what is not done yet; the exit status is 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", choices=CHECKS, action="append")
    parser.add_argument("--again", action="store_true", help="also what is done for this commit")
    parser.add_argument("--table", action="store_true", help="only print the last results")
    options = parser.parse_args()
    failed = False
    for name in [] if options.table else options.only or CHECKS:
        if is_done(name) and not options.again:
            print(f"{name}: done for this commit")
            continue
        print(f"{name}: {CHECKS[name]}", flush=True)
        begin = time.monotonic()
        ended = subprocess.run(command(name), cwd=PROJECT, check=False).returncode
        failed = failed or ended != 0
        print(f"{name}: status {ended} after {time.monotonic() - begin:.0f} s", flush=True)
    print(table())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

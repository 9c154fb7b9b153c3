"""Who may import whom: the package stands alone, whatever is made around it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AROUND = {"synclora_course", "recipes", "benchmarks", "tools", "tests"}


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module names in its imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("synclora_lite", AROUND), ("synclora_course", AROUND - {"synclora_course"})],
)
def test_a_package_imports_nothing_of_what_is_made_around_it(package, forbidden):
    modules = sorted((ROOT / package).rglob("*.py"))
    assert modules
    assert {
        path.name: imported(path) & forbidden for path in modules if imported(path) & forbidden
    } == {}


def test_the_command_line_lists_the_course_without_loading_it_and_says_when_it_is_missing(tmp_path):
    (tmp_path / "synclora_lite").symlink_to(ROOT / "synclora_lite")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.modules['synclora_course'] = None;"
        "from synclora_lite.cli import run; sys.exit(run(sys.argv[2:]))"
    )

    def synclora(*words):
        line = [sys.executable, "-c", code, str(tmp_path), *words]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    listed = synclora("--help")
    assert listed.returncode == 0
    assert "course" in listed.stdout
    asked = synclora("course", "check")
    assert asked.returncode == 1
    assert asked.stderr.startswith("Error: synclora_course is not installed")
    assert len(asked.stderr.splitlines()) == 1


def test_editing_with_the_lite_model_loads_nothing_of_ltx2():
    """A hosted notebook may have a diffusers that does not know all of it."""
    code = (
        "import sys; from synclora_lite.editing import SyncLoraPipeline;"
        "import synclora_lite.evaluation, synclora_lite.training;"
        "SyncLoraPipeline.from_pretrained('lite', adapter='lite-adapter');"
        "print([name for name in sys.modules if name.startswith('diffusers.pipelines.ltx2')])"
    )
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"

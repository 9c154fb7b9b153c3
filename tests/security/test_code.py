"""What the code never does: unpickle, run a shell, evaluate text, or fetch over plain http."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.published import told_too_much

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "synclora_lite", ROOT / "synclora_course")
FOLDERS = (*PACKAGES, ROOT / "recipes", ROOT / "tools")
ALL = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))]
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "zipfile", "tarfile"}
FORBIDDEN_CALLS = {
    *("os.system", "os.popen", "torch.load", "torch.save", "joblib.load", "joblib.dump"),
    *("yaml.load", "np.save", "subprocess.getoutput", "shutil.unpack_archive", "tempfile.mktemp"),
}
# Student code is run by design, in a process of its own; questions are our own text.
MAY_EXECUTE = {f"synclora_course/{name}.py" for name in ("growing", "questions", "review")}
MAY_ZIP = {"tools/landmarkers.py"}  # it writes a file and reads none


def name_of(node: ast.expr) -> str:
    """Return a dotted name, or ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return ""


def sins(path: Path) -> Iterator[str]:
    """Yield what a file does that it must not."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else names
            allowed = {"zipfile"} if str(path).endswith(tuple(MAY_ZIP)) else set()
            bad = FORBIDDEN_MODULES - allowed
            yield from (f"imports {m}" for m in modules if m.split(".")[0] in bad)
        if isinstance(node, ast.Call):
            name = name_of(node.func)
            if name in FORBIDDEN_CALLS:
                yield f"calls {name}"
            if name in ("eval", "exec") and not str(path).endswith(tuple(MAY_EXECUTE)):
                yield f"calls {name}"
            for word in node.keywords:
                if word.arg in ("shell", "allow_pickle", "trust_remote_code"):
                    yield f"says {word.arg}"
            if name.endswith(".from_pretrained") and "use_safetensors" not in ast.unparse(node):
                yield f"{name} without use_safetensors"


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_does_nothing_dangerous(path: Path) -> None:
    assert list(sins(path)) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "import pickle, subprocess\nfrom tarfile import open\nsubprocess.run('x', shell=True)\n"
        "eval('1')\nimport torch\ntorch.load('x')\nA.from_pretrained('x')\n"
    )
    assert len(list(sins(path))) == 6


def test_only_https_addresses_are_ever_fetched() -> None:
    plain = re.compile(r"http://(?!www\.w3\.org|localhost|127\.0\.0\.1)\S+")
    files = [
        path for folder in PACKAGES for path in folder.rglob("*") if path.suffix in (".py", ".html")
    ]
    assert [p.name for p in files if plain.search(p.read_text())] == []


PUBLISHED = [
    *sorted((ROOT / "notebooks").rglob("*.ipynb")),
    *sorted((ROOT / "book").rglob("*.md")),
    *sorted((ROOT / "data").rglob("*.json")),
]


def test_nothing_that_is_published_holds_a_secret_or_a_place_of_the_machine() -> None:
    assert told_too_much(PUBLISHED) == set()

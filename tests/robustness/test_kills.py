"""A short run of the script `kills`: builds and trainings that were killed end as in peace."""

from pathlib import Path

import pytest

from tests.robustness.kills import contents, half_written, under_fire
from tests.robustness.ledger import Ledger


@pytest.mark.parametrize(("name", "files"), [("pairs build", 81), ("train", 10)])
def test_a_command_killed_at_random_moments_ends_as_one_that_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, files: int
) -> None:
    monkeypatch.setenv("SYNCLORA_CACHE", str(tmp_path / "cache"))
    ledger = Ledger("kills", {}, tmp_path)
    under_fire(name, tmp_path, 3, 0, ledger)
    assert ledger.lost == []
    assert [row["kind"] for row in ledger.rows] == [name] * 3 + ["equal in the end"]
    assert len(contents(tmp_path / "fire" / "x")) >= files


def test_half_a_file_under_its_final_name_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1')
    (tmp_path / "b.mp4").write_bytes(b"ftyp, and no more")
    (tmp_path / ".c.json").write_text("{")  # a hidden name is not a final one
    (tmp_path / "d.safetensors").write_bytes(b"\x09")
    assert [line.split(":")[0] for line in half_written(tmp_path)] == [
        "a.json",
        "b.mp4",
        "d.safetensors",
    ]


def test_a_ledger_goes_on_where_it_was_and_counts_what_was_lost(tmp_path: Path) -> None:
    first = Ledger("some", {"seed": 1}, tmp_path)
    first.add("a", "cut")
    first.add("b", "cut", "a traceback")
    again = Ledger("some", {"seed": 1}, tmp_path)
    assert again.done() == {"a"}  # what was lost is tried again
    counts = {"tried": 2, "survived": 1, "lost": 1, "kinds": {"cut": {"tried": 2, "lost": 1}}}
    assert first.values() == counts
    assert "LOST b (cut): a traceback" in first.table()
    again.forget("cut")
    assert Ledger("some", {"seed": 1}, tmp_path).rows == []
    assert Ledger("some", {"seed": 2}, tmp_path).rows == []

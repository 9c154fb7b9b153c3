"""The README's numbers come from results files."""

from synclora_lite.files import write_json
from tools.readme import filled


def test_numbers_are_filled_in_and_the_rest_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    means = {
        name: {"mean": value}
        for name, value in (("sync", 0.987), ("edit_kept", 0.5), ("psnr", 31.26))
    }
    origin = {"command": "make", "seed": 0, "commit": "0", "machine": "a"}
    write_json(
        tmp_path / "results" / "exam_copy.json", {"values": {"clips": 9, "all": means}} | origin
    )
    text = (
        "On <!-- quote exam_copy | {clips} -->7<!-- end --> clips:\n\n"
        "| method | | sync | kept | PSNR |\n|---|---|---|---|---|\n"
        "| `copy` | the source | 0 | 0 | 0 dB |\n"
    )
    expected = text.replace(">7<", ">9<").replace("0 | 0 | 0 dB", "0.99 | 0.50 | 31.3 dB")
    assert filled(text) == expected
    assert filled(expected) == expected

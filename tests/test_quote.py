import pytest

from synclora_course.quote import quote
from synclora_course.results import write_result
from synclora_lite.errors import ArtifactError


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCLORA_DATA", str(tmp_path))
    write_result(
        "lips", {"cues": {"mouth": {"pearson": 0.9731}}, "pairs": 512}, command="make it", seed=3
    )


def test_a_sentence_takes_its_numbers_from_the_results_file(results):
    quotation = quote("lips", "{pairs:,} pairs, r = {cues.mouth.pearson:.2f}")
    assert str(quotation) == "512 pairs, r = 0.97"


def test_a_quotation_says_where_it_comes_from(results):
    shown = quote("lips", "{pairs}")._repr_markdown_()
    assert "make it" in shown
    assert "seed 3" in shown


def test_a_number_that_is_not_there_is_an_error(results):
    with pytest.raises(ArtifactError, match="gaze"):
        quote("lips", "{cues.gaze.pearson}")
    with pytest.raises(ArtifactError, match="other"):
        quote("other", "{pairs}")

"""Numbers in prose, read from the results files that also say where they came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synclora_course.results import read_result
from synclora_lite.errors import ArtifactError


@dataclass(frozen=True)
class Quotation:
    """A sentence with its numbers, and a line that says what produced them."""

    text: str
    provenance: str

    def __str__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"{self.text}\n\n<small>{self.provenance}</small>"


def quote(name: str, template: str) -> Quotation:
    """Fill a sentence with values of data/results/NAME.json.

    Args:
        name: Name of the results file, without suffix.
        template: Markdown with fields as in `str.format`; dots reach into nested values:
            "The lips follow at r = {cues.mouth.pearson:.2f}."

    Raises:
        ArtifactError: The file, or a value in it, does not exist.

    """
    result = read_result(name)
    values = {key: _wrap(value) for key, value in result["values"].items()}
    try:
        text = template.format_map(values)
    except (KeyError, AttributeError, IndexError) as error:
        raise ArtifactError(
            f"data/results/{name}.json holds no {error}", f"one of {', '.join(values)}"
        ) from error
    source = f"`data/results/{name}.json`: `{result['command']}`, seed {result['seed']}"
    return Quotation(text, f"{source}, commit {result['commit']}, {result['machine']}.")


class _Values(dict):
    """A dictionary whose keys can be written behind a dot."""

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError as error:
            raise AttributeError(key) from error


def _wrap(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _Values({key: _wrap(item) for key, item in value.items()})
    return value

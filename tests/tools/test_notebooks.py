import copy
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from synclora_course.errors import CourseError
from tools import notebooks

PICTURE = {"image/png": "iVBORw0=", "text/plain": "<Figure>"}


def make_notebook(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"c{number}", "metadata": {}, "outputs": []}
        | {"execution_count": None, "source": source}
        for number, source in enumerate(sources)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}}
    path.write_text(json.dumps(content | {"nbformat": 4, "nbformat_minor": 5}))
    return path


def with_output(**output):
    cell = {"cell_type": "code", "metadata": {"papermill": {}}, "outputs": [output]}
    return {"cells": [cell], "metadata": {"widgets": {}, "papermill": {}}}


def test_a_notebook_runs_once_in_an_empty_folder_and_again_when_it_changes(tmp_path):
    source = "import os; print(sorted(os.listdir()), os.environ['OMP_NUM_THREADS'])"
    notebook = make_notebook(tmp_path / "a.ipynb", source)
    first = notebooks.execute(notebook, tmp_path / "out")
    assert not first.reused
    printed = json.loads(first.output.read_text())["cells"][0]["outputs"][0]["text"]
    assert "".join(printed) == "[] 1\n"
    assert notebooks.execute(notebook, tmp_path / "out").reused
    changed = notebooks.notebook_digest(make_notebook(notebook, source + " # changed"))
    recorded = json.loads(first.output.read_text())["metadata"]["execution"]["digest"]
    assert changed != recorded


def test_a_notebook_that_two_ask_for_at_a_time_runs_once(tmp_path):
    notebook = make_notebook(tmp_path / "a.ipynb", "1 + 1")
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(notebooks.execute, notebook, tmp_path / "out") for _ in range(2)]
    assert sorted(job.result().reused for job in asked) == [False, True]


def test_a_failing_cell_is_told_with_its_traceback_and_leaves_no_result(tmp_path):
    bad = make_notebook(tmp_path / "bad.ipynb", "1 / 0")
    good = make_notebook(tmp_path / "good.ipynb", "1 + 1")
    with pytest.raises(CourseError, match=r"bad\.ipynb failed(.|\n)*ZeroDivisionError"):
        notebooks.execute_all([bad, good], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.ipynb"]


def test_a_warning_in_a_cell_is_an_error():
    content = with_output(output_type="stream", name="stderr", text=["UserWarning: odd\n"])
    with pytest.raises(CourseError, match="cell 0 printed to stderr: UserWarning: odd"):
        notebooks.clean(content, "a.ipynb")


def test_logs_of_native_libraries_are_dropped():
    log = ["WARNING: All log messages before absl::InitializeLog()\n", "I0000 00:00 gl_context\n"]
    content = with_output(output_type="stream", name="stderr", text=log)
    assert notebooks.clean(content, "a.ipynb")["cells"][0]["outputs"] == []


def test_a_widget_is_replaced_by_its_still():
    data = PICTURE | {notebooks.WIDGET: {"model_id": "1"}}
    content = with_output(output_type="display_data", data=copy.deepcopy(data), metadata={})
    cleaned = notebooks.clean(content, "a.ipynb")
    assert cleaned["cells"][0]["outputs"][0]["data"] == PICTURE
    assert cleaned["metadata"] == {}


def test_a_widget_without_a_still_is_an_error():
    data = {"text/plain": "VBox()", notebooks.WIDGET: {"model_id": "1"}}
    with pytest.raises(CourseError, match="widget without a still"):
        notebooks.clean(with_output(output_type="display_data", data=data), "a.ipynb")

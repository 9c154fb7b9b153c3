"""Sends readers who open a chapter in Colab to its student notebook, which holds no solutions."""

from typing import Any

from sphinx.application import Sphinx

AFTER_THE_THEME = 900


def open_student_notebook(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Point the launch buttons of a chapter at notebooks/student."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if "colab" in button.get("url", ""):
                button["url"] = button["url"].replace("/notebooks/", "/notebooks/student/")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", open_student_notebook, priority=AFTER_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

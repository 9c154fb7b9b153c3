"""Light pages that need no network, and launch buttons that open notebooks without solutions."""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

AFTER_THE_THEME = 900


def mend_buttons(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Open notebooks/student in Colab, and draw all icons with one font."""
    for group in context.get("header_buttons", []):
        for button in [group, *group.get("buttons", [])]:
            if "colab" in button.get("url", ""):
                button["url"] = button["url"].replace("/notebooks/", "/notebooks/student/")
            if button.get("icon") == "fab fa-github":
                button["icon"] = "fas fa-code-branch"


def drop_unused_scripts(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Leave out thebe, which asks a content network, and MathJax where there are no formulas.

    Sphinx gives MathJax also to a page whose sub-pages have formulas, which the landing page
    need not load.
    """
    has_formulas = doctree is not None and any(
        doctree.findall(lambda node: isinstance(node, nodes.math | nodes.math_block))
    )
    unused = ("thebe",) if has_formulas else ("thebe", "mathjax")
    context["script_files"] = [
        script
        for script in context["script_files"]
        if not any(name in f"{script} {getattr(script, 'attributes', '')}" for name in unused)
    ]


def shrink_mathjax(app: Sphinx, config: Config) -> None:
    """Load the parts of MathJax that the formulas need: its menu alone weighs 400 KB."""
    config.mathjax_path = "mathjax/startup.js"
    config.mathjax3_config = {
        "loader": {"load": ["input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"]},
        "tex": {"packages": {"[+]": ["ams"]}},
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", shrink_mathjax)
    app.connect("html-page-context", mend_buttons, priority=AFTER_THE_THEME)
    app.connect("html-page-context", drop_unused_scripts, priority=AFTER_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Light pages that need no network, and launch buttons that open notebooks without solutions."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

AFTER_THE_THEME = 900
# 1.5 MB of icons as a script; the theme has the same icons as a font
ICON_SCRIPT = "_static/scripts/fontawesome.js"
STYLES = "_static/styles/pydata-sphinx-theme.css"
ICON_RULE = re.compile(r"(?:\.fa-[\w-]+:{1,2}before,?)+\{content:[^}]*\}")
ICON_NAME = re.compile(r"\bfa-[\w-]+")


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


def lighten_icons(app: Sphinx, failure: Exception | None) -> None:
    """Empty the icon script, and drop the style rules of icons that no page shows."""
    if failure is not None:
        return
    output = Path(app.outdir)
    (output / ICON_SCRIPT).write_text("")
    texts = (path.read_text() for kind in ("html", "js") for path in output.rglob(f"*.{kind}"))
    shown = {name for text in texts for name in ICON_NAME.findall(text)}
    styles = (output / STYLES).read_text()
    lean = ICON_RULE.sub(
        lambda rule: rule[0] if shown & set(ICON_NAME.findall(rule[0])) else "", styles
    )
    (output / STYLES).write_text(lean)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("html-page-context", mend_buttons, priority=AFTER_THE_THEME)
    app.connect("html-page-context", drop_unused_scripts, priority=AFTER_THE_THEME)
    app.connect("build-finished", lighten_icons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

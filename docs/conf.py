"""The documentation site, made of the pages of this folder: `sh docs/build.sh OUT`.

build.sh lays out the pages first (docs/lay_out.py). Nothing is loaded from a network: no fonts, no scripts, no formulas to typeset
(they are plain text, as in the source).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.ext.napoleon import Config, NumpyDocstring
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parent))

import executed
import make_api
import site_map

import mehler

project = "mehler"
author = "The mehler developers"
copyright = author
release = version = mehler.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
templates_path = ["_templates"]
html_static_path = ["_static"]
root_doc = "index"
language = "en"
smartquotes = False  # quotes are values here: 'relu'
nitpicky = True
nitpick_ignore_regex = [("py:(exc|class|obj)", r"[A-Z]\w*(Error|Exception|Warning|Interrupt)")]

myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "mehler"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
html_sidebars = {"**": ["everything.html"]}
html_theme_options: dict[str, Any] = {
    "logo": {"text": "mehler"},
    "navbar_center": ["doors.html"],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["made.html"],
    "footer_end": [],
    "show_toc_level": 2,
    "navigation_depth": 4,
    "search_as_you_type": False,
    "show_prev_next": True,
}
html_context = {"default_mode": "auto"}
pygments_style = "a11y-high-contrast-light"


TITLES = {"readme": "Install, first results", "coming-from": "Coming from other packages"}


def _grown(app: Any, page: str, source: list[str]) -> None:
    """The trees of the sidebar, after the text of the pages that carry them: the files themselves stay plain Markdown."""
    pages = app.env.found_docs
    trees = site_map.sections(pages) if page == "index" else {}
    below = site_map.children(page, pages)
    if below and not page.startswith("api"):  # they are made, with trees of their own
        trees[""] = below
    for title, names in trees.items():
        names = [f"{TITLES[name]} </{name}>" if name in TITLES else f"/{name}" for name in names]
        caption = [f":caption: {title}"] if title else []
        source[0] += "\n".join(["\n\n```{toctree}", ":hidden:", *caption, "", *names, "```\n"])


SECTION = re.compile(r"^\w+\n-+$", re.MULTILINE)
NUMPYDOC = Config(
    napoleon_use_param=False,  # types of parameters are words, no names to link
    napoleon_use_rtype=False,
    napoleon_attr_annotations=False,
    napoleon_custom_sections=[("Fields", "params_style")],
)


def _read(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """A docstring of ours as reStructuredText. Its examples are run; one that does not print what it says is an error of the build.

    The extension napoleon by itself would read "a: b" in the docstring of a property as a type and a text.
    """
    public, text = name.removeprefix("mehler."), "\n".join(lines)
    if public in mehler.__all__:
        text, examples, wrong = executed.executed(public, text)
        if wrong:
            logging.getLogger(__name__).warning("an example of mh.%s fails:\n%s", public, wrong)
        # The examples come first, as they do on the page of a code host.
        head = SECTION.search(text)
        end = head.start() if head else len(text)
        text = f"{text[:end]}\n\nExamples\n--------\n{examples}\n\n{text[end:]}"
    else:
        text = executed.escaped(text)
    text = text.replace("\nAttributes\n----------\n", "\nFields\n------\n")
    what = "method" if what in ("property", "attribute") else what
    lines[:] = NumpyDocstring(text, NUMPYDOC, app, what, name, obj, options).lines()


def _linked(app: Any, doctree: Any, page: str) -> None:
    """`mh.plan` and `mh.plan(X)` in the text of any page lead to their entries; a colon stands after the names of a list."""
    for field in doctree.findall(nodes.field_body):
        for text in list(field.findall(nodes.Text)):
            if text.startswith(" -- "):
                text.parent.replace(text, nodes.Text(f": {text[4:]}"))
    for literal in list(doctree.findall(nodes.literal)):
        text = literal.astext()
        public = text.removeprefix("mh.").partition("(")[0].partition(".")[0]
        if not text.startswith("mh.") or public not in mehler.__all__:
            continue
        target = f"api/{make_api.slug(public)}"
        if page == target:
            continue
        if any(isinstance(up, nodes.reference | nodes.title) for up in _above(literal)):
            continue
        uri = app.builder.get_relative_uri(page, target)
        link = nodes.reference("", "", internal=True, refuri=uri)
        literal.replace_self(link)
        link += literal


def _above(node: Any) -> Any:
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _grown)
    app.connect("autodoc-process-docstring", _read)
    app.connect("doctree-resolved", _linked)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

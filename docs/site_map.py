"""Where every page stands in the sidebar of the site: sections, in the order in which a reader meets them.

A line of a section is the name of a page, without its ending, or a pattern; what does not exist is left out, so that a page may come
before or after its line. Every page stands in one section (tests/test_site.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch

SECTIONS = {
    "Start": ["readme", "tutorial", "command-line", "data", "glossary"],
    "Kernels": ["finite-width", "sweeps", "explanation"],
    "Answers": [
        "accuracy",
        "spectrum",
        "how-mehler-chooses",
        "methods",
        "performance",
        "coming-from",
    ],
    "Beyond memory": ["out-of-core", "disk", "distributed", "*million*"],
    "Theory": ["maths", "diagnosis", "training", "study", "systems/index"],
    "Reference": ["api", "design", "decisions/index", "releasing", "contributing", "changelog"],
}
# Pages that stand under another page: they open with it.
UNDER = {
    "systems/index": "systems/*",
    "decisions/index": "decisions/*",
    "api": "api/*",
}


def sections(pages: Iterable[str]) -> dict[str, list[str]]:
    """The pages of every section that has any, each page once."""
    left = {p for p in pages if p != "index" and under(p) is None}
    found: dict[str, list[str]] = {}
    for title, patterns in SECTIONS.items():
        mine: list[str] = []
        for pattern in patterns:
            mine += sorted(p for p in left - set(mine) if fnmatch(p, pattern))
        left -= set(mine)
        if mine:
            found[title] = mine
    if left:
        found["More"] = sorted(left)
    return found


def under(page: str) -> str | None:
    """The page that another one opens with, or None."""
    for top, pattern in UNDER.items():
        if page != top and fnmatch(page, pattern):
            return top
    return None


def children(top: str, pages: Iterable[str]) -> list[str]:
    """The pages under a page, by name."""
    return sorted(p for p in pages if under(p) == top)

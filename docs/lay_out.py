"""Lay out the pages of the site in a folder: those of docs/ as they are, those of the root, and one for every public name.

    python docs/lay_out.py FOLDER

README, CONTRIBUTING and CHANGELOG stand in the root of the repository, where a code host looks for them; here they stand beside the
others, and links between them follow.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import make_api

import mehler

DOCS = Path(__file__).parent
ROOTS = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
FILES = re.compile(
    r"\]\((?:\.\./)*((?:bench|examples|python|tests|cpp|tools|\.ci)/[^)\s]*|CITATION\.cff|LICENSE)\)"
)

HEAD = """# Reference

Every public name, each on a page of its own. Examples start from

```python
import numpy as np
import mehler as mh
```

What they print was printed when this site was built. New here? The [tutorial](tutorial.md) goes from data to a decision.
"""
# The entries of docs/api.md by their anchors.
PLACES = {
    make_api.link(name, name).partition("#")[2].rstrip(")"): name
    for _, _, names in make_api.GROUPS
    for name in names
}


def relinked(text: str, page: str) -> str:
    """Links between the root and docs/ as they are once all pages stand in one folder; files of the source are named, not linked."""
    if page in ROOTS.values():
        text = text.replace("](docs/", "](")
    for old, new in ROOTS.items():
        text = re.sub(rf"\]\((\.\./)?{re.escape(old)}(#[^)]*)?\)", rf"]({new}\2)", text)
    text = re.sub(
        r"\]\(((?:\.\./)*)api\.md#([\w-]+)\)",
        lambda m: f"]({m[1]}api/{make_api.slug(PLACES[m[2]])}.rst)",
        text,
    )
    return re.sub(r"\[([^\]]*)" + FILES.pattern, lambda m: f"{m[1]} (`{m[2]}` of the source)", text)


def lay_out(folder: Path) -> None:
    shutil.copytree(
        DOCS, folder, ignore=shutil.ignore_patterns("*.py", "*.sh", "__pycache__", "_*")
    )
    for old, new in ROOTS.items():
        shutil.copyfile(DOCS.parent / old, folder / new)
    for page in folder.rglob("*.md"):
        name = page.relative_to(folder).as_posix()
        page.write_text(relinked(page.read_text(encoding="utf-8"), name), encoding="utf-8")
    decisions(folder / "decisions")
    reference(folder)


def decisions(folder: Path) -> None:
    """A list of the decisions by their titles."""
    lines = ["# Decisions", "", "What was decided, why, and what was rejected.", ""]
    for page in sorted(folder.glob("[0-9]*.md")):
        title = re.search(r"^# (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
        lines.append(f"- [{title[1] if title else page.stem}]({page.name})")
    (folder / "index.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def reference(folder: Path) -> None:
    """The reference: an overview, a page for every group of names, and one for every name."""
    (folder / "api").mkdir()
    overview, groups = [HEAD], []
    for title, what, names in make_api.GROUPS:
        group = re.sub(r"\W+", "-", title.lower())
        groups.append(group)
        links = ", ".join(f"[`{name}`](api/{make_api.slug(name)}.rst)" for name in names)
        overview += [f"## [{title}](api/{group}.md)", "", what, "", links, ""]
        inside = re.sub(r"\]\((?!#)", "](../", what)
        page = [f"# {title}", "", inside, "", "| name | |", "| --- | --- |"]
        for name in names:
            summary = make_api.prose(make_api.parts(getattr(mehler, name))[0], "{}.rst")
            page.append(f"| [`{name}`]({make_api.slug(name)}.rst) | {summary} |")
            (folder / "api" / f"{make_api.slug(name)}.rst").write_text(
                entry(name), encoding="utf-8"
            )
        page += tree([make_api.slug(name) for name in names])
        (folder / "api" / f"{group}.md").write_text("\n".join(page), encoding="utf-8")
    overview += tree([f"api/{group}" for group in groups])
    (folder / "api.md").write_text("\n".join(overview), encoding="utf-8")


def tree(pages: list[str]) -> list[str]:
    return ["", "```{toctree}", ":hidden:", "", *pages, "```", ""]


def entry(name: str) -> str:
    thing = getattr(mehler, name)
    title = f"mh.{name}"
    kind = "class" if isinstance(thing, type) else "function"
    if isinstance(thing, type) and issubclass(thing, BaseException):
        kind = "exception"
    members = "   :members:\n" if kind == "class" else ""
    if (
        isinstance(thing, type)
        and not (called := make_api.named(thing)).keys() <= vars(thing).keys()
    ):
        members = f"   :members: {', '.join(called)}\n"  # those of its bases have to be named
    return f"{title}\n{'=' * len(title)}\n\n.. auto{kind}:: mehler.{name}\n{members}"


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]))

"""Documentation that points somewhere: links, docstrings and the stub of the extension."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import mehler
from mehler import _core

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`[^`\n]*`")


def pages() -> list[Path]:
    top = [p for p in ROOT.glob("*.md")]
    return sorted(
        top + [p for d in ("docs", "examples", "bench") for p in (ROOT / d).rglob("*.md")]
    )


def anchors(text: str) -> set[str]:
    """The fragment of every heading: lower case, punctuation dropped, spaces to hyphens."""
    heads = HEADING.findall(FENCE.sub("", text))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


@pytest.mark.parametrize("page", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path):
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(INLINE.sub("", FENCE.sub("", text))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = unquote(target).partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.exists(), f"{page.name} links to {target}, which does not exist"
        if fragment and goal.suffix == ".md":
            known = anchors(goal.read_text(encoding="utf-8"))
            assert fragment in known, f"{page.name} links to {target}; {goal.name} has {known}"


def test_every_page_stands_on_the_menu():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        link = page.relative_to(ROOT / "docs").as_posix()
        assert page.name == "index.md" or f"({link}" in index, f"docs/index.md leaves out {link}"


def public_callables() -> list[str]:
    return [n for n in mehler.__all__ if callable(getattr(mehler, n))]


@pytest.mark.parametrize("public", sorted(mehler.__all__))
def test_public_name_exists(public: str):
    assert hasattr(mehler, public)


@pytest.mark.parametrize("public", public_callables())
def test_docstring_names_every_parameter(public: str):
    thing = getattr(mehler, public)
    doc = inspect.getdoc(thing)
    assert doc and doc.strip(), f"mehler.{public} has no docstring"
    if inspect.isclass(thing) and issubclass(thing, BaseException):
        return
    section = "Attributes" if inspect.isclass(thing) else "Parameters"
    arguments = [
        p.name
        for p in inspect.signature(thing).parameters.values()
        if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and not p.name.startswith("_")
    ]
    if not arguments:
        return
    told, _, _ = doc.partition("\nExamples\n--------\n")
    headed = re.search(r"^(?:Parameters|Attributes)\n-+\n(.*)", told, re.MULTILINE | re.DOTALL)
    assert headed, f"mehler.{public} takes {arguments}; its docstring has no {section} section"
    # The names stand at the left margin of the section, alone or "a, b : type".
    words = set(re.findall(r"\w+", "\n".join(re.findall(r"^\S.*", headed[1], re.MULTILINE))))
    missing = [a for a in arguments if a not in words]
    assert not missing, f"mehler.{public}: the docstring leaves out {missing}"


def public_functions() -> dict[str, Callable[..., Any]]:
    """Functions, and methods of public classes that are called by name, by how they are called."""
    found: dict[str, Callable[..., Any]] = {}
    for public in mehler.__all__:
        thing = getattr(mehler, public)
        if inspect.isfunction(thing):
            found[public] = thing
        if inspect.isclass(thing):
            bases = [base for base in thing.__mro__ if base.__module__.startswith("mehler.")]
            for method, member in ((m, f) for base in bases for m, f in vars(base).items()):
                plain = member.__func__ if isinstance(member, staticmethod) else member
                named = not method.startswith("_") or method in ("__call__", "__matmul__")
                if named and inspect.isfunction(plain):
                    found[f"{public}.{method}"] = plain
    return found


@pytest.mark.parametrize("public", sorted(public_functions()))
def test_docstring_says_what_comes_back_and_what_is_refused(public: str):
    function = public_functions()[public]
    doc = inspect.getdoc(function) or ""
    takes = [p for p in inspect.signature(function).parameters if p != "self"]
    expected = ["Parameters"] * bool(takes) + ["Returns"]
    if inspect.isfunction(getattr(mehler, public, None)) and takes:
        expected.append("Raises")
    headed = re.findall(r"^(\w+)\n-+$", doc, re.MULTILINE)
    missing = [section for section in expected if section not in headed]
    assert not missing, f"the docstring of mehler.{public} has no section {missing}"
    order = ["Parameters", "Returns", "Raises", "Warns", "References", "Examples"]  # numpydoc's
    assert headed == [section for section in order if section in headed]


def test_stub_names_match_the_extension():
    stub = Path(mehler.__file__).with_name("_core.pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    promised: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            promised.add(node.name)
            if isinstance(node, ast.ClassDef):
                members = {
                    n.name if isinstance(n, ast.FunctionDef) else n.target.id  # type: ignore[union-attr]
                    for n in node.body
                    if isinstance(n, ast.FunctionDef | ast.AnnAssign)
                }
                actual = getattr(_core, node.name)
                missing = {m for m in members if not hasattr(actual, m)}
                assert not missing, f"_core.pyi promises {node.name}.{missing}"
                public = {m for m in vars(actual) if not m.startswith("_")}
                assert public <= members, f"_core.pyi leaves out {node.name}.{public - members}"
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            promised.add(node.target.id)
    actual_names = {n for n in dir(_core) if not n.startswith("_")}
    assert {p for p in promised if not p.startswith("_")} == actual_names

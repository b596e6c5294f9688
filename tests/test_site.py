"""The documentation site, as far as it can be held without building it: pages, sections, glossary, executed examples, link check.

The build itself (`sh docs/build.sh OUT`) is a step of the gate, with warnings as errors.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import mehler

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
MADE = {"readme", "contributing", "changelog", "decisions/index"}  # laid out from elsewhere


@pytest.fixture(autouse=True)
def _docs_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


def pages() -> set[str]:
    files = {p.relative_to(DOCS).with_suffix("").as_posix() for p in DOCS.rglob("*.md")}
    return files | MADE


def test_every_page_stands_in_one_section():
    site_map = module("site_map")
    found = site_map.sections(pages())
    shown = [p for names in found.values() for p in names]
    hidden = {p for p in pages() if site_map.under(p) is not None}
    assert "More" not in found, f"docs/site_map.py has no section for {found['More']}"
    assert sorted(shown) == sorted(pages() - hidden - {"index"})
    assert len(set(shown)) == len(shown)


def test_pages_that_do_not_exist_yet_are_no_error():
    sections = module("site_map").sections
    assert sections({"index", "tutorial"}) == {"Start": ["tutorial"]}
    later = sections(pages() | {"towards-a-million-points", "distributed", "disk"})
    assert later["Beyond memory"][-1] == "towards-a-million-points"
    assert sections({"nobody-knows"}) == {"More": ["nobody-knows"]}


def test_the_pages_of_the_menu_and_of_the_sidebar_are_laid_out(tmp_path: Path):
    lay_out = module("lay_out")
    lay_out.lay_out(tmp_path / "pages")
    made = {
        p.relative_to(tmp_path / "pages").with_suffix("").as_posix()
        for p in tmp_path.rglob("*.*")
        if p.suffix in (".md", ".rst")
    }
    assert pages() <= made
    entries = {f"api/{module('make_api').slug(name)}" for name in mehler.__all__}
    assert entries <= made
    assert len({e.lower() for e in entries}) == len(entries), "one file a name on every system"
    for page in tmp_path.rglob("*.md"):
        for target in re.findall(r"\]\(([^)\s#]+)", page.read_text(encoding="utf-8")):
            if page.name != "api.md" and not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page} leads to {target}"


def test_links_between_the_root_and_docs_follow():
    relinked = module("lay_out").relinked
    assert relinked("[a](docs/accuracy.md#copies)", "readme.md") == "[a](accuracy.md#copies)"
    assert relinked("[a](../CONTRIBUTING.md)", "index.md") == "[a](contributing.md)"
    assert relinked("[a](../api.md#mhsolve)", "systems/x.md") == "[a](../api/solve.rst)"
    assert relinked("[a](api.md#class-mhplan)", "x.md") == "[a](api/class-Plan.rst)"
    assert relinked("[b](../bench/peers.py)", "x.md") == "b (`bench/peers.py` of the source)"


def test_what_an_example_printed_stands_where_the_docstring_leaves_lines_out():
    executed = module("executed").executed
    doc = "What.\n\nExamples\n--------\n>>> print('a\\nb\\nc')\na\n...\nc\n"
    text, examples, wrong = executed("wrong", doc)
    assert (text, wrong) == ("What.\n", "")
    assert examples == ">>> print('a\\nb\\nc')\na\nb\nc\n"


def test_an_example_that_prints_something_else_is_told():
    _, _, wrong = module("executed").executed("wrong", "W.\n\nExamples\n--------\n>>> 1 + 1\n3\n")
    assert "Got:\n    2" in wrong


def test_formulas_of_docstrings_stay_formulas():
    escaped = module("executed").escaped
    assert escaped("|x| * y_ ``|z|`` :func:`plan`") == r"\|x\| \* y\_ ``|z|`` :func:`plan`"


def test_every_term_of_the_glossary_says_something():
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^### (.*)\n(.+)", text, re.MULTILINE)
    assert len(terms) == len(re.findall(r"^### ", text, re.MULTILINE)) >= 30
    for needed in ("Gram matrix", "NTK", "Ritz value", "Enclosure", "Shift-invert", "Certificate"):
        assert needed in dict(terms)
    for page in ("tutorial.md", "index.md"):
        assert "(glossary.md" in (DOCS / page).read_text(encoding="utf-8")


def test_every_method_precision_and_storage_has_its_part():
    from mehler.operators.storage import STORAGES
    from mehler.question import METHODS, PRECISIONS

    text = (DOCS / "methods.md").read_text(encoding="utf-8")
    for method in set(METHODS) - {"auto"}:
        assert f"\n## {method}\n" in text
    own_pages = {"disk"}
    for word in {*PRECISIONS, *STORAGES} - own_pages:
        assert f"\n| `{word}` |" in text


def test_a_link_that_leads_nowhere_and_a_script_from_elsewhere_are_seen(tmp_path: Path):
    wrong = module("check_site").wrong
    page = tmp_path / "index.html"
    page.write_text('<p id="a"><a href="index.html#a">ok</a> <a href="https://example.org">ok</a>')
    assert wrong(tmp_path) == []
    page.write_text(
        '<a href="gone.html">x</a><a href="#b">y</a><script src="//cdn.org/x.js"></script>'
    )
    assert len(wrong(tmp_path)) == 3


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell on PATH")
def test_build_without_a_folder_says_how(tmp_path: Path):
    run = subprocess.run(["sh", DOCS / "build.sh"], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode != 0 and "usage: sh docs/build.sh OUT" in run.stderr


def build(pages: Path, out: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "-c", DOCS, pages, out]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(line, capture_output=True, text=True, env=env)


def test_a_small_site_links_names_and_runs_examples(tmp_path: Path):
    for needed in ("sphinx", "myst_parser", "pydata_sphinx_theme"):
        pytest.importorskip(needed)
    pages, out = tmp_path / "pages", tmp_path / "out"
    (pages / "api").mkdir(parents=True)
    for page in ("tutorial", "methods", "api", "glossary"):  # the doors of the header
        (pages / f"{page}.md").write_text(f"# {page}\n")
    (pages / "index.md").write_text("# T\n\n`mh.normalize(X)` and `mh.nothing`\n")
    entry = module("lay_out").entry("normalize")
    (pages / "api" / "normalize.rst").write_text(f":orphan:\n\n{entry}")
    run = build(pages, out)
    assert run.returncode == 0, run.stderr
    assert 'href="api/normalize.html"' in (out / "index.html").read_text(encoding="utf-8")
    text = (out / "api" / "normalize.html").read_text(encoding="utf-8")
    assert "Examples" in text and "Parameters" in text and "Raises" in text
    (pages / "index.md").write_text("# T\n\n[x](gone.md)\n")
    run = build(pages, out)
    assert run.returncode != 0 and "gone.md" in run.stderr

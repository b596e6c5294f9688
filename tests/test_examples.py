"""The examples of the docstrings run and print what they say; no public name is without one.

Every example starts from ``import numpy as np`` and ``import mehler as mh``, in an empty folder. ``...`` stands for any text,
and any run of blanks for any other. Digits that differ between machines are not printed.
"""

from __future__ import annotations

import doctest
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import mehler

ROOT = Path(__file__).resolve().parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Methods that no example calls, and why.
NOT_SHOWN = {
    "Dask.asked": "for plans",
    "Dask.close": "of processes; tests/distributed/test_dask.py",
    "Dask.fitting": "for solvers",
    "Dask.foreseen": "for plans",
    "Dask.gram": "what gram calls",
    "Dask.place": "for solvers",
    "Gram.exact": "an operator of the core",
    "Sweep.to_dataframe": "needs pandas; tests/studies/test_sweep.py",
    "TrainingPrediction.dated": "for who makes one",
}


def examples(public: str) -> doctest.DocTest:
    doc = inspect.getdoc(getattr(mehler, public)) or ""
    _, _, section = doc.partition("\nExamples\n--------\n")
    names = {"np": np, "mh": mehler, "__name__": public}
    return doctest.DocTestParser().get_doctest(section, names, f"mehler.{public}", None, 0)


def methods() -> list[str]:
    """Public methods and properties of public classes, as "Class.method"."""
    return [
        f"{public}.{name}"
        for public in mehler.__all__
        if inspect.isclass(getattr(mehler, public))
        for base in getattr(mehler, public).__mro__
        if base.__module__.startswith("mehler.")
        for name, member in vars(base).items()
        if not name.startswith("_") and inspect.isfunction(getattr(member, "__func__", member))
    ]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs" / "make_api.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("public", mehler.__all__)
def test_examples_print_what_they_say(public: str, tmp_path: Path, monkeypatch):
    test = examples(public)
    assert test.examples, f"the docstring of mehler.{public} has no section Examples with a '>>>'"
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    found = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=told.append)
    assert not found.failed, "".join(told)


@pytest.mark.parametrize("method", methods())
def test_every_method_is_shown(method: str):
    public, _, name = method.partition(".")
    shown = "".join(e.source for e in examples(public).examples)
    assert (f".{name}(" in shown) != (method in NOT_SHOWN), (
        f"the examples of mehler.{public} do not call .{name}(), or do although NOT_SHOWN names it"
    )


def test_an_example_that_is_wrong_is_seen():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda _: None).failed == 1


def test_the_reference_is_what_the_docstrings_make():
    made = generator().page()
    on_disk = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert on_disk == made, "docs/api.md is out of date; run: python docs/make_api.py"


def test_the_reference_has_every_name_once():
    names = [name for _, _, names in generator().GROUPS for name in names]
    assert sorted(names) == sorted(mehler.__all__)
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    heads = re.findall(r"^### (?:class )?`mh\.(\w+)`$", page, re.MULTILINE)
    assert heads == names

"""What was built: two CPU levels of one extension, its types, its version, what it says of itself."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler import _core

PACKAGE = Path(mh.__file__).parent
ROOT = Path(__file__).parent.parent
LEVELS = [
    level
    for level in ("base", "v3")
    if importlib.util.find_spec(f"mehler._core_{level}") is not None
]


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_build_info():
    info = mh.build_info()
    assert info["mehler"] == mh.__version__
    assert info["cpu_level"] in LEVELS
    assert info["cplusplus"] >= 202002
    assert info["openmp"] >= 201511
    assert info["eigen"].startswith("3.4.")
    assert info["index_bits"] == 64
    assert info["threads"] >= 1
    assert info["python"] == platform.python_version()
    assert info["numpy"] == np.__version__
    assert json.loads(json.dumps(info)) == info


# -- CPU levels -------------------------------------------------------------------------------------

SOLVE = """
import json, numpy as np, mehler as mh
X = np.random.default_rng(0).standard_normal((400, 7))
X /= np.linalg.norm(X, axis=1)[:, None]
K = mh.gram(X, "relu", storage="packed")
S = mh.gram(X, "gelu", storage="packed", dtype="float32")
V = np.random.default_rng(1).standard_normal((400, 7))
methods = ("dense", "lanczos", "shift-invert", "preconditioned")
found = [mh.min_eig(X, "relu", method=m, rng=0) for m in methods]
print(json.dumps({
    "level": mh.build_info()["cpu_level"],
    "entries": K.toarray().tolist(),
    "product": (K @ V).tolist(),
    "single": (S @ V).tolist(),
    "values": [r.value for r in found],
    "status": [r.status for r in found],
}))
"""


@pytest.fixture(scope="module")
def answers():
    found = {}
    for level in LEVELS:
        if level == "v3" and not importlib.import_module("mehler._cpu").has_x86_64_v3():
            continue
        done = child(SOLVE, MEHLER_CPU_LEVEL=level)
        assert done.returncode == 0, done.stderr
        found[level] = json.loads(done.stdout)
    return found


def test_each_level_loads_and_solves(answers):
    assert answers
    for level, told in answers.items():
        assert told["level"] == level
        assert told["status"] == ["resolved"] * 4


def test_levels_agree_to_rounding(answers):
    reference = answers[LEVELS[0]]
    for told in answers.values():
        np.testing.assert_allclose(told["entries"], reference["entries"], rtol=0, atol=4e-15)
        np.testing.assert_allclose(told["product"], reference["product"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(told["single"], reference["single"], rtol=0, atol=1e-5)
        np.testing.assert_allclose(told["values"], reference["values"], rtol=2e-6)


def test_empty_level_means_none():
    done = child("import mehler; print(mehler.build_info()['cpu_level'])", MEHLER_CPU_LEVEL="")
    assert done.stdout.strip() == mh.build_info()["cpu_level"] or "MEHLER_CPU_LEVEL" in os.environ


def test_unknown_level():
    done = child("import mehler", MEHLER_CPU_LEVEL="v9")
    assert done.returncode == 1
    assert "ImportError: MEHLER_CPU_LEVEL must be one of the levels of this build" in done.stderr
    assert "got 'v9'. Unset it" in done.stderr


def pretend(tmp_path, levels: list[str], has_v3: bool, **environment: str) -> str:
    """What the choice says on a processor and in a build that are made up."""
    package = tmp_path / "pretend"
    package.mkdir()
    (package / "__init__.py").write_text("")
    shutil.copy(PACKAGE / "_core.py", package)
    (package / "_cpu.py").write_text(f"def has_x86_64_v3():\n    return {has_v3}\n")
    for level in levels:
        (package / f"_core_{level}.py").write_text(f"chosen = {level!r}\n")
    clean = {k: v for k, v in os.environ.items() if k != "MEHLER_CPU_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", "from pretend import _core; print(_core.chosen)"],
        env={**clean, "PYTHONPATH": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("levels", "has_v3", "asked", "told"),
    [
        (["base", "v3"], True, "", "v3"),
        (["base", "v3"], False, "", "base"),
        (["base"], True, "", "base"),
        (["base", "v3"], True, "base", "base"),
        (["v3"], False, "", r"ImportError: no build of mehler fits .* MEHLER_LEVELS=base"),
        (["base", "v3"], False, "v3", r"ImportError: MEHLER_CPU_LEVEL='v3' needs .* AVX2"),
        (["base"], True, "v3", r"ImportError: .* \['base'\]; got 'v3'"),
        ([], True, "", r"ImportError: mehler's compiled core is not in .*pip install"),
    ],
)
def test_choice_of_level(tmp_path, levels, has_v3, asked, told):
    assert re.match(told, pretend(tmp_path, levels, has_v3, MEHLER_CPU_LEVEL=asked))


DISASSEMBLE = shutil.which("objdump")
ON_X86 = platform.machine() in ("x86_64", "AMD64")
# a library, and whether 256-bit registers belong into it; nothing to look at without objdump
LIBRARIES = [
    (Path(spec.origin), level == "v3")
    for level in LEVELS
    if DISASSEMBLE
    and ON_X86
    and (spec := importlib.util.find_spec(f"mehler._core_{level}")) is not None
    and spec.origin is not None
]


def test_instructions_are_those_of_the_level():
    for library, wide in LIBRARIES:
        out = subprocess.run(
            [str(DISASSEMBLE), "-d", "--no-show-raw-insn", str(library)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout
        assert "%xmm" in out
        assert ("%ymm" in out) == wide, library.name
        assert (re.search(r"\tv(add|mul|fmadd\w*)[ps]d ", out) is not None) == wide, library.name
        # 512-bit registers in the one function that asks the processor for them first
        wider = [line.split() for line in out.splitlines() if "%zmm" in line]
        assert ("vpdpwssd" in {words[1] for words in wider}) == wide, library.name
        places = [int(words[0].rstrip(":"), 16) for words in wider]
        assert not places or max(places) - min(places) < 1024, library.name


# -- types, names, version --------------------------------------------------------------------------


def declared(nodes: list[ast.stmt]) -> set[str]:
    names = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    values = (n.target for n in nodes if isinstance(n, ast.AnnAssign))
    return names | {t.id for t in values if isinstance(t, ast.Name)}


STUB = ast.parse((PACKAGE / "_core.pyi").read_text())


def test_stub_names_what_the_extension_exports():
    exported = {n for n in vars(_core) if not n.startswith("_")}
    assert {n for n in declared(STUB.body) if not n.startswith("_")} == exported


@pytest.mark.parametrize("name", sorted(n for n in declared(STUB.body) if not n.startswith("_")))
def test_stub_of(name):
    """Members of each class, parameters of each function in their order, as pybind11 has them."""
    real = getattr(_core, name)
    for value in STUB.body:
        if isinstance(value, ast.AnnAssign) and ast.unparse(value.target) == name:
            assert ast.unparse(value.annotation) == type(real).__name__
            return
    (node,) = (n for n in STUB.body if getattr(n, "name", None) == name)
    if isinstance(node, ast.FunctionDef):
        assert parameters(node) == signature(real)
        return
    assert isinstance(node, ast.ClassDef)
    if issubclass(real, BaseException):
        return
    members = {n for n in vars(real) if not n.startswith("_")}
    assert {n for n in declared(node.body) if n != "__init__"} == members
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.decorator_list:
            found = signature(getattr(real, method.name))
            if found:
                assert parameters(method) == found, method.name
    bases = [b.id for b in node.bases if isinstance(b, ast.Name)]
    assert bases == [b.__name__ for b in real.__bases__ if b.__name__ in vars(_core)]


def parameters(node: ast.FunctionDef) -> list[str]:
    return [a.arg for a in node.args.args if a.arg != "self"]


def signature(function: types.BuiltinFunctionType) -> list[str]:
    """Names of parameters from the docstring; of overloads, those of the first."""
    lines = (function.__doc__ or "").splitlines()
    line = next((one for one in lines if one.startswith("1. ")), lines[0])
    if "*args" in line:
        return []
    inside = line[line.index("(") + 1 : line.rindex(")")]
    depth, names, start = 0, [], 0
    for i, c in enumerate(inside + ","):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            names.append(inside[start:i].split(":")[0].strip())
            start = i + 1
    return [n for n in names if n not in ("self", "")]


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").exists()
    assert (PACKAGE / "_core.pyi").exists()


def test_version_is_that_of_the_project():
    declared_version = re.search(
        r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert declared_version is not None
    try:
        installed = metadata.version("mehler")
    except metadata.PackageNotFoundError:  # run from the source tree
        installed = "0+unknown"
    assert mh.__version__ == installed
    assert installed in (declared_version[1], "0+unknown")


def test_citation_and_changelog_name_the_version():
    """A release has one version: that of the project. Between releases the changelog says so."""
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    heading = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version and cited and heading
    assert cited[1] == version[1].split(".dev")[0]
    assert heading[1] == "Unreleased" or re.fullmatch(
        rf"{re.escape(version[1])} \(\d{{4}}-\d\d-\d\d\)", heading[1]
    )


LATER = """
import json, sys, mehler as mh
known = set(dir(mh))
early = [m for m in sys.modules if m.startswith(("mehler.studies", "mehler.training", "mehler.diagnosis"))]
print(json.dumps({"early": early, "unlisted": sorted(set(mh.__all__) - known)}))
assert mh.train.__module__ == "mehler.training.train" and "train" in vars(mh)
assert mh.studies is sys.modules["mehler.studies"] and mh.__version__
try:
    mh.nonsense
except AttributeError as error:
    assert "module 'mehler' has no attribute 'nonsense'" in str(error)
else:
    raise SystemExit("an unknown name was found")
"""


def test_import_leaves_out_what_an_eigenvalue_does_not_need():
    done = child(LATER)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"early": [], "unlisted": []}


def test_every_name_that_comes_later_is_typed_too():
    """The table that is read when running, and the imports that type checkers read, agree."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (switch,) = (
        n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    )
    typed = {
        alias.name: node.module
        for node in switch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == mh._HOME
    assert set(typed) <= set(mh.__all__)


def test_public_names_exist():
    assert sorted(mh.__all__) == mh.__all__
    for name in mh.__all__:
        assert getattr(mh, name).__module__.startswith("mehler")

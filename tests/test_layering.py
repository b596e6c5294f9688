"""Who may know whom: the direction of dependence, read from the sources.

C++: ``core <- kernel <- gram`` and ``core <- solve``; they meet in ``core/operator.hpp``;
``core <- extended``, double-double, knows neither.
Python: NumPy is the only run-time dependency, and the mathematics of activations knows nothing
of the compiled extension but what kernels compile to.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "cpp"
PACKAGE = ROOT / "python" / "mehler"

# layer -> the layers its files may include
ALLOWED = {
    "core": {"core"},
    "kernel": {"core", "kernel"},
    "gram": {"core", "kernel", "gram"},
    "disk": {"core", "kernel", "gram", "disk"},  # a storage, of the tiles of gram
    "solve": {"core", "solve"},
    "extended": {"core", "extended"},
    "systems": {"core", "systems"},
    "bindings": {"core", "kernel", "gram", "disk", "solve", "extended", "systems", "bindings"},
    "tests": {"core", "kernel", "gram", "solve", "tests"},
}
# folder of the package -> the folders it may need to be imported
FOLDERS = {
    "activations": set(),
    "kernels": {"activations"},
    "precision": {"activations", "kernels"},
    "data": {"activations"},
    "preconditioners": {"activations", "kernels"},
    "operators": {"activations", "kernels", "data"},
    "distributed": {"data", "kernels", "operators"},  # an operator whose tiles are elsewhere
    "certificates": {"kernels", "operators", "preconditioners", "solvers"},
    "solvers": {
        "kernels",
        "operators",
        "distributed",
        "preconditioners",
        "certificates",
        "precision",
        "planning",
    },
    "planning": {
        "activations",
        "kernels",
        "operators",
        "preconditioners",
        "certificates",
        "precision",
        "solvers",
    },
    "explanation": {"activations", "kernels", "precision"},
    "bounds": {"activations", "kernels", "data", "certificates"},
    "density": {"activations", "kernels", "operators"},  # eigsh, kernel_of: within functions
    "diagnosis": {"activations", "kernels", "data", "bounds", "explanation"},
    "interop": {"activations", "kernels"},
    "training": {"activations", "kernels", "operators"},
    "studies": {
        "activations",
        "kernels",
        "data",
        "operators",
        "preconditioners",
        "certificates",
        "planning",
        "solvers",
        "bounds",
        "diagnosis",
        "training",
    },
    "commands": {"activations", "studies"},
}
TABLES = {"Profile", "Surface", "SplineDual", "PolynomialDual"}  # what kernels compile to
MATHEMATICS = ("activations", "kernels", "precision")
# What a function, when called, may ask for: the extras, and SciPy to hand a LinearOperator over.
OPTIONAL = {"distributed", "flint", "matplotlib", "pandas", "scipy", "sklearn", "tqdm"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def cpp_files() -> list[Path]:
    return sorted(p for p in CPP.rglob("*") if p.suffix in {".hpp", ".cpp", ".h"})


def layer(path: Path) -> str:
    return path.relative_to(CPP).parts[0]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> Iterator[tuple[str, Path | None]]:
    """Every included name, with the file of this project that it means (None: not ours)."""
    for _, target in INCLUDE.findall(path.read_text(encoding="utf-8")):
        found = (path.parent / target, CPP / target)
        yield target, next((f.resolve() for f in found if f.is_file()), None)


def python_modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def mathematics() -> list[Path]:
    return [path for path in python_modules() if path.parent.name in MATHEMATICS]


def module(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def imports(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    """Every import below ``tree`` as (module, names); relative ones start with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, []
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module, [alias.name for alias in node.names]


def top_level(tree: ast.Module) -> ast.Module:
    """The statements that run on import: functions and ``if TYPE_CHECKING`` are left out."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
            return None

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
            return None

        def visit_If(self, node: ast.If) -> ast.AST | None:
            if "TYPE_CHECKING" in ast.dump(node.test):
                return None
            return self.generic_visit(node)

    return Strip().visit(tree)


def test_there_is_something_to_read():
    assert {layer(p) for p in cpp_files()} >= {"core", "kernel", "gram", "solve", "bindings"}
    folders = {p.relative_to(PACKAGE).parts[0] for p in python_modules() if p.parent != PACKAGE}
    assert folders == set(FOLDERS), "every folder says in FOLDERS what it may need"


@pytest.mark.parametrize("path", cpp_files(), ids=name)
def test_includes_point_one_way(path: Path):
    for target, ours in includes(path):
        if ours is not None:
            assert layer(ours) in ALLOWED[layer(path)], (
                f"{name(path)} is of layer '{layer(path)}' and includes {target}; "
                f"it may include {sorted(ALLOWED[layer(path)])} only"
            )


@pytest.mark.parametrize("path", cpp_files(), ids=name)
def test_python_stays_in_the_bindings(path: Path):
    foreign = [t for t, _ in includes(path) if t.startswith(("pybind11", "Python.h"))]
    assert layer(path) == "bindings" or not foreign, f"{name(path)} includes {foreign}"


@pytest.mark.parametrize("path", cpp_files(), ids=name)
def test_openmp_stays_in_one_header(path: Path):
    if path == CPP / "core" / "parallel.hpp":
        return
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"#\s*pragma\s+omp.*|_Pragma\(\"omp.*|\bomp_\w+\s*\(|<omp\.h>", text)
    assert not found, f"{name(path)} uses OpenMP outside core/parallel.hpp: {found}"


@pytest.mark.parametrize("path", python_modules(), ids=module)
def test_numpy_is_the_only_dependency_of_import(path: Path):
    known = set(sys.stdlib_module_names) | {"numpy", "mehler"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    anywhere = {m.partition(".")[0] for m, _ in imports(tree) if not m.startswith(".")}
    assert anywhere <= known | OPTIONAL, f"{path.name} imports {anywhere - known - OPTIONAL}"
    if path.parent.name == "interop":  # not part of the import; needs the package it is named for
        known.add(path.stem)
    on_import = {m.partition(".")[0] for m, _ in imports(top_level(tree)) if m[0] != "."}
    assert on_import <= known, f"{path.name} needs {on_import - known} as soon as it is imported"


@pytest.mark.parametrize("path", mathematics(), ids=module)
def test_mathematics_knows_only_profiles(path: Path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_core"
    }
    for source, names in imports(tree):
        if source.lstrip(".") == "_core" or source == "mehler._core":
            used |= set(names)
    assert used <= TABLES, f"{module(path)} uses _core.{used - TABLES}; it may use {TABLES} only"


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_point_one_way(folder: str):
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        tree = top_level(ast.parse(path.read_text(encoding="utf-8")))
        for source, names in imports(tree):
            out = "." * len(path.relative_to(PACKAGE).parts)  # of the folder, from this deep in it
            above = source.removeprefix(out)
            if not source.startswith(out) or above.startswith("."):
                continue
            needed = {above.partition(".")[0]} if above else set(names)
            foreign = (needed & set(FOLDERS)) - FOLDERS[folder]
            assert not foreign, (
                f"{module(path)} needs {foreign} to be imported; it may need {FOLDERS[folder]} only"
            )


def test_import_loads_no_optional_package():
    code = (
        "import sys, mehler; "
        f"print(sorted({OPTIONAL!r} & {{m.partition('.')[0] for m in sys.modules}}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

"""Whether a source distribution holds what a machine without an index needs, and nothing else.

    python tools/check_sdist.py dist/mehler-0.1.0.tar.gz

Its names, its metadata, and a compiled file that includes Eigen, in an environment that has the other
build requirements but no Eigen: half a minute, where a whole build takes minutes.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distributions
from pathlib import Path

NEEDED = (
    "_vendor/eigen3/Eigen/Core",
    "_vendor/eigen3/COPYING.MPL2",
    "LICENSE",
    "LICENSES/",
    "CMakeLists.txt",
    "cpp/bindings/module.cpp",
    "python/mehler/_core.pyi",
    "python/mehler/py.typed",
    "tests/test_build.py",
    "tools/backend.py",
)
FOREIGN = (".ci/", ".github/", ".git/", "build/", "dist/", ".venv/")


def check_names(sdist: Path) -> None:
    """End with a message where something lacks, or where something is that must not be."""
    with tarfile.open(sdist) as tar:
        names = [n.partition("/")[2] for n in tar.getnames()]
    lacking = [c for c in NEEDED if not any(n.startswith(c) for n in names)]
    if lacking:
        sys.exit(f"{sdist.name} lacks {', '.join(lacking)}")
    foreign = [n for n in names if n.startswith(FOREIGN) or n.endswith((".so", ".pyd", ".pyc"))]
    if foreign:
        sys.exit(f"{sdist.name} must not hold {', '.join(foreign)}")


def check_metadata(source: Path) -> str:
    """What an installer would be told; "name version"."""
    from build.util import project_wheel_metadata

    told = project_wheel_metadata(source, isolated=False)
    licences = told.get_all("License-File") or []
    if not {"LICENSE"} < set(licences):
        sys.exit(
            f"the metadata name the licences {licences}; expected ours and those of what is carried"
        )
    return f"{told['Name']} {told['Version']}"


def check_compiles(source: Path, build: Path) -> None:
    """One file that includes Eigen, against the carried headers."""
    if any(distributions(name="cmeel-eigen")):
        sys.exit(
            "this environment has an Eigen of its own (cmeel-eigen), which would prove nothing"
        )
    import pybind11

    configure = ["cmake", "-S", source, "-B", build, "-G", "Ninja", "-D", "MEHLER_LEVELS=base"]
    configure += [
        f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        f"-DPython_EXECUTABLE={sys.executable}",
    ]
    file = "CMakeFiles/_core_base.dir/cpp/bindings/bind_build.cpp.o"
    for command in (configure, ["ninja", "-C", build, file]):
        done = subprocess.run(
            list(map(str, command)),
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\n{' '.join(map(str, command))}: exit code {done.returncode}")


def main() -> None:
    sdist = Path(sys.argv[1])
    check_names(sdist)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(sdist) as tar:
        tar.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        told = check_metadata(source)
        check_compiles(source, source / "build")
    print(f"{sdist.name}: {told}, {sdist.stat().st_size / 1e6:.2f} MB, carries what it needs")


if __name__ == "__main__":
    main()

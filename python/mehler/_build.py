"""build_info: half of all bug reports answered before they are asked."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import numpy as np

from . import _core


def version() -> str:
    """The version of the package that is installed; of a source tree nobody knows."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed  # slow to import, and seldom needed

    try:
        return installed("mehler")
    except PackageNotFoundError:
        return "0+unknown"


def build_info() -> dict[str, Any]:
    """What was built, and what it runs on, as plain texts and numbers.

    Returns
    -------
    dict
        Versions, compiler, CPU level, threads, and the machine, by name; ready for JSON.

    Examples
    --------
    >>> info = mh.build_info()
    >>> info["mehler"] == mh.__version__, info["numpy"] == np.__version__
    (True, True)
    """
    return {
        "mehler": version(),
        **_core.build_info(),
        "threads": int(_core.default_threads()),
        "processors": os.cpu_count(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "machine": platform.machine(),
        "system": platform.platform(),
    }

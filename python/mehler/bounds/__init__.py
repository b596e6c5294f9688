"""Bounds: what theory says of lambda_min before, or without, any eigensolver.

``lower.py``, ``upper.py`` one function a bound, ``needs.py`` how deep and how wide, ``reported.py`` rates whose constants
are not known, ``bound.py`` the values.
"""

from __future__ import annotations

from .ask import bounds
from .bound import Bound, Bounds, Reported

__all__ = ["Bound", "Bounds", "Reported", "bounds"]

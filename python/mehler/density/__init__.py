"""The whole spectrum: counts of eigenvalues on a logarithmic axis, traces of functions, each with an interval.

``ask.py`` what :func:`spectrum` is asked, ``probes.py`` what random vectors saw, ``counts.py`` what that says of
counts, ``traces.py`` of traces of functions and ``functions.py`` of which, ``result.py`` the answer, ``picture.py`` its picture.
"""

from .ask import spectrum
from .interval import Interval
from .result import SpectralDensity

__all__ = ["Interval", "SpectralDensity", "spectrum"]

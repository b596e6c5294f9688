"""The whole spectrum: counts of eigenvalues on a logarithmic axis, traces of functions, each with an interval.

Asked: ``ask`` (the arguments), ``task`` (the matrix), ``dense`` (every eigenvalue), ``quadrature`` (``ends`` one by one, ``probes`` of the rest).
Said by chance: ``counts`` (a law of counts), ``traces`` (intervals of traces) and ``functions`` (of what); without it: ``inertia``.
Answered: ``result``, of ``known`` (the fields), ``counted`` and ``summed`` (what is asked of them); ``picture``.
"""

from .ask import spectrum
from .interval import Interval
from .result import SpectralDensity

__all__ = ["Interval", "SpectralDensity", "spectrum"]

"""Kernels: which layers are trained, how deep, compiled to one function h of the cosine.

``trained.py`` the three public kernels, ``kernel.py`` what they are, ``duals.py`` one layer near rho = +-1, ``layers.py`` and ``shapes.py``
many, ``series.py`` and ``layer_series.py`` powers of rho, ``parity.py`` which there are, ``degrees.py`` the
rank of polynomials, ``compiled.py`` from duals to ``profile.py``, the table that the core evaluates.
Points of unequal norm: ``norms.py``, layer by layer, from ``surfaces.py`` (tables, of ``samples.py`` and ``curves.py``)
and ``splines.py`` (kinks away from zero).
"""

from .kernel import Kernel
from .trained import gradient_kernel, nngp, ntk

__all__ = ["Kernel", "gradient_kernel", "nngp", "ntk"]

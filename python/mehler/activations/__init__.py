"""Activations: phi, phi', kinks, parity, source. A new one is an entry in ``catalogue.py``.

``activation.py`` the value, ``lookup.py`` by its name, ``pieces.py`` what formulas share, ``derivative.py``
phi' of a callable, ``hermite.py`` Hermite coefficients.
"""

from . import catalogue as _catalogue  # noqa: F401  (enters every name)
from .activation import Activation
from .lookup import activation, activations

__all__ = ["Activation", "activation", "activations"]

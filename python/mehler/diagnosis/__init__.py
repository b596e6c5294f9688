"""Diagnosis: what points and activations are, by measurement, and which points make lambda_min small.

``span.py`` in how many dimensions points lie, ``kinks.py`` where derivatives jump, ``falloff.py`` how Hermite coefficients
fall, ``smoothness.py`` the class of an activation, ``ask.py`` what that means; ``attribution.py`` who is to blame,
``secular.py`` lambda_min without one point, ``attributed.py`` the values, ``pictures.py`` the pictures.
"""

from .ask import Diagnosis, diagnose
from .attributed import Attribution, AttributionRow
from .attribution import attribute
from .smoothness import Smoothness
from .span import DataDiagnosis

__all__ = [
    "Attribution",
    "AttributionRow",
    "DataDiagnosis",
    "Diagnosis",
    "Smoothness",
    "attribute",
    "diagnose",
]

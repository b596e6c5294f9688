"""Straight-through estimators for a binary activation: what is sent back in the place of a derivative that is 0.

``population.py`` the formulas, ``landscape.py`` where descent can end, ``descent.py`` the simulator, ``sampled.py`` the same by
sampling, ``grams.py`` the matrices that surrogate derivatives give; ``quantised.py`` and ``network.py`` networks of few bits; ``report.py`` the study.
"""

from .descent import CoarseDescent, descend
from .estimators import ESTIMATORS, surrogate
from .grams import cross_gram, surrogate_kernel
from .landscape import Landscape, best_second_layer, escape_time, landscape, loss_at
from .population import coarse_gradient, correlation, loss_gradient, population_loss
from .quantised import Quantiser, quantiser
from .sampled import Sampled, sampled_gradient

__all__ = [
    "ESTIMATORS",
    "CoarseDescent",
    "Landscape",
    "Quantiser",
    "Sampled",
    "best_second_layer",
    "coarse_gradient",
    "correlation",
    "cross_gram",
    "descend",
    "escape_time",
    "landscape",
    "loss_at",
    "loss_gradient",
    "population_loss",
    "quantiser",
    "sampled_gradient",
    "surrogate",
    "surrogate_kernel",
]

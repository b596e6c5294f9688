"""Teacher and student with quadratic activation: how fast the population loss falls, with how many samples the teacher is found, and why.

    from mehler.studies import quadratic

The system is that of Sarao Mannelli, Vanden-Eijnden and Zdeborova, NeurIPS 2020 (arXiv 2006.15459); formulas here are derivations of ours,
each tested against something independent.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .certificates import Certificate, certificate, certificate_probability
    from .counts import Proportion, critical_samples, symmetric_dimension
    from .descent import Descent, descend, largest_step
    from .population import (
        Flow,
        exponential_rate,
        matrix_of,
        population_flow,
        population_loss,
        population_velocity,
        rate_constant,
        relative_loss,
    )
    from .rank import RankRow, conjugate_kernel, rank_scan, square, squared_gram, squared_rank
    from .threshold import ThresholdScan, TrialRow, threshold_scan

__all__ = [
    "Certificate",
    "Descent",
    "Flow",
    "Proportion",
    "RankRow",
    "ThresholdScan",
    "TrialRow",
    "certificate",
    "certificate_probability",
    "conjugate_kernel",
    "critical_samples",
    "descend",
    "exponential_rate",
    "largest_step",
    "matrix_of",
    "population_flow",
    "population_loss",
    "population_velocity",
    "rank_scan",
    "rate_constant",
    "relative_loss",
    "square",
    "squared_gram",
    "squared_rank",
    "symmetric_dimension",
    "threshold_scan",
]

# Modules are imported when something of theirs is asked for: ``import mehler`` lists this study, and does not wait for it.
_HOMES = {
    "certificates": "Certificate certificate certificate_probability",
    "counts": "Proportion critical_samples symmetric_dimension",
    "descent": "Descent descend largest_step",
    "population": "Flow exponential_rate matrix_of population_flow population_loss population_velocity rate_constant relative_loss",
    "rank": "RankRow conjugate_kernel rank_scan square squared_gram squared_rank",
    "threshold": "ThresholdScan TrialRow threshold_scan",
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names.split():
            value = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

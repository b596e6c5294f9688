"""Teacher and student with quadratic activation: how fast the population loss falls, with how many samples the teacher is found, and why.

    from mehler.studies import quadratic

The system is that of Sarao Mannelli, Vanden-Eijnden and Zdeborova, NeurIPS 2020 (arXiv 2006.15459); formulas here are derivations of ours,
each tested against something independent.
"""

from .certificate import Certificate, certificate, certificate_probability
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

"""Second-order training in near-linear time: Gauss-Newton on two layers, its Gram matrix exact or sketched.

A step solves (J J') g = f - y and moves the weights by J'g. J J' is the activation's tangent Gram matrix: its smallest
eigenvalue decides whether a step halves the residual, and what plain conjugate gradients cost.

``jacobian`` products without J, ``sketch`` SRHT and TensorSRHT, ``plan`` what each route costs, ``step`` one solve, ``network`` and
``training`` the loop, ``points`` Gram matrices of a condition number, ``report`` the study.
"""

from .jacobian import Jacobian
from .network import TwoLayer
from .plan import StepPlan, plan
from .points import near_pairs, separated
from .sketch import (
    UNIT_STEP_FROM,
    Preconditioner,
    expected_condition,
    padded,
    sketch,
    srht,
    walsh_hadamard,
)
from .step import Step, gauss_newton_step, unit_step
from .training import Fitted, train

__all__ = [
    "UNIT_STEP_FROM",
    "Fitted",
    "Jacobian",
    "Preconditioner",
    "Step",
    "StepPlan",
    "TwoLayer",
    "expected_condition",
    "gauss_newton_step",
    "near_pairs",
    "padded",
    "plan",
    "separated",
    "sketch",
    "srht",
    "train",
    "unit_step",
    "walsh_hadamard",
]

"""What the formula of a kernel says before any data: ``kernel.explain()``.

``jumps.py`` where derivatives of the activation jump, ``jets.py`` how h leaves rho = +-1, through any
number of layers, ``decay.py`` how its power series falls, ``explain.py`` what that means.
"""

from .decay import Decay
from .explain import Explanation, Kink, Singularity, explain

__all__ = ["Decay", "Explanation", "Kink", "Singularity", "explain"]

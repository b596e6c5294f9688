"""An activation of your own: any vectorised function, its kinks declared.

python examples/own_activation.py
"""

import numpy as np

import mehler as mh


def bent(z):
    """A line that bends at -1 and at 1."""
    return z + 0.5 * np.abs(z - 1.0) - 0.5 * np.abs(z + 1.0)


act = mh.Activation.from_function(bent, kinks=(-1.0, 1.0))
kernel = mh.gradient_kernel(act)
print(kernel)

X = np.random.default_rng(0).standard_normal((1000, 20))
print(mh.min_eig(X, act, normalize=True))

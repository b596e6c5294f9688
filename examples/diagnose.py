"""Before training: what are these points, what is this activation, and who makes the smallest eigenvalue small?

python examples/diagnose.py
"""

import numpy as np

import mehler as mh

# 200 points in 4 of 30 dimensions, a little noise, and one pair that nearly coincides
rng = np.random.default_rng(0)
X = rng.standard_normal((200, 4)) @ rng.standard_normal((4, 30))
X[17] = -1.5 * X[3] + 1e-3 * rng.standard_normal(30)
X = mh.normalize(X + 1e-5 * rng.standard_normal(X.shape))

print(mh.diagnose(X, "relu"), end="\n\n")

# a function of your own: nobody tells where its kinks are
mine = mh.Activation.from_function(lambda z: np.maximum(z, 0.1 * z) + np.abs(z - 1) ** 3)
print(mh.diagnose(activation=mine), end="\n\n")

# who is to blame: rows 3 and 17, opposite to each other
print(mh.attribute(X, "relu", top=4))

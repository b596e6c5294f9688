"""How wide is wide? Networks of growing width beside the limit, for a kinked and a smooth activation.

    python examples/width.py

The matrix converges at the Monte-Carlo rate for both; the smallest eigenvalue of the smooth one lags far behind.
"""

import mehler as mh

X = mh.generate("circle-full", n=31, d=2)
for activation in ("relu", "tanh"):
    study = mh.width_study(X, activation, widths=[100, 1_000, 10_000], seeds=5)
    print(study, end="\n\n")

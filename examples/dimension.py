"""How the dimension of the data decides: a kinked and a smooth activation side by side.

    python examples/dimension.py

In low dimension the smooth activation's smallest eigenvalue vanishes; in high dimension the two
are alike. The last column says whether double precision can see the number at all.
"""

import numpy as np

import mehler as mh

n = 400
print(f"n={n} random points of the sphere\n")
print(f"{'d':>4}  {'relu':>12}  {'tanh':>12}  tanh is")
for d in (3, 5, 10, 30):
    X = np.random.default_rng(d).standard_normal((n, d))
    relu = mh.min_eig(X, "relu", normalize=True)
    tanh = mh.min_eig(X, "tanh", normalize=True)
    seen = f"{tanh.value:12.4e}" if tanh.status == "resolved" else f"<= {tanh.upper:9.2e}"
    print(f"{d:4}  {relu.value:12.4e}  {seen}  {tanh.status}")

"""Points of your choice: the same span in more coordinates changes nothing, its dimension does.

python examples/generated_data.py
"""

import mehler as mh

print(f"{'span':>5} {'coordinates':>12}  {'separation':>11}  {'relu':>11}")
for span, d in ((2, 2), (2, 50), (4, 50), (8, 50), (50, 50)):
    X = mh.generate("subspace-random", n=500, d=d, span=span, rng=span)
    seen = mh.describe(X)
    r = mh.min_eig(X, "relu")
    assert seen.rank == span and r.lower <= r.value <= r.upper
    print(f"{span:5} {d:12}  {seen.separation:11.3e}  {r.value:11.4e}")

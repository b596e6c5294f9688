"""Draw docs/pictures/accuracy.png: what every route says of smallest eigenvalues from 1e-2 to 1e-40, against the truth.

    python bench/draw_accuracy.py --out docs/pictures/accuracy.png

Truth: balls (precision='exact', python-flint). Points: random ones of the circle and of the sphere, more and more of
them. A route whose answer is a number it vouches for is a filled marker on the diagonal; where it says "no more than its
floor", a triangle that points down; eigvalsh of NumPy and SciPy says a number whatever happens, drawn hollow by its size.
The finite-width route has a matrix, and a truth, of its own: the same features in 60 digits.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mehler as mh

# (kind, d, activation, numbers of points)
LADDERS = [
    ("sphere-random", 2, "relu", (5, 12)),
    ("sphere-random", 3, "relu", (10, 40, 120)),
    ("sphere-random", 3, "tanh", (10, 20, 40, 70, 100)),
    ("sphere-random", 3, "swish", (12, 30, 60, 100)),
    ("sphere-random", 2, "tanh", (6, 10, 14, 20, 28, 40)),
    ("sphere-random", 2, "swish", (6, 9, 13, 18, 24, 28, 32, 36, 42, 47, 52)),
    ("sphere-random", 2, "gelu", (8, 14, 22, 28, 32, 42, 46, 50, 54, 58)),
]
WIDTH = 500  # of the finite networks
BY_MPMATH = 28  # points of the largest of them
# Okabe and Ito's colours, told apart by every eye; markers differ too
ROUTES = {
    "NumPy eigvalsh": ("#999999", "o"),
    "SciPy eigvalsh": ("#555555", "s"),
    "lanczos from float32": ("#E69F00", "D"),
    "dense, double": ("#0072B2", "o"),
    "shift-invert, double": ("#56B4E9", "s"),
    "preconditioned, double": ("#CC79A7", "P"),
    "factored, finite width": ("#000000", "X"),
    "extended": ("#009E73", "^"),
    "exact": ("#D55E00", "."),
}
NOISE = ("NumPy eigvalsh", "SciPy eigvalsh")
OPTIONS = {
    "lanczos from float32": {"precision": "single", "method": "lanczos"},
    "dense, double": {"precision": "double", "method": "dense"},
    "shift-invert, double": {"precision": "double", "method": "shift-invert"},
    "preconditioned, double": {"precision": "double", "method": "preconditioned"},
    "extended": {"precision": "extended"},
}


class Said(NamedTuple):
    """One answer: of which route, the truth, what was said, and whether that is a bound only."""

    route: str
    true: float
    value: float
    bound: bool


def answers() -> list[Said]:
    """All of them."""
    found = []
    for kind, d, act, sizes in LADDERS:
        for n in sizes:
            X = mh.generate(kind, n=n, d=d, rng=0)
            found += of_points(X, act)
            if act in ("tanh", "swish") and d == 2 and n <= BY_MPMATH:
                found.append(of_network(X, act))
    return found


def of_points(X: np.ndarray, act: str) -> list[Said]:
    """Every route at infinite width."""
    import scipy.linalg

    kinked = act == "relu"
    ker = mh.gradient_kernel(act)
    if kinked:  # balls are for analytic activations: double proves it
        true = mh.min_eig(X, act, precision="double", certify="rigorous", tol=1e-6).value
    else:
        true = mh.min_eig(X, act, precision="exact").value
    K = ker(X)
    found = [
        Said("NumPy eigvalsh", true, abs(float(np.linalg.eigvalsh(K)[0])), False),
        Said("SciPy eigvalsh", true, abs(float(scipy.linalg.eigvalsh(K, subset_by_index=(0, 0))[0])), False),
    ]  # fmt: skip
    for route, options in OPTIONS.items():
        if kinked and route == "extended":
            continue
        r = mh.min_eig(X, act, certify="none", rng=0, **options)
        found.append(said(route, true, r))
    if not kinked:
        found.append(Said("exact", true, true, False))
    return found


def of_network(X: np.ndarray, act: str) -> Said:
    """The factored route against the same features to 60 digits."""
    W = np.random.default_rng(0).standard_normal((WIDTH, X.shape[1]))
    r = mh.min_eig(X, act, weights=W, method="factored", tol=1e-3)
    return said("factored, finite width", exact_network(X, W, act), r)


def exact_network(X: np.ndarray, W: np.ndarray, act: str) -> float:
    """lambda_min of (1/m) sum_k phi'(w_k.x_i) phi'(w_k.x_j) <x_i, x_j>, in 60 digits."""
    from mpmath import mp, mpf

    with mp.workdps(60):
        rows = np.array([[mpf(float(x)) for x in row] for row in X], dtype=object)
        weights = np.array([[mpf(float(x)) for x in row] for row in W], dtype=object)
        Z = rows @ weights.T

        def slope(z: Any) -> Any:
            if act == "tanh":
                return 1 - mp.tanh(z) ** 2
            s = 1 / (1 + mp.exp(-z))
            return s + z * s * (1 - s)

        F = np.vectorize(slope, otypes=[object])(Z)
        G = (F @ F.T) * (rows @ rows.T) / len(W)
        return float(min(mp.eigsy(mp.matrix(G.tolist()), eigvals_only=True)))


def said(route: str, true: float, r: mh.EigenResult) -> Said:
    """A number with digits, or the upper bound: where rounding hides it, and where the solver gave up."""
    bound = r.status == "budget-limited" or (not r.resolved and abs(r.value) <= 2.0 * r.floor)
    value = max(r.upper, r.floor) if bound else r.value
    return Said(route, true, value, bound)


def draw(found: list[Said], path: Path) -> None:
    """One picture, log-log."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(9.0, 6.2), layout="constrained")
    low, high = 1e-42, 1.0
    ax.plot([low, high], [low, high], color="#BBBBBB", lw=6, alpha=0.6, zorder=0, solid_capstyle="butt")  # fmt: skip
    for place, (route, (colour, marker)) in enumerate(ROUTES.items()):
        mine = sorted(s for s in found if s.route == route)
        good = [s for s in mine if not s.bound]
        floors = [s for s in mine if s.bound]
        hollow = route in NOISE
        style = {"mfc": "none"} if hollow else {"mec": "white", "mew": 0.4}
        size = {"exact": 7.0, "extended": 6.5}.get(route, 6.0)
        ax.plot([s.true for s in good], [s.value for s in good], marker, ls="none", color=colour,
                ms=size, label=route, zorder=3 + 0.1 * place, **style)  # fmt: skip
        ax.plot([s.true for s in floors], [s.value for s in floors], "v", ls="none", color=colour,
                ms=6.5, zorder=3 + 0.1 * place, mec="white", mew=0.4)  # fmt: skip
    ax.set(xscale="log", yscale="log", xlim=(high, 1e-41), ylim=(1e-42, 30.0),
           xlabel="true smallest eigenvalue (exact, or proved)", ylabel="what the route says")  # fmt: skip
    ax.grid(color="#E8E8E8", lw=0.6)
    ax.set_axisbelow(True)
    told: list[tuple[str, float, float, str]] = [
        ("float32 entries", 3e-27, 1e-7, "#B87400"),
        ("double: a bound, and it says so", 3e-27, 2e-12, "#0072B2"),
        ("eigvalsh: noise of either sign, given as a number", 3e-27, 5e-18, "#555555"),
        ("double-double", 3e-37, 1e-27, "#00805C"),
        ("the truth", 1e-31, 4e-30, "#777777"),
    ]
    for text, x, y, colour in told:
        ax.annotate(text, (x, y), color=colour, ha="center", fontsize=10)
    handles, labels = ax.get_legend_handles_labels()
    from matplotlib.lines import Line2D

    handles.append(Line2D([], [], color="#606060", marker="v", ls="none", ms=6.5))
    labels.append("no more than this (floor)")
    ax.legend(handles, labels, loc="lower left", frameon=True, framealpha=1.0, edgecolor="#DDDDDD", fontsize=9)  # fmt: skip
    fig.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(fig)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/accuracy.png"))
    o = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = answers()
    wrong = [s for s in found if not s.bound and s.route not in NOISE and abs(s.value / s.true - 1) > 0.5]  # fmt: skip
    lies = [s for s in found if s.bound and s.value < s.true * (1 - 1e-6)]
    print(
        f"{len(found)} answers; {len(wrong)} wrong numbers and {len(lies)} wrong bounds among ours"
    )
    for s in wrong + lies:
        print("   ", s)
    draw(found, o.out)
    print(f"{o.out}: {o.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

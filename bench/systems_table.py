"""The table of docs/systems/index.md: the Gram matrices of six systems on one data set.

100 of scikit-learn's digits, divided by their norms: as they are (64 pixels), and on their first six principal
directions, where there are more points than directions and than products of two of them.

    python bench/systems_table.py
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

import mehler as mh
from mehler.studies import gauss_newton, quadratic, spiking, ste
from mehler.studies.random_features import frozen_layer

N, DIRECTIONS, SEED = 100, 6, 0
WIDTH, FROZEN, BOX = 4096, 2000, 10.0


def digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data[:N]


def unit(X: np.ndarray) -> np.ndarray:
    return X / np.linalg.norm(X, axis=1)[:, None]


def projected(X: np.ndarray) -> np.ndarray:
    """On the first principal directions (not centred)."""
    return X @ np.linalg.svd(X, full_matrices=False)[2][:DIRECTIONS].T


def answer(X: np.ndarray, kernel: mh.Kernel) -> str:
    """lambda_min as min_eig resolves it, or what is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.min_eig(X, kernel, tol=1e-4)
    if r.resolved:
        return f"{r.value:.2e}" if r.value else "0"
    return f"<= {r.upper:.0e}"


def lowest(K: np.ndarray) -> str:
    """lambda_min of an array, or the floor of double precision."""
    w = np.linalg.eigvalsh(K)
    floor = len(K) * np.finfo(float).eps * abs(w).max()
    return f"{w[0]:.2e}" if abs(w[0]) > floor else f"<= {floor:.0e}"


def tangent(X: np.ndarray) -> gauss_newton.Jacobian:
    """The Jacobian of a network of two layers at random weights."""
    network = gauss_newton.TwoLayer.drawn(WIDTH, X.shape[1], rng=SEED)
    return network.evaluate(X)[1]


def frozen(name: str) -> Callable[[np.ndarray], str]:
    """lambda_min(H H^t / L) of a layer from a box: the singular values of H, squared."""

    def made(X: np.ndarray) -> str:
        layer = frozen_layer(name, FROZEN, d=X.shape[1], lam=BOX, rng=SEED)
        s = np.linalg.svd(layer(X) / np.sqrt(FROZEN), compute_uv=False)
        floor = N * np.finfo(float).eps * s[0]
        return f"{s[-1] ** 2:.2e}" if s[-1] > 10.0 * floor else f"<= {s[-1] ** 2:.0e}"

    return made


def rows() -> Iterator[tuple[str, str, Callable[[np.ndarray], str]]]:
    """(system, matrix, lambda_min of points)."""
    for name in ("relu", "tanh"):
        yield (
            "width and training",
            f"gradient kernel, {name}",
            lambda X, a=name: answer(X, mh.gradient_kernel(a)),
        )
    for name in ste.ESTIMATORS:
        yield "ste", f"surrogate, {name}", lambda X, e=name: answer(X, ste.surrogate_kernel(e))
    yield "ste", "cross matrix, clipped", lambda X: lowest(ste.cross_gram("clipped", X))
    for name in ("relu", "sigmoid"):
        yield "random-features", f"H H^t / L, {name}", frozen(name)
    yield "quadratic", "conjugate kernel of z^2", lambda X: answer(X, quadratic.conjugate_kernel())
    yield "gauss-newton", f"J J^t, relu, width {WIDTH:,}", lambda X: lowest(tangent(X).gram())
    yield "spiking", "tanh, not spiking", lambda X: answer(X, mh.nngp("tanh"))
    for phases in ("independent", "shared"):
        yield (
            "spiking",
            f"tanh, dt = 1, {phases} states",
            lambda X, p=phases: lowest(spiking.spiking_gram(X, "tanh", 1.0, p).K),
        )


def main() -> None:
    whole = digits()
    sets = [unit(whole), unit(projected(whole))]
    print(f"| system | matrix | d = {sets[0].shape[1]} | d = {DIRECTIONS} |")
    print("| --- | --- | ---: | ---: |")
    for system, matrix, value in rows():
        print(f"| `{system}` | {matrix} | " + " | ".join(value(X) for X in sets) + " |")
    J = [tangent(X) for X in sets]
    y = np.random.default_rng(SEED).choice([-1.0, 1.0], N)
    for route in ("cg", "exact"):
        found = [gauss_newton.gauss_newton_step(j, y, route=route, rng=SEED) for j in J]
        print(route, [(f.status, f.iterations, f"{f.residual:.1e}") for f in found])


if __name__ == "__main__":
    main()

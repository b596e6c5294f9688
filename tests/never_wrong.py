"""Random low-dimensional points that make matters hard, and every method's answer beside the truth."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

import mehler as mh

ACTIVATIONS = ("relu", "leaky_relu", "abs", "selu", "elu")
METHODS = ("auto", "dense", "lanczos", "shift-invert", "preconditioned")


class Hard(NamedTuple):
    """Points of the sphere with planted pairs, and what is asked of them."""

    activation: str
    n: int
    d: int
    near: int
    opposite: int
    angle: float
    seed: int

    def points(self) -> np.ndarray:
        """Unit rows: random ones, then near-duplicates and near-antipodes of the first ones."""
        rng = np.random.default_rng(self.seed)
        planted = self.near + self.opposite
        X = rng.standard_normal((self.n - planted, self.d))
        X /= np.linalg.norm(X, axis=1)[:, None]
        Z = X[:planted] + self.angle * rng.uniform(0.5, 2.0, (planted, 1)) * rng.standard_normal(
            (planted, self.d)
        )
        Z[self.near :] *= -1.0
        Z /= np.linalg.norm(Z, axis=1)[:, None]
        return np.vstack([X, Z])[rng.permutation(self.n)]


def random_case(seed: int, most: int) -> Hard:
    """d = 2..6, up to ``most`` points, up to six planted pairs of angles 1e-6..1e-1."""
    rng = np.random.default_rng([17, seed])
    return Hard(
        activation=str(rng.choice(ACTIVATIONS)),
        n=int(np.exp(rng.uniform(np.log(20), np.log(most)))),
        d=int(rng.integers(2, 7)),
        near=int(rng.integers(0, 4)),
        opposite=int(rng.integers(0, 4)),
        angle=float(10.0 ** rng.uniform(-6, -1)),
        seed=seed,
    )


def random_crowd(seed: int, most: int) -> Hard:
    """More dimensions than a tree serves, a thousand points and more: neighbours and landmarks, any activation."""
    rng = np.random.default_rng([29, seed])
    return Hard(
        activation=str(rng.choice((*ACTIVATIONS, "tanh", "swish", "gelu"))),
        n=int(np.exp(rng.uniform(np.log(1000), np.log(most)))),
        d=int(np.exp(rng.uniform(np.log(9), np.log(100)))),
        near=int(rng.integers(0, 6)),
        opposite=int(rng.integers(0, 6)),
        angle=float(10.0 ** rng.uniform(-5, -0.5)),
        seed=seed,
    )


class Spread(NamedTuple):
    """Points whose norms differ about as much as decides between two formats of four bytes an entry: 8 times."""

    activation: str
    n: int
    d: int
    ratio: float
    style: int
    seed: int

    def points(self) -> np.ndarray:
        """Random directions; norms log-uniform, of two sizes, or mostly of the least."""
        rng = np.random.default_rng(self.seed)
        X = rng.standard_normal((self.n, self.d))
        norms = [
            self.ratio ** rng.random(self.n),
            np.where(rng.random(self.n) < 0.5, 1.0, self.ratio),
            np.clip(np.exp(rng.standard_normal(self.n)), 1.0, self.ratio),
        ][self.style]
        norms[:2] = 1.0, self.ratio
        return X * (norms / np.linalg.norm(X, axis=1))[:, None]


def random_spread(seed: int, most: int) -> Spread:
    """K_ii differ up to 64 times, a hair less or more."""
    rng = np.random.default_rng([23, seed])
    return Spread(
        activation=str(rng.choice(("relu", "leaky_relu", "abs"))),
        n=int(np.exp(rng.uniform(np.log(20), np.log(most)))),
        d=int(rng.integers(3, 9)),
        ratio=8.0 * float(rng.choice((0.97, 1.0 - 1e-9, 1.0, 1.0 + 1e-9, 1.03))),
        style=int(rng.integers(3)),
        seed=seed,
    )


def wrong(case: Hard | Spread, methods: tuple[str, ...] = METHODS) -> tuple[list[str], int]:
    """(what is wrong, how many answers were resolved) against all eigenvalues in float64."""
    X = case.points()
    K = mh.gradient_kernel(case.activation)(X)
    all_of_them = np.linalg.eigvalsh(K)
    truth, unsure = float(all_of_them[0]), 4.0 * np.finfo(float).eps * float(all_of_them[-1])
    found, resolved = [], 0
    for method in methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", (mh.PrecisionWarning))
            warnings.simplefilter("ignore", (mh.ConvergenceWarning))
            r = mh.min_eig(X, case.activation, method=method, rng=case.seed)
        resolved += r.resolved
        if r.resolved and abs(r.value - truth) > 1e-6 * abs(truth) + unsure:
            found.append(f"{case} {method}: {r.value:.9g}, truth {truth:.9g}, {r.method}")
        if r.lower > truth + unsure or r.upper < truth - unsure:
            found.append(f"{case} {method}: [{r.lower:.9g}, {r.upper:.9g}], truth {truth:.9g}")
    return found, resolved

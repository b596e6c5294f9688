"""Which route ``auto`` takes: the one that counts of products say is quicker, within memory and time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import aslinearoperator

import mehler as mh
from mehler.density import route

USUAL = (10, 100, (10, 20))  # probes, steps, ends


def largest_dense(*options, **more):
    """The largest order at which every eigenvalue is computed; all below are too."""
    chosen = [route.dense_is_quicker(n, *options, **more) for n in range(100, 20_000, 100)]
    assert chosen == sorted(chosen, reverse=True)
    return 100 * sum(chosen)


def test_the_crossover_moves_with_what_is_asked():
    usual = largest_dense(*USUAL)
    assert 3000 <= usual < 4000  # measured: docs/spectrum.md
    assert largest_dense(10, 100, (0, 20)) < usual < largest_dense(40, 100, (10, 20))
    assert largest_dense(10, 300, (10, 20)) > usual
    assert largest_dense(*USUAL, thresholds=1) > usual
    assert largest_dense(*USUAL, by_products=True) == usual // 200 * 100
    assert largest_dense(2, 2, (0, 0)) == route.ALWAYS


A = np.diag(np.linspace(1.0, 2.0, 1200))
ENOUGH = {"probes": 10, "steps": 120, "ends": (0, 2)}  # 1,250 products, for n = 1,200


def method_of(K, **options):
    return mh.spectrum(K, rng=0, threads=1, **{**ENOUGH, **options}).method


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, "dense"),
        ({"probes": 9}, "quadrature"),
        ({"probes": 9, "thresholds": 1.5}, "dense"),
        ({"max_memory": "36MB"}, "dense"),
        ({"max_memory": "33MB"}, "quadrature"),
    ],
    ids=["usual", "few probes", "a threshold", "memory", "little memory"],
)
def test_what_is_taken(options, method):
    assert method_of(A, **options) == method


def test_a_limit_of_time_that_lapack_may_not_keep(monkeypatch):
    """What nothing interrupts is not begun; what is begun keeps the limit."""
    assert method_of(A, time_limit=600.0) == "dense"
    monkeypatch.setattr(route, "SLOWEST", 1e-6)  # a machine where it takes half an hour
    assert method_of(A, time_limit=600.0) == "quadrature"
    assert method_of(A) == "dense"


def test_an_operator_without_entries():
    """n products would have to find them."""
    assert method_of(A) == "dense"
    assert method_of(csr_matrix(A)) == method_of(aslinearoperator(csr_matrix(A))) == "quadrature"

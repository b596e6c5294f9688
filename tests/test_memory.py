"""max_memory is kept by every method: the measured peak of a process stays below it, or it is refused.

What the allocator keeps back and the interpreter's own objects (compiled kernels, results, a module
imported late) come on top: NOISE. It does not grow with n.
"""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh
from mehler import budget
from peak import peak
from spectra import sphere

NOISE = 6e6
N, LIMIT = 3200, 40e6  # float32 tiles take 20.5 MB, float64 ones 41 MB


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("auto", {}),
        ("lanczos", {}),
        ("lanczos", {"precision": "double", "max_memory": 60e6}),
        ("lanczos", {"max_memory": 20e6}),
        ("shift-invert", {"max_memory": 40e6}),
        ("preconditioned", {"max_memory": 60e6}),
        ("lanczos", {"certify": "rigorous", "max_memory": 60e6}),
        ("lanczos", {"normalize": True}),
    ],
)
def test_the_peak_stays_below(method, options):
    options = {"max_memory": LIMIT, "tol": 1e-4, **options}
    found = peak(N, 20, method=method, **options)
    assert not found.refused
    assert found.status == "resolved"
    assert found.grown <= options["max_memory"] + NOISE, found
    assert found.nbytes <= options["max_memory"]


@pytest.mark.parametrize(
    ("method", "options", "says"),
    [
        ("dense", {}, "What fits: method='lanczos'"),
        ("lanczos", {"precision": "double"}, "or precision='auto', which may need less"),
        ("shift-invert", {"max_memory": 10e6}, "with method='lanczos'"),
        ("preconditioned", {"max_memory": 5e6}, "Nothing fits; the least that does is"),
        ("auto", {"certify": "rigorous"}, "use certify='theory'"),
    ],
)
def test_a_refusal_comes_first_and_says_what_fits(method, options, says):
    found = peak(N, 20, method=method, **{"max_memory": LIMIT, **options})
    assert says in found.refused
    assert "more than max_memory" in found.refused
    assert found.grown < NOISE
    assert not found.phases


def test_a_copy_of_the_points_counts():
    X = sphere(1000, 400).astype(np.float32)
    with pytest.raises(MemoryError, match=r"The copy of X in float64 has taken 3\.2 MB"):
        mh.min_eig(X, "relu", method="lanczos", max_memory="4MB")


def test_a_basis_fits_into_its_budget():
    for n in (100, 5000, 70_000):
        need = budget.basis(n, 64) + (budget.restart(64) if n > 64 else 0)
        assert budget.columns(n, need, 3000) == 64
        assert budget.columns(n, need - 1, 3000) == 32
        assert budget.columns(n, 2**60, 40) == 64
        assert budget.basis(n, 1) == budget.basis(n, 32) >= 8 * 32 * n
    assert budget.columns(1000, -1, 3000) == 0

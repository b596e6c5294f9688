"""max_memory is kept by every method: the measured peak of a process stays below it, or it is refused.

What the allocator keeps back and the interpreter's own objects (compiled kernels, results, a module
imported late) come on top: NOISE. It does not grow with n.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import mehler as mh
from mehler._arrays import memory_limit
from mehler.solvers import budget
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
        ("auto", {"certify": "rigorous"}, "or 'preconditioned', fewer points"),
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
    with pytest.raises(
        MemoryError,
        match=r"beside the copy of X in float64 \(3\.2 MB\), more than max_memory=4 MB,",
    ):
        mh.min_eig(X, "relu", method="lanczos", max_memory="4MB")


@pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning")  # the least basis may be full
@pytest.mark.parametrize(
    "options",
    [
        {"method": "auto", "certify": "none"},
        {"method": "dense", "certify": "theory"},
        {"method": "dense", "certify": "rigorous"},
        {"method": "lanczos", "certify": "rigorous"},
        {"method": "preconditioned", "certify": "preconditioned"},
    ],
)
def test_the_memory_that_a_refusal_names_counts_the_copy(options):
    """What the message names works; a hundredth less does not, and the plan says the same."""
    X = sphere(700, 3).astype(np.float32)
    ask = dict(activation="relu", normalize=True, tol=1e-3, rng=0, **options)
    with pytest.raises(MemoryError, match="more than max_memory=1 MB") as refused:
        mh.min_eig(X, max_memory="1MB", **ask)
    memory = re.search(r"max_memory='([^']+)'", str(refused.value)).group(1)
    least = re.search(r"with method='([^']+)'", str(refused.value))
    if least:
        ask["method"] = least.group(1)
    assert mh.min_eig(X, max_memory=memory, **ask).n == 700
    less = 0.99 * memory_limit(memory)
    with pytest.raises(MemoryError, match="more than max_memory"):
        mh.min_eig(X, max_memory=less, **ask)
    if options["certify"] == "none":
        p = mh.plan(X, "relu", normalize=True, certify="none", max_memory=less)
        assert p.method is None and memory in p.reason
        assert p.nbytes <= memory_limit(memory) <= 1.01 * p.nbytes
        assert p.max_memory == int(less)


@pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")  # the least factor is float32
@pytest.mark.parametrize(
    "options",
    [
        {"method": "dense"},
        {"method": "lanczos"},
        {"method": "shift-invert"},
        {"method": "preconditioned"},
        {"certify": "rigorous"},
        {"method": "dense", "certify": "rigorous"},
    ],
)
def test_memory_of_eigsh_is_beside_the_matrix(options):
    K = mh.gram(sphere(700, 40), "relu")  # 2 MB
    with pytest.raises(MemoryError, match=r"at n=700 .*, more than max_memory=1 MB") as refused:
        mh.eigsh(K, max_memory="1MB", **options)
    memory = re.search(r"max_memory='([^']+)'", str(refused.value)).group(1)
    assert mh.eigsh(K, max_memory=memory, tol=1e-3, rng=0, **options).n == 700
    with pytest.raises(MemoryError, match="more than max_memory"):
        mh.eigsh(K, max_memory=0.99 * memory_limit(memory), **options)


def test_eigsh_takes_products_where_eigenvectors_do_not_fit():
    K = mh.gram(sphere(700, 40), "relu")
    assert mh.eigsh(K, max_memory="20MB", rng=0).method == "dense"
    assert mh.eigsh(K, max_memory="12MB", rng=0).method.startswith("lanczos")


def test_memory_of_check_psd_is_beside_the_matrix():
    for K in (np.eye(400) - np.ones((400, 400)), mh.gram(sphere(1100, 3), "relu")):
        with pytest.raises(MemoryError, match=r"check_psd at n=\d+ takes .* max_memory=1 MB") as no:
            mh.check_psd(K, max_memory="1MB")
        memory = re.search(r"max_memory='([^']+)'", str(no.value)).group(1)
        assert mh.check_psd(K, max_memory=memory).n == K.shape[0]
        with pytest.raises(MemoryError):
            mh.check_psd(K, max_memory=0.99 * memory_limit(memory))


def test_a_basis_fits_into_its_budget():
    for n in (100, 5000, 70_000):
        need = budget.basis(n, 64) + (budget.restart(64) if n > 64 else 0)
        assert budget.columns(n, need, 3000) == 64
        assert budget.columns(n, need - 1, 3000) == 32
        assert budget.columns(n, 2**60, 40) == 64
        assert budget.basis(n, 1) == budget.basis(n, 32) >= 8 * 32 * n
    assert budget.columns(1000, -1, 3000) == 0

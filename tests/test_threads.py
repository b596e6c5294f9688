"""Threads change the time that work takes, and nothing else: not a bit of any result.

Work is cut by its size, each piece writes its own output, and sums are added in a fixed order; so
one thread and many must agree exactly, also with more threads than tiles or processors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import mehler as mh
from mehler._arrays import MOST_THREADS
from mehler.preconditioners.choice import choose
from spectra import sphere, with_spectrum

SIZES = (1, 255, 256, 257, 1300)  # around one tile, and several panels
MANY = (2, 3, 5)
FEW = (2, 3)  # for what takes hundreds of products
TILES = 2 * 8 * 256 * 256  # bytes of a thread that computes entries again
VECTORS = (1, 2, 4, 7)  # each width of the block product, and one of several passes
OPERATORS = (
    ("dense", "float64"),
    ("dense", "float32"),
    ("packed", "float64"),
    ("packed", "float32"),
    ("matrix-free", "float64"),
)


def points(n: int, d: int = 5) -> np.ndarray:
    """Points of any norm, some near each other and some nearly opposite: every path of a tile."""
    X = sphere(n, d, seed=n)
    for i in range(0, n - 2, 40):
        X[i + 1] = X[i] + 1e-7 * X[i - 1]
        X[i + 2] = -X[i] + 1e-5 * X[i - 1]
    return X * np.random.default_rng(n).uniform(0.5, 2.0, (n, 1))


def bits(A) -> bytes:
    return np.ascontiguousarray(A).tobytes()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("storage", "dtype"), OPERATORS)
def test_gram_entries_products_and_pairs(n, storage, dtype):
    X = points(n)
    V = np.random.default_rng(1).standard_normal((n, max(VECTORS)))

    def seen(threads):
        K = mh.gram(X, "relu", storage=storage, dtype=dtype, threads=threads)
        products = [bits(K @ V[:, :b]) for b in VECTORS]
        return bits(K.toarray()), bits(K.diagonal()), products, K.pairs

    one = seen(1)
    for threads in MANY:
        assert seen(threads) == one, threads


@pytest.mark.parametrize("n", SIZES)
def test_storages_hold_the_same_bits(n):
    X = points(n)
    packed = mh.gram(X, "relu", storage="packed", threads=2).toarray()
    for storage in ("dense", "matrix-free"):
        assert bits(mh.gram(X, "relu", storage=storage, threads=1).toarray()) == bits(packed)
    single = mh.gram(X, "relu", storage="packed", dtype="float32", threads=2).toarray()
    assert bits(single) == bits(packed.astype(np.float32))
    assert bits(packed) == bits(packed.T)


@pytest.mark.parametrize("storage", ["packed", "dense"])
def test_coinciding_pairs_beyond_what_is_listed(storage):
    """A panel sees more equal pairs than are kept: which ones must not depend on who came first."""
    X = sphere(1280, 5)
    X[1024:] = X[0]
    X[:1024:32] = X[0]
    one = mh.gram(X, storage=storage, threads=1).pairs
    assert one["equal_count"] == 288 * 287 // 2
    assert len(one["equal"]) == 4096
    for threads in 4 * MANY:
        assert mh.gram(X, storage=storage, threads=threads).pairs == one


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_kernel_between_two_sets(name):
    X, Y = sphere(300, 6), sphere(257, 6, seed=1)
    ker = mh.gradient_kernel(name)
    from mehler.operators.entries import cross_gram

    one = bits(cross_gram(X, Y, ker, threads=1))
    assert all(bits(cross_gram(X, Y, ker, threads=t)) == one for t in MANY)


def same(a: mh.EigenResult, b: mh.EigenResult) -> bool:
    """Everything but time and the number of threads; of shift-invert's bytes, all but the tiles of each thread."""
    first, second = a.to_dict(), b.to_dict()
    for one in (first, second):
        if a.method.startswith("shift-invert"):
            one["nbytes"] -= TILES * one["threads"]
        for changing in ("seconds", "threads"):
            one.pop(changing)
    return (
        json.dumps(first) == json.dumps(second)
        and a.history == b.history
        and bits(a.vector) == bits(b.vector)
        and bits(a.residuals) == bits(b.residuals)
    )


@pytest.mark.parametrize(
    ("method", "precision"),
    [
        ("dense", "auto"),
        ("lanczos", "single"),
        ("lanczos", "double"),
        ("preconditioned", "auto"),
        ("shift-invert", "auto"),
    ],
)
@pytest.mark.parametrize("n", [256, 257, 1300])
def test_min_eig(n, method, precision):
    X = sphere(n, 12, seed=2)

    def solved(threads):
        return mh.min_eig(X, "relu", method=method, precision=precision, threads=threads, rng=3)

    one = solved(1)
    assert one.status == "resolved"
    assert one.threads == 1
    for threads in FEW:
        assert same(solved(threads), one), threads


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize(
    ("n", "d", "low_rank"),
    [
        (1300, 5, "sparse"),
        (1300, 12, "low-degree"),
        (1300, 60, "sparse"),
        (900, 60, "landmarks"),
    ],
)
def test_all_preconditioners(n, d, low_rank, precision):
    X = sphere(n, d)
    assert choose(mh.gradient_kernel("relu"), *X.shape) == low_rank
    options = {"method": "preconditioned", "precision": precision, "rng": 3}
    one = mh.min_eig(X, "relu", threads=1, **options)
    assert one.status == "resolved"
    for threads in FEW:
        assert same(mh.min_eig(X, "relu", threads=threads, **options), one), threads


@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("which", ["SA", "LA"])
def test_eigsh(method, which):
    A = with_spectrum(np.concatenate([[0.1, 0.1, 0.3], np.linspace(1.0, 5.0, 397)]))

    def solved(threads):
        return mh.eigsh(A, k=3, which=which, method=method, threads=threads, rng=0)

    one = solved(1)
    assert one.status == "resolved"
    assert all(same(solved(threads), one) for threads in MANY)


def test_eigsh_of_a_gram():
    X = sphere(600, 8)
    found = [
        mh.eigsh(mh.gram(X, "elu", threads=t), k=2, method="lanczos", threads=t, rng=0)
        for t in (1, 2)
    ]
    assert same(*found)


# -- how many ---------------------------------------------------------------------------------------


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("count", ["1", "3"])
def test_default_is_openmps(count):
    code = """
import numpy as np, mehler as mh
X = np.random.default_rng(0).standard_normal((40, 3))
print(mh.build_info()["threads"], mh.min_eig(X).threads, mh.min_eig(X, threads=2).threads)
"""
    done = child(code, OMP_NUM_THREADS=count)
    assert done.stdout.split() == [count, count, "2"], done.stderr


def test_default_is_asked_at_call_time():
    code = """
import ctypes, numpy as np, mehler as mh
X = np.random.default_rng(0).standard_normal((40, 3))
before = mh.min_eig(X).threads
K = mh.gram(X, storage="packed")
(path,) = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line or "libomp" in line}
ctypes.CDLL(path).omp_set_num_threads(1)  # what threadpoolctl does
K @ np.ones(40)
print(before, mh.min_eig(X).threads, mh.build_info()["threads"])
"""
    done = child(code, OMP_NUM_THREADS="2")
    assert done.stdout.split() == ["2", "1", "1"], done.stderr


def test_a_limit_below_the_number_asked_for():
    """OpenMP may give fewer threads than were asked for; the work is done all the same."""
    code = """
import numpy as np, mehler as mh
X = np.random.default_rng(0).standard_normal((600, 5))
K = mh.gram(X, storage="packed", threads=4)
print(float((K @ np.ones(600)).sum()).hex())
"""
    found = [child(code, OMP_THREAD_LIMIT=limit) for limit in ("1", "2", "8")]
    assert len({done.stdout for done in found}) == 1, [done.stderr for done in found]
    assert float.fromhex(found[0].stdout) > 0.0


@pytest.mark.parametrize("threads", [0, -1, MOST_THREADS + 1])
def test_impossible_numbers(threads):
    with pytest.raises(ValueError, match=rf"threads must be >= 1 and <= .* got {threads}"):
        mh.min_eig(sphere(10, 3), threads=threads)


# -- Python's own threads ---------------------------------------------------------------------------


def test_python_threads_side_by_side():
    X = [sphere(700 + 30 * i, 6, seed=i) for i in range(4)]

    def work(i):
        K = mh.gram(X[i], "relu", storage="packed", threads=2)
        r = mh.min_eig(X[i], "relu", method="lanczos", threads=2, rng=0)
        return bits(K @ np.ones(len(X[i]))), r.value, bits(r.vector)

    alone = [work(i) for i in range(4)]
    together: list = [None] * 4

    def run(i):
        together[i] = work(i)

    workers = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert together == alone


def test_one_operator_used_by_two_python_threads():
    K = mh.gram(sphere(900, 6), "relu", storage="packed", threads=2)
    V = np.random.default_rng(0).standard_normal((900, 4))
    alone = bits(K @ V)
    seen: list[bytes] = []

    def run():
        seen.extend(bits(K @ V) for _ in range(20))

    workers = [threading.Thread(target=run) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert seen == [alone] * 40


@pytest.mark.parametrize("storage", ["packed", "dense", "matrix-free"])
def test_python_goes_on_meanwhile(storage):
    """While the core works, another Python thread gets its turns: the GIL is released."""
    X = sphere(1500, 300)
    V = np.ones((1500, 4))
    turns, stop = [0], threading.Event()

    def count():
        while not stop.wait(0.001):
            turns[0] += 1

    def work():
        mh.gram(X, "relu", storage=storage, threads=1) @ V

    work()
    counter = threading.Thread(target=count)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60.0)  # nobody is asked to let go: turns come only if the core gives them
    try:
        counter.start()
        before = turns[0]
        for _ in range(3):
            work()
        gained = turns[0] - before
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        counter.join()
    assert gained >= 5


def test_python_goes_on_during_a_solve():
    X = sphere(1500, 20)
    turns, stop = [0], threading.Event()

    def count():
        while not stop.wait(0.001):
            turns[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        result = mh.min_eig(X, "relu", method="lanczos", threads=1, rng=0)
    finally:
        stop.set()
        counter.join()
    assert result.status == "resolved"
    assert turns[0] >= 5

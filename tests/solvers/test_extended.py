"""precision='extended': double-double against enclosures in balls, and the arithmetic against fractions."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from fractions import Fraction

import numpy as np
import pytest

import mehler as mh
from below_double import CIRCLE
from mehler import _core

U2 = 2.0**-106
SMOOTH = ["tanh", "swish", "gelu", "softplus", "arctan", "erf"]


def parts(x: Fraction) -> tuple[float, float]:
    hi = float(x)
    return hi, float(x - Fraction(hi))


def whole(pair) -> Fraction:
    return Fraction(float(pair[0])) + Fraction(float(pair[1]))


def random_matrix(n, seed, spread=0.0):
    """(hi, lo) of a positive definite matrix of doubles in both parts."""
    g = np.random.default_rng(seed)
    A = g.standard_normal((n, n)) * np.exp(-spread * np.arange(n))
    hi = A @ A.T
    hi = (hi + hi.T) / 2 + np.eye(n)
    lo = hi * 2.0**-54 * g.uniform(-1, 1, (n, n))
    lo = np.tril(lo) + np.tril(lo, -1).T
    return hi, lo


# -- the arithmetic, through the core ------------------------------------------------------------------


def test_horner_to_32_digits():
    # (1 + x)^6 by its even and odd powers, at x in both parts
    even = np.array([1.0, 15.0, 15.0, 1.0]), np.zeros(4)
    odd = np.array([6.0, 20.0, 6.0]), np.zeros(3)
    h = _core.ExtendedSeries(*even, *odd, (1.0, 0.0), (0.0, 0.0), (0.0, 0.0), (1.0, 0.0))
    for x in (Fraction(1, 3), Fraction(-2, 7), Fraction(1), Fraction(0)):
        rho = parts(x)
        got, truth = whole(h.at(*rho)), (1 + whole(rho)) ** 6
        assert abs(got - truth) <= 60 * U2 * (1 + abs(whole(rho))) ** 6


def test_products_and_factors_are_good_to_106_bits():
    n = 70  # two panels, the second of six rows
    hi, lo = random_matrix(n, 0)
    K = _core.ExtendedMatrix(hi, lo, 2)
    exact = [[Fraction(hi[i, j]) + Fraction(lo[i, j]) for j in range(n)] for i in range(n)]
    g = np.random.default_rng(1)
    x = g.standard_normal(n), 2.0**-55 * g.standard_normal(n)
    y = K.multiply(*x, 2)
    xs = [whole(p) for p in zip(*x, strict=True)]
    for i in range(0, n, 9):
        truth = sum(exact[i][j] * xs[j] for j in range(n))
        size = sum(abs(exact[i][j] * xs[j]) for j in range(n))
        assert abs(whole((y[0][i], y[1][i])) - truth) <= 200 * U2 * size
    F = _core.ExtendedCholesky(K, (0.0, 0.0), 2)
    assert F.complete and F.column == -1
    L = F.dense()
    rows = [[whole((L[0][i, j], L[1][i, j])) for j in range(n)] for i in range(n)]
    for i, j in ((0, 0), (5, 3), (63, 40), (64, 1), (69, 69), (69, 66), (66, 63)):
        product = sum(rows[i][k] * rows[j][k] for k in range(j + 1))
        size = sum(abs(rows[i][k] * rows[j][k]) for k in range(j + 1))
        assert abs(product - exact[i][j]) <= 150 * U2 * size
    z = F.solve(*y)
    # a condition number of some thousands
    assert np.max(np.abs((z[0] - x[0]) + (z[1] - x[1]))) <= 1e-26


def test_a_shift_of_32_digits_and_a_breakdown():
    n = 30
    hi, lo = np.eye(n), np.zeros((n, n))
    K = _core.ExtendedMatrix(hi, lo, 1)
    assert _core.ExtendedCholesky(K, (1.0, -1e-30), 1).complete
    F = _core.ExtendedCholesky(K, (1.0, 1e-30), 1)
    assert not F.complete and F.column == 0


@pytest.mark.parametrize("n", [1, 2, 5, 65, 130])
def test_spectrum_of_a_matrix(n):
    hi, lo = random_matrix(n, n)
    values, low = _core.ExtendedMatrix(hi, lo, 2).spectrum(2)
    expected = np.linalg.eigvalsh(hi)
    assert np.allclose(values, expected, rtol=0, atol=1e-13 * expected[-1])
    assert np.all(np.diff(values) >= 0) and np.all(
        np.abs(low) <= 2.0**-53 * np.abs(values) + 1e-300
    )
    # the trace is the sum, to 106 bits
    trace = sum(Fraction(hi[i, i]) + Fraction(lo[i, i]) for i in range(n))
    total = sum(whole(p) for p in zip(values, low, strict=True))
    assert abs(total - trace) <= 50 * n * U2 * trace


# -- eigenvalues ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "n"), sorted(CIRCLE))
def test_full_circle(name, n):
    X = mh.generate("circle-full", n=n, d=2)
    r = mh.min_eig(X, name, precision="extended", tol=1e-5)
    assert r.resolved and r.lower <= r.value <= r.upper
    assert f"{r.value:.5e}" == f"{CIRCLE[name, n]:.5e}"
    assert r.dtype == "extended" and r.method.startswith("shift-invert (double-double)")
    assert r.lower_kind == "factorisation" and r.lower > 0.99 * r.value


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("n", [30, 60])
def test_no_digit_called_certain_is_wrong(name, n):
    pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=n, d=2, rng=n)
    truth = mh.min_eig(X, name, precision="exact", tol=1e-8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.min_eig(X, name, precision="extended")
    assert r.lower <= truth.upper and truth.lower <= r.upper
    assert abs(r.value - truth.value) <= r.floor + r.residual + 1e-8 * truth.value
    if r.resolved:
        assert r.value == pytest.approx(truth.value, rel=1e-6)
        assert r.floor <= 1e-6 * r.value
    else:
        assert r.status == "rounding-limited" and "precision='exact'" in r.message
        assert r.floor > 1e-7 * truth.value


def test_in_three_dimensions_against_balls():
    pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=100, d=3, rng=0)
    r, t = (mh.min_eig(X, "gelu", precision=p, tol=1e-10) for p in ("extended", "exact"))
    assert r.resolved and r.value == pytest.approx(t.value, rel=1e-10)


def test_weights_biases_norms_and_the_other_kernel():
    X = mh.generate("sphere-random", n=70, d=5, rng=0)
    for options in (
        {"kernel": "nngp"},
        {"bias_var": 0.25},
        {"weight_var": 2.0},
        {"kernel": "nngp", "bias_var": 0.5, "weight_var": 0.5},
    ):
        r, d = (mh.min_eig(X, "swish", precision=p, **options) for p in ("extended", "double"))
        assert abs(r.value - d.value) <= 2 * d.floor + 1e-6 * d.value
    k = mh.nngp("gelu", normalized=True)
    r, d = (mh.min_eig(X, k, precision=p) for p in ("extended", "double"))
    assert abs(r.value - d.value) <= 2 * d.floor + 1e-6 * d.value
    scaled = X * np.linspace(1e-3, 1e3, 70)[:, None]
    s = mh.min_eig(scaled, k, precision="extended", normalize=True)
    assert s.value == pytest.approx(r.value, rel=1e-6)
    cube = mh.activation("polynomial", coefficients=(0.0, 0.0, 0.0, 1.0))
    Y = X[:20] * np.linspace(0.5, 2.0, 20)[:, None]
    r, d = (mh.min_eig(Y, cube, precision=p) for p in ("extended", "double"))
    assert abs(r.value - d.value) <= 2 * d.floor + 1e-6 * d.value


def test_one_point_duplicates_and_near_duplicates():
    r = mh.min_eig([[0.6, 0.8]], "gelu", precision="extended")
    assert r.value == pytest.approx(0.4558509, rel=1e-6) and r.resolved
    X = mh.generate("sphere-random", n=40, d=6, rng=0)
    X[7] = X[3]
    r = mh.min_eig(X, "tanh", precision="extended")
    assert (r.value, r.upper, r.status, r.method) == (0.0, 0.0, "resolved", "structure")
    X[7] = X[3] + 1e-12 * np.array([0.8, -0.6, 0.0, 0.0, 0.0, 0.0])
    r = mh.min_eig(X, "tanh", precision="extended", normalize=True, tol=1e-4)
    e = mh.min_eig(X, "tanh", precision="exact", normalize=True)
    assert r.resolved and r.value == pytest.approx(e.value, rel=1e-4) and r.value < 1e-22


def test_below_the_floor_it_says_so():
    X = mh.generate("sphere-random", n=80, d=2, rng=0)
    with pytest.warns(
        mh.PrecisionWarning, match=r"precision='exact' \(pip install mehler\[exact\]\)"
    ):
        r = mh.min_eig(X, "gelu", precision="extended")
    assert r.status == "rounding-limited" and r.lower == 0.0 and 0 < r.upper < 1e-25
    assert "<= " in str(r) and "rounding floor" in str(r)


def test_threads_change_no_bit():
    X = mh.generate("sphere-random", n=300, d=3, rng=0)
    one, two = (mh.min_eig(X, "tanh", precision="extended", threads=t, rng=1) for t in (1, 2))
    assert one.value == two.value and np.array_equal(one.vector, two.vector)
    assert (one.lower, one.upper, one.residual) == (two.lower, two.upper, two.residual)
    hi, lo = random_matrix(200, 5)
    spectra = [_core.ExtendedMatrix(hi, lo, t).spectrum(t) for t in (1, 2)]
    assert np.array_equal(spectra[0], spectra[1])


def test_memory_is_refused_beforehand():
    X = mh.generate("sphere-random", n=2000, d=3, rng=0)
    with pytest.raises(
        MemoryError, match=r"precision='extended' needs .* for n=2000 .*max_memory allows"
    ):
        mh.min_eig(X, "tanh", precision="extended", max_memory="50MB")


def test_interrupted_within_a_second():
    X = mh.generate("sphere-random", n=2500, d=3, rng=0)
    mh.min_eig(X[:20], "tanh", precision="extended")  # coefficients
    said = []

    def press():
        time.sleep(0.8)
        said.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.warns(mh.ConvergenceWarning, match="interrupted"):
        r = mh.min_eig(X, "tanh", precision="extended", threads=1)
    late = time.perf_counter() - said[0]
    presser.join()
    assert r.interrupted and r.status == "budget-limited" and r.lower == 0.0
    assert late < 1.0


# -- the ladder ----------------------------------------------------------------------------------------


def test_auto_climbs_and_says_what():
    X = mh.generate("circle-full", n=51, d=2)
    r = mh.min_eig(X, "tanh")
    assert r.resolved and r.dtype == "extended" and f"{r.value:.5e}" == "9.38166e-16"
    assert "double left" in r.message and "extended resolves it" in r.message


def test_auto_climbs_to_balls():
    pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=60, d=2, rng=0)
    r = mh.min_eig(X, "swish")
    assert r.resolved and r.dtype == "exact" and r.value < 1e-30
    assert "extended left <= " in r.message and "exact resolves it" in r.message


def test_auto_without_flint_says_the_remedy(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "flint", None)
    X = mh.generate("sphere-random", n=60, d=2, rng=0)
    with pytest.warns(mh.PrecisionWarning, match=r"needs pip install 'mehler\[exact\]'"):
        r = mh.min_eig(X, "swish")
    assert r.status == "rounding-limited" and r.dtype == "extended"


def test_auto_within_the_memory():
    X = mh.generate("circle-full", n=1001, d=2)
    with pytest.warns(mh.PrecisionWarning, match=r"precision='extended' needs .* MB"):
        r = mh.min_eig(X, "tanh", max_memory="16MB", certify="none")
    assert r.status == "rounding-limited" and r.dtype != "extended"


def test_a_method_of_ones_own_is_kept():
    with pytest.warns(mh.PrecisionWarning, match="precision='extended'"):
        r = mh.min_eig(mh.generate("circle-full", n=51, d=2), "tanh", method="dense")
    assert r.status == "rounding-limited" and r.method == "dense"


def test_time_limit_while_climbing():
    X = mh.generate("sphere-random", n=3000, d=2, rng=0)
    mh.min_eig(X[:20], "tanh", precision="extended")
    with pytest.warns(mh.ConvergenceWarning, match="time_limit"):
        r = mh.min_eig(X, "tanh", time_limit=2.5)
    assert r.status == "budget-limited" and r.seconds < 5.0


@pytest.mark.parametrize("precision", ["extended", "exact"])
def test_plan_foresees(precision):
    X = mh.generate("sphere-random", n=100, d=3, rng=0)
    p = mh.plan(X, "tanh", precision=precision)
    assert p.method == "shift-invert" and p.status == "resolved" and p.seconds > 0
    assert f"precision='{precision}'" in str(p)
    tight = mh.plan(X, "tanh", precision=precision, max_memory="50kB")
    assert tight.method is None and "max_memory allows" in tight.reason


@pytest.mark.parametrize(("kernel", "depth"), [("ntk", 1), ("nngp", 2)])
def test_more_layers_are_refused(kernel, depth):
    X = mh.generate("circle-full", n=11, d=2)
    with pytest.raises(ValueError, match="of one hidden layer; got '" + kernel):
        mh.min_eig(X, "tanh", kernel=kernel, depth=depth, precision="extended")
    r = mh.min_eig(X, "tanh", kernel=kernel, depth=depth)  # auto does not climb there
    assert r.dtype == "float64"


def test_time_limit_while_coefficients_are_made():
    """Thousands of terms at a large variance: the limit is asked between them."""
    X = mh.generate("circle-half", n=6, d=2)
    ker = mh.gradient_kernel("tanh", weight_var=3.7)
    ker(1.0)  # compiled before the clock starts
    with pytest.warns(mh.ConvergenceWarning, match="time_limit"):
        r = mh.min_eig(X, ker, precision="extended", time_limit=0.05)
    assert r.status == "budget-limited" and r.seconds < 5.0

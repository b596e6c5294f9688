"""mh.spectrum: counts, traces and their intervals against every eigenvalue, by LAPACK and by mpmath."""

from __future__ import annotations

import json
import math
import pickle
import warnings

import numpy as np
import pytest

import mehler as mh
from mehler.density import counts
from spectra import sphere, with_spectrum


def truths(values):
    values = np.asarray(values)
    return {
        "logdet": float(np.sum(np.log(values))),
        "trace_inverse": float(np.sum(1.0 / values)),
        "degrees_of_freedom": float(np.sum(values / (values + 0.1))),
        "frobenius_squared": float(np.sum(values**2)),
        "effective_rank": float(np.sum(values) ** 2 / np.sum(values**2)),
        "intrinsic_dimension": float(np.sum(values) / values[-1]),
        "condition": float(values[-1] / values[0]),
        "trace": float(np.sum(values)),
    }


def found(density):
    return {
        "logdet": density.logdet(),
        "trace_inverse": density.trace_inverse(),
        "degrees_of_freedom": density.degrees_of_freedom(0.1),
        **{
            name: getattr(density, name)
            for name in (
                "frobenius_squared", "effective_rank", "intrinsic_dimension", "condition", "trace",
            )
        },
    }  # fmt: skip


def missed(density, values):
    """What does not hold the truth: names, and counts at all eigenvalues and between them."""
    out = [
        name
        for name, interval in found(density).items()
        if not interval.lower - 1e-12 * abs(interval.lower)
        <= truths(values)[name]
        <= interval.upper + 1e-12 * abs(interval.upper)
    ]
    x = np.concatenate([values * (1 + 1e-9), np.geomspace(values[0] / 2, 2 * values[-1], 50)])
    true = np.searchsorted(values, x, side="right")
    lower, _, upper = density.cumulative(x)
    if not np.all((lower <= true) & (true <= upper)):
        out.append("cumulative")
    edges, lower, _, upper = density.histogram(8)
    true = np.diff(np.searchsorted(values, edges, side="right"))
    if not np.all((lower <= true) & (true <= upper)):
        out.append("histogram")
    return out


@pytest.fixture(scope="module")
def gram():
    K = mh.gram(sphere(300, 5), "relu")
    return K, np.linalg.eigvalsh(K.toarray())


def test_intervals_hold_in_every_run(gram):
    """At 99 % each: 40 runs here, 200 of five kernels in bench/test_bench_spectrum.py."""
    K, values = gram
    wrong = {}
    for seed in range(40):
        density = mh.spectrum(K, method="quadrature", probes=5, steps=25, ends=4, rng=seed)
        assert density.method == "quadrature" and density.block_products == 25
        if lost := missed(density, values):
            wrong[seed] = lost
    assert not wrong
    # and they say something
    assert density.logdet().upper - density.logdet().lower < 0.25 * abs(truths(values)["logdet"])
    assert density.trace_inverse().upper < 2.0 * density.trace_inverse().lower


def test_a_level_of_a_half_is_missed_only_as_often_as_it_may(gram):
    """The bounds have to be met by the misses of a low level, too; and a low level is narrower."""
    K, values = gram
    truth = truths(values)["logdet"]
    runs = [mh.spectrum(K, method="quadrature", probes=4, steps=60, ends=4, rng=s, level=0.5) for s in range(40)]  # fmt: skip
    assert sum(truth not in r.logdet() for r in runs) <= 20
    sure = mh.spectrum(K, method="quadrature", probes=4, steps=60, ends=4, rng=0, level=0.999)
    one, other = runs[0].logdet(), sure.logdet()
    assert other.lower < one.lower < one.value < one.upper < other.upper


def test_the_estimate_is_right_on_average(gram):
    K, values = gram
    runs = [mh.spectrum(K, method="quadrature", probes=8, steps=60, ends=6, rng=s) for s in range(30)]  # fmt: skip
    guesses = np.array([r.logdet().value for r in runs])
    error = abs(guesses.mean() - truths(values)["logdet"])
    assert error < 4.0 * guesses.std() / math.sqrt(30)


def test_dense_is_lapack(gram):
    K, values = gram
    density = mh.spectrum(K)
    assert density.method == "dense" and density.probes is None and density.level == 1.0
    np.testing.assert_allclose(density.low, values, rtol=1e-10)
    lower, value, upper = density.cumulative([0.02, 0.5])
    assert np.array_equal(lower, upper) and np.array_equal(
        value, np.searchsorted(values, [0.02, 0.5])
    )
    sign, logdet = np.linalg.slogdet(K.toarray())
    assert sign == 1 and logdet in density.logdet()
    assert density.logdet().upper - density.logdet().lower < 1e-8
    assert not missed(density, values)


def test_every_kind_of_matrix_gives_the_same(gram):
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import LinearOperator

    K, values = gram
    A = K.toarray()
    free = LinearOperator(A.shape, matvec=lambda v: A @ v, matmat=lambda V: A @ V, dtype=float)
    options = {"method": "quadrature", "probes": 5, "steps": 30, "ends": 4, "rng": 1}
    whole = mh.spectrum(A, **options)
    for other in (K, K.as_linear_operator(), free, csr_matrix(A), mh.gram(sphere(300, 5), "relu", storage="matrix-free")):  # fmt: skip
        density = mh.spectrum(other, **options)
        assert not missed(density, values)
        np.testing.assert_allclose(density.ritz_values()[0], whole.ritz_values()[0], atol=1e-8)
    unknown = mh.spectrum(free, **options)
    assert unknown.trace.lower < values.sum() < unknown.trace.upper  # without a diagonal
    assert whole.trace.lower == whole.trace.upper
    by_points = mh.spectrum(sphere(300, 5), "relu", **options)
    np.testing.assert_allclose(by_points.low, whole.low, rtol=1e-8)


def test_tiny_and_negative_values_are_shown():
    """Ten values below rounding, twelve negative ones: counted, and no trace is made up."""
    values = np.sort(np.concatenate([np.full(10, 1e-19), -np.linspace(0.5, 1.0, 12), np.linspace(1, 2, 200)]))  # fmt: skip
    A = with_spectrum(values)
    for method in ("dense", "quadrature"):
        density = mh.spectrum(A, method=method, probes=6, steps=60, ends=4, rng=0)
        assert density.floor > 1e-19
        assert 10 in density.below_floor and 12 in density.negative
        assert 12 in density.count_below(-0.2) and 22 in density.count_below(0.5)
        assert density.logdet().lower == -math.inf and density.logdet().upper == math.inf
        assert density.trace_inverse().upper == math.inf
        assert float(np.sum(np.log(values + 3.0))) in density.logdet(ridge=3.0)
        assert "sign not known" in str(density) and "negative" in str(density)
        json.loads(density.to_json())
    nodes, weights = density.ritz_values()
    assert nodes[0] < -0.4 and np.min(np.abs(nodes)) < 1e-6 and np.all(weights >= 0.0)


def test_a_kernel_that_rounding_hides():
    """tanh on a circle: most eigenvalues lie below the floor, and both routes say so."""
    X = mh.generate("circle-full", n=120, d=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        for method in ("dense", "quadrature"):
            density = mh.spectrum(X, "tanh", method=method, probes=6, steps=40, ends=6, rng=0)
            truth = np.linalg.eigvalsh(mh.gradient_kernel("tanh")(X))
            few = density.below_floor
            clear = int(np.sum(truth > 10 * density.floor))
            assert few.upper >= 1 and few.lower <= 120 - clear
            assert density.logdet().lower == -math.inf
            assert float(np.sum(truth / (truth + 0.1))) in density.degrees_of_freedom(0.1)


@pytest.mark.parametrize(
    ("n", "method", "ends"), [(60, "dense", 0), (60, "quadrature", 4), (60, "quadrature", (0, 8)), (80, "quadrature", (12, 12))]
)  # fmt: skip
@pytest.mark.parametrize("name", ["tanh", "swish"])
def test_the_trace_bounds_what_rounding_hides(name, n, method, ends):
    """log det from above, tr K^-1 from below, where double sees neither; balls know every eigenvalue."""
    X = mh.generate("circle-half", n=n, d=2)
    truth = mh.eigvalsh(X, name, precision="exact", tol=1e-3).values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        density = mh.spectrum(X, name, method=method, probes=6, steps=20, ends=ends, rng=0)
    assert truth[0] > 0.0 and truth[0] < 1e-3 * density.floor
    found = density.logdet()
    assert found.lower == -math.inf and math.isnan(found.value)
    assert float(np.sum(np.log(truth))) <= found.upper
    hadamard = n * math.log(float(np.mean(np.diagonal(mh.gradient_kernel(name)(X)))))
    assert found.upper < hadamard - 1.0  # what is known of both ends makes it sharper
    if method == "dense":  # all but the hidden ones are known
        assert found.upper < 0.5 * float(np.sum(np.log(np.maximum(truth, density.floor))))
    inverse = density.trace_inverse()
    assert inverse.upper == math.inf and 0.0 < inverse.lower <= float(np.sum(1.0 / truth))
    for ridge in (1e-30, 1e-20):
        assert float(np.sum(np.log(truth + ridge))) <= density.logdet(ridge).upper < hadamard
        assert float(np.sum(truth / (truth + ridge))) in density.degrees_of_freedom(ridge)
    assert density.logdet(-1e-3).upper == math.inf  # K - s I may have negative eigenvalues
    A = mh.gradient_kernel(name)(X)  # nobody says that an array is semidefinite
    assert mh.spectrum(A, method="dense").logdet().upper == math.inf
    assert json.loads(density.to_json())["logdet"][:2] == [None, None]
    assert f"between -inf and {found.upper:.6g}" in str(density)


def test_against_mpmath():
    """Hilbert's matrix of order 6, shifted: determinant and inverse in fifty digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        H = mpmath.matrix(6, 6)
        for i in range(6):
            for j in range(6):
                H[i, j] = mpmath.mpf(1) / (i + j + 1)
            H[i, i] += mpmath.mpf(1) / 1024
        logdet = float(mpmath.log(mpmath.det(H)))
        inverse = H**-1
        trace = float(sum(inverse[i, i] for i in range(6)))
    A = np.array([[1.0 / (i + j + 1) for j in range(6)] for i in range(6)]) + np.eye(6) / 1024
    for method in ("dense", "quadrature"):
        density = mh.spectrum(A, method=method, ends=1, rng=0)
        assert logdet in density.logdet() and trace in density.trace_inverse()


def test_law_of_the_counts():
    """The Chernoff exponent bounds the tails of the Beta law, which sampled Gammas have."""
    g = np.random.default_rng(0)
    N, M = 50, 4
    G = g.gamma(M / 2, size=(10000, N))
    S = np.cumsum(G, axis=1) / G.sum(axis=1, keepdims=True)
    for c in (1, 7, 25, 44):
        for x in np.quantile(S[:, c - 1], [0.001, 0.05, 0.3, 0.7, 0.95, 0.999]):
            tail = min(np.mean(S[:, c - 1] <= x), np.mean(S[:, c - 1] >= x))
            bound = math.exp(-0.5 * N * M * float(counts.divergence(c / N, x)))
            assert tail <= bound * 1.2 + 1e-4
    # the band holds whole paths, at a level where misses would show
    misses = 0
    for path in S[:500]:
        lower, upper = counts.at_all(N, M, path[:-1], path[:-1], 0.8)
        c = np.arange(1, N)
        misses += not np.all((lower <= c) & (c <= upper))
    assert misses <= 0.2 * 500
    for k, path in enumerate(S[:400]):
        c = 1 + k % (N - 1)
        lower, upper = counts.at_points(N, M, path[c - 1 : c], path[c - 1 : c], 0.9999)
        assert lower[0] <= c <= upper[0]


def test_threads_and_seeds(gram):
    K, _ = gram
    options = {"method": "quadrature", "probes": 4, "steps": 20, "ends": 3}

    def said(seed, threads):
        out = mh.spectrum(K, rng=seed, threads=threads, **options).to_dict()
        return {k: v for k, v in out.items() if k not in ("seconds", "threads")}

    assert said(5, 1) == said(5, 2) != said(6, 2)


def test_no_ends(gram):
    """Without values known one by one: no lambda_min, and bounds that need one stay away."""
    K, values = gram
    density = mh.spectrum(K, method="quadrature", ends=0, rng=0)
    assert math.isnan(density.smallest.value) and values[0] in density.smallest
    assert density.trace_inverse().upper == math.inf
    assert truths(values)["degrees_of_freedom"] in density.degrees_of_freedom(0.1)
    assert len(density.low) == len(density.high) == 0
    only = mh.spectrum(K, method="quadrature", ends=(3, 0), rng=0)
    assert truths(values)["logdet"] in only.logdet()


def test_counts_by_inertia(gram):
    """A factor of K - t I counts without chance, of any matrix: the band has no width there, and less beside."""
    K, values = gram
    at = 0.5 * (values[[40, 149, 250]] + values[[41, 150, 251]])
    options = {"method": "quadrature", "probes": 4, "steps": 30, "ends": 4, "rng": 0}
    free, held = mh.spectrum(K, **options), mh.spectrum(K, thresholds=at, **options)
    assert [held.count_below(t) for t in at] == [(c, c, c) for c in (41, 150, 251)]
    assert free.count_below(at[1]).upper > 150
    assert not missed(held, values)
    x = np.geomspace(values[0], values[-1], 50)
    (low, _, high), (below, _, above) = free.cumulative(x), held.cumulative(x)
    assert (
        np.all(low <= below)
        and np.all(above <= high)
        and np.sum(above - below) < np.sum(high - low)
    )
    A = with_spectrum(
        np.concatenate([-np.arange(1.0, 60.0), np.arange(0.5, 100.0)])
    )  # blocks 2 x 2
    density = mh.spectrum(A, thresholds=[-7.5, 0.0, 3.0], **options)
    assert density.counted.tolist() == [52, 52, 59, 59, 62, 62]
    with pytest.raises(TypeError, match="needs its entries"):
        mh.spectrum(K.as_linear_operator(), thresholds=0.1, **options)
    with pytest.raises(MemoryError, match="a factor of K - t I"):
        mh.spectrum(K, thresholds=0.1, max_memory="1MB", **options)
    with pytest.raises(ValueError, match="thresholds must be finite"):
        mh.spectrum(K, thresholds=math.nan, **options)


def test_counts_by_inertia_hold_where_chance_misses_them():
    """At a level of one half chance is often wrong: bounds stay in order, and right where they are certain."""
    values, at, missed_by_chance = np.array([1e-14, 0.3, 0.5, 0.8]), 0.2, 0
    options = {"method": "quadrature", "probes": 2, "ends": 0, "level": 0.5}
    for seed in range(40):
        free = mh.spectrum(np.diag(values), rng=seed, **options)
        held = mh.spectrum(np.diag(values), rng=seed, thresholds=at, **options)
        missed_by_chance += 1 not in free.count_below(at)
        assert held.count_below(at) == (1, 1, 1)
        for x in (0.1, 0.4, 0.9):
            lower, value, upper = held.count_below(x)
            assert lower <= value <= upper
    assert missed_by_chance > 0


def test_an_eigenvector_that_comes_twice_counts_once():
    """Far outliers above a bulk: what the solver of the ends gives more than once is not counted twice."""
    K = mh.gram(sphere(1100, 10), "elu")
    values = np.linalg.eigvalsh(K.toarray())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.ConvergenceWarning)
        density = mh.spectrum(K, method="quadrature", probes=3, steps=40, rng=0)
    assert np.max(np.min(np.abs(density.high[:, None] - values), axis=1)) < 1e-6
    assert len(np.unique(density.high.round(6))) == len(density.high)
    assert not missed(density, values)


def test_it_travels(gram):
    K, _ = gram
    density = mh.spectrum(K, method="quadrature", probes=3, steps=10, ends=2, rng=0)
    other = pickle.loads(pickle.dumps(density))
    assert other.to_dict() == density.to_dict()
    assert json.loads(density.to_json())["probes"] == 3
    assert repr(density).startswith("SpectralDensity(n=300")
    assert "level 0.99" in str(density)


def test_plot(gram):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    K, _ = gram
    for method in ("dense", "quadrature"):
        density = mh.spectrum(K, method=method, probes=3, steps=10, ends=2, rng=0)
        fig = density.plot()
        assert len(fig.axes) == 2 and all(ax.get_xscale() == "log" for ax in fig.axes)
        ax = Figure().subplots()
        assert density.plot(ax) is None and ax.get_xlabel() == "eigenvalue x"
        ax = Figure().subplots()
        mh.spectrum(-np.eye(5)).plot(ax)
        assert ax.get_title() == "not shown: 5 negative"


def test_budget_and_interruption(gram):
    K, values = gram
    A = K.toarray()
    calls = []

    class Stops:
        shape = A.shape

        def __matmul__(self, V):
            calls.append(V.shape[1])
            if V.shape[1] == 5 and calls.count(5) == 12:
                raise KeyboardInterrupt
            return A @ V

    with pytest.warns(mh.ConvergenceWarning, match="interrupted after 11 of 30 steps"):
        density = mh.spectrum(Stops(), method="quadrature", probes=5, steps=30, ends=0, rng=0)
    assert density.interrupted and density.block_products == 11
    lower, _, upper = density.cumulative(values)
    c = np.arange(1, 301)
    assert np.all((lower <= c) & (c <= upper))
    filling = sphere(3000, 700)
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.spectrum(filling, "relu", callback=lambda state: True, threads=1)
    with pytest.raises(KeyboardInterrupt, match="stopped by time_limit"):
        mh.spectrum(filling, "relu", time_limit=1e-3, threads=1)


def test_memory_of_points():
    """The matrix of points is stored where the probes leave room, and recomputed where they do not."""
    X = sphere(1500, 5)
    assert mh.gram(X, "relu").nbytes > 9e6
    options = {"method": "quadrature", "probes": 2, "steps": 6, "ends": 0, "rng": 0, "threads": 1}
    rich, poor = (mh.spectrum(X, "relu", max_memory=m, **options) for m in ("50MB", "9MB"))
    np.testing.assert_allclose(rich.ritz_values()[0], poor.ritz_values()[0], atol=1e-10)
    with pytest.raises(MemoryError, match="max_memory"):
        mh.spectrum(X, "relu", max_memory="500kB", **options)


@pytest.mark.parametrize(
    ("K", "options", "error", "message"),
    [
        (np.ones((3, 4)), {}, ValueError, r"square"),
        (np.array([[1.0, 2.0], [3.0, 1.0]]), {}, ValueError, "symmetric"),
        (np.array([[np.nan]]), {}, ValueError, "finite"),
        (np.zeros((0, 0)), {}, ValueError, "n >= 1"),
        ("K", {}, TypeError, "Gram operator"),
        (np.eye(5), {"method": "lanczos"}, ValueError, "method must be one of"),
        (np.eye(5), {"probes": 1}, ValueError, "probes must be >= 2; got 1"),
        (np.eye(5), {"steps": 2.0}, TypeError, "steps must be an integer"),
        (np.eye(5), {"ends": -1}, ValueError, "ends must be >= 0"),
        (np.eye(5), {"ends": (1, 2, 3)}, ValueError, "ends must be one number or"),
        (np.eye(5), {"level": 1.0}, ValueError, "0.5 <= level < 1"),
        (np.eye(5), {"level": "high"}, TypeError, "level must be a number"),
        (np.eye(5), {"level": None}, TypeError, "level must be a number; got None"),
        (np.eye(5), {"depth": 2}, ValueError, "depth belong to points"),
        (np.eye(5), {"max_memory": "100B", "method": "dense"}, MemoryError, "method='quadrature'"),
        (np.eye(500), {"max_memory": "99kB", "method": "quadrature"}, MemoryError, "probes of"),
    ],
)
def test_refusals(K, options, error, message):
    with pytest.raises(error, match=message):
        mh.spectrum(K, **options)


def test_questions_that_are_none(gram):
    density = mh.spectrum(np.diag([1.0, 2.0, 4.0]))
    with pytest.raises(ValueError, match="ridge must be above 0"):
        density.degrees_of_freedom(0.0)
    for ridge in (None, [1.0, 2.0], 1j):
        with pytest.raises(TypeError, match="ridge must be a number"):
            density.logdet(ridge)
    with pytest.raises(ValueError, match="ridge must be finite"):
        density.logdet(math.nan)
    with pytest.raises(ValueError, match="bins must be >= 1"):
        density.histogram(0)
    with pytest.raises(ValueError, match="ascending"):
        density.histogram([2.0, 1.0])
    with pytest.raises(ValueError, match="t must be one number"):
        density.count_below([1.0, 2.0])
    with pytest.raises(ValueError, match="NaN"):
        density.cumulative([math.nan])


@pytest.mark.parametrize("A", [[[3.0]], np.array([[2]]), np.eye(1, dtype=np.float32)])
def test_one_by_one(A):
    density = mh.spectrum(A)
    assert density.n == 1 and density.count_below(10.0) == (1, 1, 1)
    assert math.log(float(np.asarray(A)[0, 0])) in density.logdet()
    zero = mh.spectrum(np.zeros((4, 4)))
    assert zero.below_floor == (4, 4, 4) and zero.logdet().lower == -math.inf


@pytest.mark.parametrize(
    "values", [np.ones(60), np.zeros(60), np.full(7, 3.0), np.r_[np.ones(50), 5.0, 6.0, 7.0]],
    ids=["one", "zero", "three", "outliers"],
)  # fmt: skip
def test_a_spectrum_of_one_value_ends_at_the_first_step(values):
    """Nothing is left for a second step of Lanczos: no interrupt, and everything is known."""
    found = mh.spectrum(np.diag(values), method="quadrature", rng=0)
    assert not found.interrupted and str(found)
    for x in (0.5, 1.5, 4.0, 10.0):
        lower, _, upper = found.count_below(x)
        assert lower <= np.sum(values < x) <= upper
    if values.min() > 0:
        assert np.sum(np.log(values)) in found.logdet() or abs(found.logdet().value) < 1e-12
    assert found.frobenius_squared.lower <= np.sum(values**2) * (1 + 1e-12)
    assert found.frobenius_squared.upper >= np.sum(values**2) * (1 - 1e-12)

"""Kernels between points of unequal norm: against quadrature, equal norms, scaling; refusals; bounds.

Tolerances are relative to sqrt(K_ii K_jj). 1e-12 is what is promised; 2e-14 is what tables and integrals are
measured to give for cosines away from +-1, where the truth's own cosine is known well.
"""

import pickle
import warnings

import numpy as np
import pytest

import mehler as mh
from gaussian_moments import BY_MPMATH, kernel_of, moment
from mehler.kernels.curves import chebyshev_nodes, curve
from mehler.kernels.layers import layer_dual
from mehler.kernels.norms import half, norm_kernel
from mehler.kernels.surfaces import surface

KINDS = {"gradient": mh.gradient_kernel, "nngp": mh.nngp, "ntk": mh.ntk}
NORMS = np.array([0.5, 1.0, 5.0, 1.02])


def points(n=4, d=3, seed=1, norms=NORMS):
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1)[:, None] * norms[:, None]


def relative(K, truth):
    size = np.sqrt(np.diagonal(truth))
    return np.max(np.abs(K - truth) / np.outer(size, size))


def by_quadrature(act, kind, depth, X, weight=1.0, bias=0.0):
    n = len(X)
    K = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            K[i, j] = K[j, i] = kernel_of(act, kind, depth, X[i], X[j], weight, bias)
    return K


# -- against quadrature -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "elu", "hardtanh", "hardswish"])
@pytest.mark.parametrize("kind", ["gradient", "nngp"])
def test_one_layer_is_the_mean_over_gaussians(name, kind):
    act, X = mh.activation(name), points()
    K = KINDS[kind](name)(X)
    assert relative(K, by_quadrature(act, kind, 1, X)) < 2e-14
    assert np.array_equal(K, K.T)


@pytest.mark.parametrize(
    "name, kind, weight, bias",
    [("selu", "gradient", 1.5, 0.1), ("relu6", "nngp", 2.0, 0.2), ("tanh", "ntk", 1.3, 0.0)],
)
def test_three_layers_are_the_recursion(name, kind, weight, bias):
    act, X = mh.activation(name), points()
    K = KINDS[kind](name, depth=3, weight_var=weight, bias_var=bias)(X)
    assert relative(K, by_quadrature(act, kind, 3, X, weight, bias)) < 5e-14


def test_layers_may_differ():
    X, acts = points(), [mh.activation("tanh"), mh.activation("relu")]
    K = mh.nngp(acts, weight_var=2.0, bias_var=0.1)(X)
    S = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            q, r, L = (2.0 * a @ b + 0.1 for a, b in ((X[i], X[i]), (X[j], X[j]), (X[i], X[j])))
            for act in acts:
                f, k = act.phi, act.kinks
                c = 1.0 if i == j else L / np.sqrt(q * r)
                S[i, j] = moment(f, f, np.sqrt(q), np.sqrt(r), c, k)
                q, r = (2.0 * moment(f, f, np.sqrt(v), np.sqrt(v), 1.0, k) + 0.1 for v in (q, r))
                L = 2.0 * S[i, j] + 0.1
    assert relative(K, S) < 2e-14


@pytest.mark.parametrize("name, derivative, s, t, c, truth", BY_MPMATH)
def test_one_pair_is_what_mpmath_finds(name, derivative, s, t, c, truth):
    """Adaptive quadrature in 18 digits: tests/gaussian_moments.py prints the table."""
    act = mh.activation(name)
    f = act.derivative() if derivative else act.phi
    assert abs(moment(f, f, s, t, c, act.kinks) - truth) < 2e-15 * max(1.0, s * t)
    x = np.array([[s, 0.0], [c * t, t * np.sqrt((1.0 - c) * (1.0 + c))]])
    K = KINDS["gradient" if derivative else "nngp"](name)(x)
    value = truth * s * t * c if derivative else truth
    assert abs(K[0, 1] - value) < 1e-14 * np.sqrt(K[0, 0] * K[1, 1])


def test_relu_with_a_bias_is_relu_of_longer_points():
    """K of (x, sqrt(bias)) without one: closed form by the scaling of homogeneous activations."""
    X = points()
    longer = np.column_stack([X, np.full(4, np.sqrt(0.3 / 1.7))])
    for make in (mh.gradient_kernel, mh.nngp, mh.ntk):
        K = make("relu", weight_var=1.7, bias_var=0.3)(X)
        assert relative(K, make("relu", weight_var=1.7)(longer)) < 1e-14


def test_sine_and_exponential_have_closed_forms():
    X = points()
    L, q = X @ X.T, np.sum(X * X, axis=1)
    total = 0.5 * (q[:, None] + q[None, :])
    assert relative(mh.nngp("sin")(X), np.exp(-total) * np.sinh(L)) < 1e-13
    some = points(norms=NORMS / 2.5)
    L, q = some @ some.T, np.sum(some * some, axis=1)
    total = 0.5 * (q[:, None] + q[None, :])
    assert relative(mh.nngp("exp")(some), np.exp(total + L)) < 1e-13
    erf = 2.0 / np.pi * np.arcsin(2.0 * L / np.sqrt((1 + 2 * q)[:, None] * (1 + 2 * q)[None, :]))
    assert relative(mh.nngp("erf")(some), erf) < 1e-13  # Williams 1997


# -- identities ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tanh", "hardswish"])
@pytest.mark.parametrize("options", [{}, {"depth": 2, "bias_var": 0.2, "normalized": True}])
def test_equal_norms_reduce_to_the_profile(name, options):
    X = points(norms=np.ones(4))
    Y = X * np.array([1.0, 1.0 + 1e-9, 1.0, 1.0])[:, None]
    ker = mh.ntk(name, **options)
    assert relative(ker(Y), ker(X)) < 2e-8  # the norm of one point moved by 1e-9
    assert (
        relative(ker(Y)[np.ix_([0, 2, 3], [0, 2, 3])], ker(X)[np.ix_([0, 2, 3], [0, 2, 3])]) < 1e-13
    )
    q = 1.7  # points of one norm, not one, are points of norm one with another variance
    other = KINDS["nngp"](name, weight_var=q * q)
    assert relative(mh.nngp(name)(q * X), other(X)) < 1e-13


def test_homogeneous_layers_scale_by_the_norms():
    """The table that knows no norms, against h(cos) |x| |y| of the profile."""
    X = points()
    nk = norm_kernel(mh.ntk("leaky_relu", depth=2), 0.5, 5.0)
    assert np.allclose(nk.diagonal(NORMS), mh.ntk("leaky_relu", depth=2).diag(X), rtol=1e-13)


def test_permutations_and_subsets_change_nothing():
    X = points(9, norms=np.geomspace(0.4, 4.0, 9))
    order = np.random.default_rng(0).permutation(9)
    for name in ("elu", "relu6"):
        ker = mh.gradient_kernel(name)
        K = ker(X)
        assert relative(ker(X[order]), K[np.ix_(order, order)]) < 1e-15 * 4
        assert np.max(np.abs(ker(X, X[:3]) - K[:, :3])) < 1e-14 * np.max(K)
        assert np.array_equal(ker.diag(X), np.diagonal(K))
        assert np.array_equal(ker(X[:2], X[2:]).shape, (2, 7))


@pytest.mark.parametrize("name", ["tanh", "elu", "hardtanh"])
def test_near_and_opposite_pairs_keep_their_digits(name):
    """Copies are copies at any depth; 1 - cos of the next layer goes with the distance."""
    X = points(6, norms=np.array([1.0, 1.0, 2.0, 2.0, 0.7, 0.7]))
    X[1], X[3] = X[0], -X[2]
    X[5] = X[4] + 1e-9 * X[0]
    K = mh.gradient_kernel(name, depth=2)(X)
    d = np.diagonal(K)
    assert abs(K[0, 1] - d[0]) <= 4e-15 * d[0]
    if mh.activation(name).parity == "odd":
        assert abs(K[2, 3] + d[2]) <= 4e-15 * d[2]
    lost = 1.0 - K[4, 5] / np.sqrt(d[4] * d[5])
    assert -1e-14 < lost < 1e-7
    assert np.linalg.eigvalsh(K)[0] > -1e-13 * d.max()


@pytest.mark.parametrize("storage", ["dense", "packed", "matrix-free"])
def test_storages_agree(storage):
    X = points(300, 5, norms=np.exp(np.random.default_rng(3).uniform(-1.0, 1.0, 300)))
    ker = mh.ntk("elu", bias_var=0.1)
    K = ker(X)
    G = mh.gram(X, ker, storage=storage)
    V = np.random.default_rng(0).standard_normal((300, 2))
    assert np.max(np.abs(G @ V - K @ V)) < 1e-12 * np.max(np.abs(K @ V))
    assert np.array_equal(G.toarray(), K)
    assert np.array_equal(G.diagonal(), np.diagonal(K))
    assert G.error < 1e-12
    assert np.array_equal(mh.gram(X, ker, storage, threads=1).toarray(), K)


# -- eigenvalues ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, options", [("elu", {}), ("hardtanh", {}), ("tanh", {"kernel": "nngp", "bias_var": 0.3})]
)
@pytest.mark.parametrize("method", ["dense", "lanczos", "shift-invert"])
def test_min_eig_is_certified(name, options, method):
    X = points(260, 6, norms=np.exp(np.random.default_rng(3).uniform(-1.0, 1.0, 260)))
    make = {"kernel": "gradient"} | options
    ker = KINDS[make.pop("kernel")](name, **make)
    truth = np.linalg.eigvalsh(ker(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        r = mh.min_eig(X, name, method=method, certify="rigorous", **options)
    spare = 1e-13 * truth[-1]  # of eigvalsh
    assert r.lower_kind == "factorisation"
    assert 0.0 < r.lower <= truth[0] + spare and truth[0] - spare <= r.upper
    assert abs(r.value - truth[0]) <= 1e-6 * truth[0] + spare
    assert r.upper - r.lower < 1e-2 * r.value + 1e-11 * truth[-1]


def test_spectrum_and_eigsh_see_the_same_matrix():
    X = points(40, 6, norms=np.geomspace(0.5, 2.0, 40))
    K = mh.gradient_kernel("gelu")(X)
    truth = np.linalg.eigvalsh(K)
    s = mh.eigvalsh(X, "gelu")
    assert np.all(s.lower <= truth + 1e-14 * truth[-1]) and np.all(
        truth <= s.upper + 1e-14 * truth[-1]
    )
    r = mh.eigsh(mh.gram(X, "gelu"), 2)
    assert np.allclose(r.values, truth[:2], atol=1e-13 * truth[-1])


def test_only_copies_of_one_norm_force_a_zero():
    X = points(30, 6, norms=np.geomspace(0.5, 2.0, 30))
    X[7] = 2.0 * X[3]  # one direction, two norms: not dependent
    r = mh.min_eig(X, "tanh")
    assert r.lower_kind != "structure" and r.upper > 0.0
    X[7] = -2.0 * X[3]
    assert mh.min_eig(X, "tanh").lower_kind != "structure"
    X[7] = X[3]
    r = mh.min_eig(X, "elu", bias_var=0.1)
    assert (r.value, r.upper, r.lower_kind) == (0.0, 0.0, "structure")
    assert "points 3 and 7 are the same" in r.message
    X[7] = -X[3]
    r = mh.min_eig(X, "tanh")
    assert r.lower_kind == "structure" and "opposite, and the kernel is odd" in r.message
    assert mh.min_eig(X, "tanh", bias_var=0.1).lower_kind != "structure"
    assert mh.min_eig(X, "elu").lower_kind != "structure"


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        ({"precision": "extended"}, "unit norm for 'tanh', .* with precision='extended'; found norms from 0.5 to 5"),
        ({"precision": "exact"}, "unit norm for 'tanh', .* with precision='exact'"),
        ({"method": "preconditioned"}, "method='preconditioned' takes points of unit norm"),
        ({"method": "sparse-inverse"}, "method='sparse-inverse' takes points of unit norm"),
        ({"certify": "preconditioned"}, "with certify='preconditioned'; found norms"),
    ],
)  # fmt: skip
def test_what_goes_by_the_cosine_alone_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        mh.min_eig(points(), "tanh", **options)


def test_bounds_of_the_theory_take_one_norm():
    with pytest.raises(
        ValueError, match=r"unit norm for 'tanh', .* with bounds of the theory; found"
    ):
        mh.bounds(points(), "tanh")


def test_kinks_of_a_function_of_ones_own():
    clip = mh.Activation.from_function(
        lambda z: np.clip(z, -1.0, 1.0), kinks=(-1.0, 1.0), name="clip"
    )
    with pytest.raises(
        ValueError, match=r"kinks at zero only, or of the catalogue; 'clip' .* at -1, 1"
    ):
        mh.nngp(clip)(points())
    ramp = mh.Activation.from_function(lambda z: np.maximum(z, 0.0), kinks=(0.0,), name="ramp")
    assert relative(mh.nngp(ramp)(points()), mh.nngp("relu")(points())) < 1e-13
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mh.PrecisionWarning)
        undeclared = mh.nngp(
            mh.Activation.from_function(lambda z: np.clip(z, -1.0, 1.0), name="undeclared")
        )
    with pytest.raises(ValueError, match="Declare every kink"):
        undeclared(points())


def test_variances_that_doubles_do_not_hold():
    with pytest.raises(
        ValueError, match=r"layer 1 .* at which 'exp' cannot be evaluated in doubles"
    ):
        mh.nngp("exp")(points(norms=np.array([1.0, 2.0, 40.0, 3.0])))
    with pytest.raises(ValueError, match=r"more than the kernel of 'tanh' .* normalize=True"):
        mh.nngp("tanh")(points(norms=np.array([1e-6, 1.0, 1e3, 1.0])))


def test_an_error_above_the_goal_is_said():
    ker, X = mh.ntk("relu6", depth=3, weight_var=3.0), points(norms=np.array([0.3, 1.0, 5.0, 2.0]))
    with pytest.warns(mh.PrecisionWarning, match=r"known to .* sqrt\(K_ii K_jj\) only"):
        G = mh.gram(X, ker)
    assert G.error > 1e-12


# -- tables -----------------------------------------------------------------------------------------


def test_a_table_says_its_error_and_survives_pickling():
    act = mh.activation("elu")
    table = surface(act.phi, act.kinks, np.log(0.5), np.log(2.0))
    assert table.error < 1e-14
    a = np.log(np.array([0.6, 1.0, 1.9]))
    dual, deficit = layer_dual(act, False, 1.0), np.array([0.0, 1e-12, 0.3])
    even, odd = dual.drops(deficit)
    same, _ = table.lacks(np.zeros(3), np.zeros(3), deficit)
    truth = (even + odd) / (dual.even_end + dual.odd_end)
    assert np.all(np.abs(same - truth) <= 1e-14 * np.sqrt(deficit))
    again = pickle.loads(pickle.dumps(table))
    assert np.array_equal(again.lacks(a, a[::-1], deficit)[0], table.lacks(a, a[::-1], deficit)[0])
    rows = table.rows(a)
    core = table.compiled.evaluate(rows, rows, np.full((3, 3), 0.3), np.full((3, 3), 1.7))
    ours = table.lacks(np.repeat(a, 3), np.tile(a, 3), np.full(9, 0.3))[0]
    assert np.max(np.abs(core[:, :, 0].ravel() - ours)) < 1e-14


def test_a_spline_keeps_the_digits_of_small_drops():
    act = mh.activation("hardtanh")
    table = half(act, False, np.log(0.5), np.log(2.0)).table
    dual, deficit = layer_dual(act, False, 1.0), np.array([[1e-9, 1e-6, 1e-3, 0.2]])
    even, odd = dual.drops(deficit[0])
    rows = table.rows(np.zeros(1))
    core = table.compiled.evaluate(rows, np.repeat(rows, 4, axis=0), deficit, 2.0 - deficit)
    truth = (even + odd) / (dual.even_end + dual.odd_end)
    assert np.allclose(core[0, :, 0], truth, rtol=1e-11, atol=0.0)
    mirrored = table.compiled.evaluate(rows, np.repeat(rows, 4, axis=0), 2.0 - deficit, deficit)
    assert np.allclose(mirrored[0, :, 1], truth, rtol=1e-11, atol=0.0)


def test_curves_interpolate_in_the_logarithm():
    made = curve(lambda a: np.exp(-np.exp(a))[:, None], -2.0, 2.0)
    a = np.linspace(-2.0, 2.0, 50)
    assert np.max(np.abs(made(a)[:, 0] - np.exp(-np.exp(a)))) < 1e-13
    assert chebyshev_nodes(-2.0, 2.0, 8).min() > -2.0


def test_a_kernel_that_takes_long_to_make_ends_in_time():
    """Steep layers of a smooth activation over a range of norms: a minute and more of quadrature."""
    X = np.random.default_rng(5).standard_normal((95, 4))
    ask = dict(kernel="nngp", depth=3, weight_var=6.9399)
    with pytest.warns(mh.ConvergenceWarning, match="stopped by time_limit=0.5 s"):
        r = mh.min_eig(X, "silu", time_limit=0.5, **ask)
    assert r.status == "budget-limited" and np.isnan(r.value)
    heard = []
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        mh.min_eig(X, "silu", callback=lambda s: heard.append(s.phase) or len(heard) > 2, **ask)
    assert set(heard) == {"kernel"}

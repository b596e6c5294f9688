"""mh.predict_training against (I - eta K)^t r, multiplied out, of kernels and networks of every kind."""

from __future__ import annotations

import csv
import math
import warnings

import numpy as np
import pytest

import mehler as mh
from mehler.training import watch
from spectra import sphere

X = sphere(40, 4)
Y = np.column_stack([np.sign(X[:, 0] * X[:, 1]), X[:, 2] ** 2])
STEPS = (0, 1, 5, 60, 400)


def multiplied_out(K, r, eta, steps=STEPS):
    """The definition."""
    out, r = [], np.array(r)
    for t in range(max(steps) + 1):
        if t in steps:
            out.append(0.5 * float(np.sum(r * r)))
        r = r - eta * (K @ r)
    return np.array(out)


@pytest.mark.parametrize("method", ["spectrum", "lanczos"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kernel": "ntk", "depth": 3, "weight_var": 1.5, "bias_var": 0.1},
        {"kernel": "gradient", "depth": 3},
        {"kernel": "nngp", "depth": 2},
    ],
    ids=str,
)
def test_the_definition_at_infinite_width(options, method):
    kind = {"gradient": mh.gradient_kernel, "ntk": mh.ntk, "nngp": mh.nngp}
    kept = dict(options)
    ker = kind[kept.pop("kernel", "gradient")]("elu", **kept)
    K = ker(X)
    p = mh.predict_training(X, Y, "elu", STEPS, method=method, tol=1e-6, **options)
    top = np.linalg.eigvalsh(K)[-1]
    assert p.lambda_max == pytest.approx(top, rel=1e-5) and p.step_size == 1.0 / p.lambda_max
    truth = multiplied_out(K, -Y, p.step_size)
    assert p.status == "resolved" and p.method == method
    assert np.all(p.lower <= truth * (1 + 1e-12)) and np.all(truth <= p.upper * (1 + 1e-12))
    assert p.loss == pytest.approx(truth, rel=1e-6)


def test_outputs_share_the_kernel():
    both = mh.predict_training(X, Y, "tanh", STEPS)
    each = [mh.predict_training(X, Y[:, p], "tanh", STEPS) for p in (0, 1)]
    assert both.loss == pytest.approx(each[0].loss + each[1].loss, rel=1e-9)
    assert both.outputs == 2 and each[0].outputs == 1


@pytest.mark.parametrize("edge", [0.7, 1.9])
def test_step_sizes_beyond_one_over_lambda_max(edge):
    """Where 1 - eta lambda changes its sign, Lobatto bounds instead of Radau."""
    K = mh.gradient_kernel("relu")(X)
    eta = edge / np.linalg.eigvalsh(K)[-1]
    for method in ("spectrum", "lanczos"):
        p = mh.predict_training(X, Y, "relu", STEPS, step_size=eta, method=method, tol=1e-4)
        truth = multiplied_out(K, -Y, eta)
        assert np.all(p.lower <= truth * (1 + 1e-12)) and np.all(truth <= p.upper * (1 + 1e-12))


def test_a_step_size_that_diverges_is_said():
    p = mh.predict_training(X, Y, "relu", (0, 50), step_size=10.0)
    assert "linearised descent diverges; the default is 1 / lambda_max" in p.message
    assert p.loss[1] > 1e6 * p.loss[0] and math.isfinite(p.loss[1])


def test_gradient_flow():
    K = mh.gradient_kernel("relu")(X)
    values, V = np.linalg.eigh(K)
    t = np.array(STEPS)
    truth = 0.5 * np.exp(-2.0 * 0.3 * np.outer(t, values)) @ np.sum((V.T @ Y) ** 2, axis=1)
    for method in ("spectrum", "lanczos"):
        p = mh.predict_training(X, Y, "relu", STEPS, step_size=0.3, flow=True, method=method)
        assert p.loss == pytest.approx(truth, rel=1e-3) and "gradient flow" in str(p)


def test_mean_over_gaussian_outputs_of_wide_networks():
    """E |(I - eta K)^t (f - y)|^2 = |(I - eta K)^t y|^2 + tr (I - eta K)^2t S, S the covariance of f."""
    K, S = mh.ntk("tanh", depth=2)(X), mh.nngp("tanh", depth=2)(X)
    p = mh.predict_training(X, Y[:, 0], "tanh", STEPS, kernel="ntk", depth=2, initial="gaussian")
    M, truth = np.eye(len(X)) - p.step_size * K, []
    for t in STEPS:
        P = np.linalg.matrix_power(M, t)
        truth.append(0.5 * (np.sum((P @ Y[:, 0]) ** 2) + np.trace(P @ S @ P)))
    assert p.loss == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"kernel": "ntk", "bias_var": 0.2, "readout": "gaussian"},
        {"kernel": "ntk", "init": "fan-in", "parameterization": "standard"},
        {"kernel": "nngp"},
    ],
    ids=str,
)
def test_networks_of_finite_width(options):
    """K is that of feature_gram, f(0) what the same network gives."""
    kept = {**options, "outputs": 2}
    if options.get("kernel") == "nngp":
        kept = {"kernel": "nngp"}
    K = np.asarray(mh.feature_gram(X, "tanh", width=90, rng=4, **kept))
    run = mh.train(X, Y, "tanh", 90, 0, rng=4, **options)
    for method in ("spectrum", "lanczos"):
        p = mh.predict_training(X, Y, "tanh", STEPS, width=90, rng=4, method=method, **options)
        assert p.loss[0] == pytest.approx(run.loss, rel=1e-9)
        W, a = run.weights, run.readout
        Z = (np.column_stack([X, np.ones(40)]) if "bias_var" in options else X) @ W.T
        r = np.tanh(Z) @ a / math.sqrt(90) - Y
        full = np.kron(K, np.eye(2)) if options.get("kernel") == "nngp" else K
        truth = multiplied_out(full, r.ravel(), p.step_size)
        assert p.loss == pytest.approx(truth, rel=2e-3)


def test_operators_are_taken_as_they_are():
    K = mh.gram(X, mh.ntk("relu", depth=2))
    p = mh.predict_training(K, Y, steps=STEPS)
    q = mh.predict_training(X, Y, "relu", STEPS, kernel="ntk", depth=2)
    assert p.loss == pytest.approx(q.loss, rel=1e-9)
    F = mh.feature_gram(X, "relu", width=70, rng=0, outputs=2)
    p = mh.predict_training(F, Y, steps=STEPS)
    assert p.loss == pytest.approx(multiplied_out(np.asarray(F), -Y.ravel(), p.step_size), rel=1e-3)


def test_many_points_need_no_eigenvectors():
    """2,500 points: some dozens of products; the truth is the definition, multiplied out."""
    Z = sphere(2500, 10)
    y = np.sign(Z[:, 0])
    p = mh.predict_training(Z, y, "relu", (0, 1, 10, 100), tol=1e-3)
    assert p.method == "lanczos" and p.resolved and p.applications < 80
    truth = multiplied_out(mh.gram(Z, "relu"), -y, p.step_size, (0, 1, 10, 100))
    assert np.all(p.lower <= truth * (1 + 1e-12)) and np.all(truth <= p.upper * (1 + 1e-12))
    n = p.iterations(0.5 * truth[2])
    assert 10 < n.lower <= n.upper < 1000 and n.lower <= n.value <= n.upper


def test_iterations_to_a_target():
    p = mh.predict_training(X, Y[:, 0], "relu", 10_000)
    r, K, t = -Y[:, 0], mh.gradient_kernel("relu")(X), 0
    target = 1e-3
    while 0.5 * r @ r > target:
        r, t = r - p.step_size * (K @ r), t + 1
    found = p.iterations(target)
    assert found.lower <= t <= found.upper <= found.lower + 1
    assert str(found).endswith(f"steps to a loss of {target:.3g}")
    assert p.iterations(1e3).upper == 0.0
    with pytest.raises(ValueError, match="target must be a loss above 0; got -1"):
        p.iterations(-1)


def test_work_that_is_ended_early_returns_its_bounds(monkeypatch):
    monkeypatch.setattr(watch, "ASK_EVERY", 0.0)
    Z = sphere(1500, 30)
    y = np.sign(Z[:, 0] * Z[:, 1])
    p = mh.predict_training(
        Z, y, "relu", (0, 10, 10_000), tol=1e-9, callback=lambda s: s.phase == "lanczos" and s.done > 6
    )  # fmt: skip
    assert p.status == "budget-limited" and "stopped by the callback" in p.message
    assert p.lower[2] < p.upper[2] and p.loss[0] == pytest.approx(750.0)
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.predict_training(Z, y, "relu", callback=lambda s: True)
    with pytest.raises(MemoryError, match="more than max_memory"):
        mh.predict_training(mh.gram(Z, "relu"), y, max_memory="10MB")


def test_table_records_and_picture(tmp_path):
    p = mh.predict_training(X, Y[:, 0], "relu", 100, method="lanczos")
    assert str(p).startswith("gradient descent, gradient kernel of relu: n=40, step size ")
    assert p.steps[0] == 0 and p.steps[-1] == 100 and len(p.records()) == len(p.steps)
    p.to_csv(tmp_path / "p.csv")
    with open(tmp_path / "p.csv", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [float(r["loss"]) for r in rows] == p.loss.tolist()
    assert p.to_dict()["status"] == "resolved" and "decay" not in p.to_dict()
    again, lower, upper = p.at([0, 7])
    assert again[0] == pytest.approx(p.loss[0]) and lower[1] <= again[1] <= upper[1]
    fig = p.plot()
    assert fig is not None and len(fig.axes) == 1
    fig.savefig(tmp_path / "p.png")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": Y[:30]}, ValueError, r"y must have the shape \(40,\), one number a point, or \(40, c\)"),
        ({"y": Y[:, 0] * np.nan}, ValueError, "y must be finite; found nan at row 0"),
        ({"steps": (3, 3)}, ValueError, "steps must increase"),
        ({"steps": 1.5}, TypeError, "steps must be an integer"),
        ({"step_size": -1.0}, ValueError, "step_size must be a number above 0"),
        ({"method": "svd"}, ValueError, "method must be one of"),
        ({"initial": "zero"}, ValueError, "initial must be None, 'gaussian' or outputs"),
        ({"initial": "gaussian", "width": 9}, ValueError, "initial='gaussian' is for infinite width"),
        ({"initial": "gaussian", "method": "lanczos"}, ValueError, "needs every eigenvector"),
        ({"initial": Y[:, 0]}, ValueError, "initial must have 2 outputs like y; got 1"),
        ({"init": "fan-in"}, ValueError, "init belongs to finite width"),
        ({"depth": 2, "width": 50}, ValueError, "finite width is for one hidden layer; got depth 2"),
        ({"lower": -1.0}, ValueError, "lower must be a bound >= 0"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_questions(options, error, message):
    with pytest.raises(error, match=message):
        mh.predict_training(X, **{"y": Y, **options})


def test_nothing_to_train():
    with pytest.raises(ValueError, match="there is nothing to train"):
        mh.predict_training(X, np.zeros(40), "relu")


def test_no_warning_is_given_for_small_eigenvalues():
    C = mh.generate("circle-full", n=31, d=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p = mh.predict_training(C, np.sign(C[:, 0]), "tanh", 10**9)
    assert p.loss[-1] > 1e-3

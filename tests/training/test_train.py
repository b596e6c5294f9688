"""mh.train: the gradient by differences, the first step by the Gram matrix, linear networks exactly, and math's table."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import textwrap
import time
import tracemalloc

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter
from mehler.question import kernel_of
from mehler.training import descent as descent_module
from mehler.training.descent import Descent
from mehler.training.setting import setting_of
from mehler.training.watch import Watch
from spectra import sphere

X = sphere(12, 3)
RNG = np.random.default_rng(5)
Y = np.column_stack([np.sign(X[:, 0]), X[:, 1] * X[:, 2]])
NETWORKS = [
    {},
    {"kernel": "ntk"},
    {"kernel": "nngp"},
    {"kernel": "ntk", "bias_var": 0.3, "weight_var": 2.0},
    {"bias_var": 0.3, "train_bias": False},
    {"kernel": "ntk", "init": "fan-in", "parameterization": "standard", "train_bias": True},
    {"kernel": "ntk", "init": "fan-out", "readout": "gaussian"},
    {"init": "fan-out", "parameterization": "standard"},
]
# Random signs on the full circle, and a seed, that give the rows of the table below; the table itself names neither.
SIGNS = 2.0 * np.array([0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1]) - 1.0
SEED = 21
TABLE = {  # |f - y|^2 after 0, 100, 300 steps of 1 / lambda_max, n = 11, m = 20,000
    "elu": (14.3, 4.42, 2.68),
    "tanh": (13.1, 7.6, 6.1),
    "silu": (12.4, 3.5, 1.9),
}


def outputs(run, X, act, bias=False):
    """f of the network by the definition, in float64."""
    inputs = np.column_stack([X, np.ones(len(X))]) if bias else X
    return mh.activation(act)(inputs @ run.weights.T) @ run.readout


# -- the step ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_a_small_step_moves_outputs_by_the_gram_matrix(options, c):
    """f(1) - f(0) = -eta K (f(0) - y) + O(eta^2), K of feature_gram for the same options and seed."""
    y, eta = Y[:, :c], 1e-6
    start = mh.train(X, y, "tanh", 50, 0, rng=3, **options)
    moved = mh.train(X, y, "tanh", 50, 1, rng=3, step_size=eta, **options)
    bias = "bias_var" in options or "train_bias" in options
    tau = 1 / math.sqrt(c if options.get("init") == "fan-out" else 50)
    before, after = (tau * outputs(r, X, "tanh", bias) for r in (start, moved))
    assert 0.5 * np.sum((before - y) ** 2) == pytest.approx(start.loss, rel=1e-12)
    if options.get("kernel") == "nngp":
        K = np.kron(np.asarray(mh.feature_gram(X, "tanh", width=50, rng=3, **options)), np.eye(c))
    else:
        K = np.asarray(mh.feature_gram(X, "tanh", width=50, rng=3, outputs=c, **options))
    expected = -eta * (K @ (before - y).ravel())
    size = np.max(np.abs(expected))
    assert np.max(np.abs((after - before).ravel() - expected)) <= 1e-4 * size


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("act", ["tanh", "selu", "gelu"])
def test_the_gradient_by_differences(act, c):
    run = mh.train(X, Y[:, :c], act, 7, 0, rng=1, kernel="ntk")
    after = mh.train(X, Y[:, :c], act, 7, 1, rng=1, kernel="ntk", step_size=1e-3)

    def loss(W, a):
        return 0.5 * np.sum((mh.activation(act)(X @ W.T) @ a / math.sqrt(7) - Y[:, :c]) ** 2)

    for name in ("weights", "readout"):
        start, step = getattr(run, name), -(getattr(after, name) - getattr(run, name)) / 1e-3
        for index in np.ndindex(start.shape):
            kept = {"weights": run.weights.copy(), "readout": run.readout.copy()}
            found = []
            for sign in (1.0, -1.0):
                kept[name][index] = start[index] + sign * 1e-6
                found.append(loss(kept["weights"], kept["readout"]))
            assert step[index] == pytest.approx((found[0] - found[1]) / 2e-6, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("kernel", ["gradient", "ntk", "nngp"])
def test_blocks_tiles_and_threads_change_nothing_but_rounding(monkeypatch, dtype, c, kernel):
    """A block of all points at once, against blocks of 5 points, tiles of 7 neurons, slices of 8 and two threads."""

    def one(threads, limit=10**9):
        net, _ = setting_of(
            X, kernel_of("selu", kernel, None, 1.0, 0.0), c, 40, None, None, 0,
            init="unit", parameterization="ntk", train_bias=None,
        )  # fmt: skip
        watch = Watch(Reporter(None, None))
        with Descent(net, Y[:, :c], np.dtype(dtype), threads, limit, watch, 12) as descent:
            for _ in range(3):
                r = descent.residuals(downhill=True)
                descent.move(0.1)
        return r, net.weights, net.readout, descent.rows

    whole = one(1)
    twice = one(2)
    for a, b in zip(whole, twice, strict=True):
        np.testing.assert_array_equal(a, b)
    monkeypatch.setattr(descent_module, "LEAST", 5)
    monkeypatch.setattr(descent_module, "BLOCK", 200)
    monkeypatch.setattr(descent_module, "SLICE", 8)
    monkeypatch.setattr(descent_module, "tile_of", lambda network, rows: 7)
    parts = one(2)
    assert whole[3] == 12 and parts[3] == 5
    eps = 100 * np.finfo(dtype).eps
    for a, b in zip(whole[:3], parts[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=eps * np.max(np.abs(a)))


def test_batches_make_one_gradient():
    """The mean of an epoch's steps, each from the same weights, is the step of all points."""
    net, _ = setting_of(
        X, mh.gradient_kernel("tanh"), 1, 30, None, None, 0,
        init="unit", parameterization="ntk", train_bias=None,
    )  # fmt: skip
    watch, total = Watch(Reporter(None, None)), 0.0
    with Descent(net, Y[:, :1], np.dtype("float64"), 1, 10**9, watch, 12) as descent:
        for rows in np.random.default_rng(0).permutation(12).reshape(3, 4):
            descent.residuals(rows, downhill=True)
            total = total + descent.gradient * 12 / 4 / 3
        descent.residuals(downhill=True)
        assert total == pytest.approx(descent.gradient, rel=1e-12, abs=1e-12)


def test_a_batch_of_all_points_is_gradient_descent():
    a = mh.train(X, Y[:, 0], "relu", 60, 25, rng=2, step_size=0.3)
    b = mh.train(X, Y[:, 0], "relu", 60, 25, rng=2, step_size=0.3, batch_size=12)
    assert a.losses.tolist() == b.losses.tolist()


# -- what is known of whole trainings ---------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_frozen_hidden_layer_is_predicted_to_rounding(outputs):
    """The read-out enters linearly: training is its own linearisation, at any width and step size below 2 / lambda_max."""
    run = mh.train(X, Y[:, :outputs], "elu", 8, 500, kernel="nngp", rng=0, step_size=None)
    for row in run.rows:
        assert row.loss == pytest.approx(row.predicted, rel=1e-8)
        assert row.predicted_lower * (1 - 1e-8) <= row.loss <= row.predicted_upper * (1 + 1e-8)
        assert row.drift == 0.0
    steps = np.array([r.step for r in run.rows])
    decay = (1 - run.step_size * run.eigenvalues) ** steps[:, None]
    assert run.eigenvalues.shape == (12 * outputs,)
    np.testing.assert_allclose(run.projections, decay * run.projections[0], atol=1e-9)


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_gradient_descent(name):
    """n = 11 on the circle, m = 20,000: within 10 % of the reported losses, the linear prediction within 6 % of them too."""
    C = mh.generate("circle-full", n=11, d=2)
    run = mh.train(C, SIGNS, name, 20_000, 300, record=[0, 100, 300], gram=False, rng=SEED)
    for row, reported in zip(run.rows, TABLE[name], strict=True):
        assert 2.0 * row.loss == pytest.approx(reported, rel=0.10)
        assert row.predicted == pytest.approx(row.loss, rel=0.06)


def test_wide_networks_follow_their_prediction():
    """The loss comes to the linearised one like m^(-1/2): over a factor of 256 in m by 1 / 16, here below 1 / 5."""
    far = []
    for m in (100, 25_600):
        runs = [
            mh.train(X, Y[:, 0], "tanh", m, 40, rng=s, gram=False, record=[40]) for s in range(4)
        ]
        far.append(np.mean([abs(r.rows[0].loss / r.rows[0].predicted - 1) for r in runs]))
    assert far[1] < 0.2 * far[0] and far[1] < 0.02


def test_rows_are_the_package_s_own_values():
    run = mh.train(X, Y[:, 0], "relu", 300, 30, record=[0, 30], rng=7, bias_var=0.1)
    first, last = run.rows
    kwargs = {"bias_var": 0.1}
    G0 = np.asarray(mh.feature_gram(X, "relu", width=300, rng=7, **kwargs))
    G1 = np.asarray(mh.feature_gram(X, "relu", weights=run.weights, **kwargs))
    for row, G in ((first, G0), (last, G1)):
        values = np.linalg.eigvalsh(G)
        assert row.lambda_min == pytest.approx(values[0], rel=1e-9)
        assert row.lambda_max == pytest.approx(values[-1], rel=1e-9)
    assert last.drift == pytest.approx(np.linalg.norm(G1 - G0) / np.linalg.norm(G0), rel=1e-9)
    assert run.lambda_max == pytest.approx(np.linalg.eigvalsh(G0)[-1], rel=1e-9)
    assert run.step_size == pytest.approx(1.0 / run.lambda_max)
    assert run.eigenvalues == pytest.approx(np.linalg.eigvalsh(G0), rel=1e-8)
    r = outputs(run, X, "relu", True)[:, 0] / math.sqrt(300) - Y[:, 0]
    assert np.sum(run.projections[-1] ** 2) == pytest.approx(r @ r, rel=1e-10)
    assert run.loss == last.loss == pytest.approx(0.5 * r @ r, rel=1e-10)


def test_the_reference_at_infinite_width():
    run = mh.train(X, Y[:, 0], "elu", 4000, 50, reference="infinite", rng=0, weight_var=2.0)
    K = mh.gradient_kernel("elu", weight_var=2.0)(X)
    assert run.eigenvalues == pytest.approx(np.linalg.eigvalsh(K), rel=1e-9)
    assert run.rows[-1].predicted == pytest.approx(run.rows[-1].loss, rel=0.2)
    with pytest.raises(
        ValueError, match="reference='infinite' is not known: the weights of a fan-out"
    ):
        mh.train(X, Y[:, 0], "elu", 40, 1, reference="infinite", init="fan-out")


def test_single_precision():
    a, b = (mh.train(X, Y[:, 0], "tanh", 3000, 200, rng=1, dtype=t) for t in ("float64", "float32"))
    assert b.losses == pytest.approx(a.losses, rel=1e-4)
    assert b.weights.dtype == np.float64 and b.losses.tolist() != a.losses.tolist()


def test_seeds_and_going_on():
    whole = mh.train(X, Y[:, 0], "relu", 50, 20, rng=9, step_size=0.4)
    same = mh.train(X, Y[:, 0], "relu", 50, 20, rng=9, step_size=0.4)
    assert whole.losses.tolist() == same.losses.tolist()
    half = mh.train(X, Y[:, 0], "relu", 50, 10, rng=9, step_size=0.4)
    rest = mh.train(
        X, Y[:, 0], "relu", weights=half.weights, readout=half.readout, steps=10, step_size=0.4
    )
    assert rest.losses == pytest.approx(whole.losses[10:], rel=1e-12)
    other = mh.train(X, Y[:, 0], "relu", 50, 20, rng=9, batch_size=4)
    again = mh.train(X, Y[:, 0], "relu", 50, 20, rng=9, batch_size=4)
    assert other.losses.tolist() == again.losses.tolist() and other.losses[0] == whole.losses[0]
    assert other.loss < other.losses[0] and other.batch_size == 4


# -- ways out ---------------------------------------------------------------------------------------


def test_divergence_is_returned():
    with pytest.warns(mh.ConvergenceWarning) as said:
        run = mh.train(X, Y[:, 0], "relu", 200, 500, step_size=50.0, rng=0)
    texts = [str(w.message) for w in said]
    assert any("is not below 2 / lambda_max(G(0)) = " in t for t in texts)
    assert any(t.startswith("diverged: the loss was") for t in texts)
    assert run.status == "diverged" and run.steps < 500 and "Take a smaller step_size" in str(run)
    assert np.isfinite(run.losses).all() and all(math.isfinite(r.loss) for r in run.rows)
    with pytest.warns(mh.ConvergenceWarning, match="diverged"):
        run = mh.train(X, Y[:, 0], "exp", 50, 500, step_size=50.0, rng=0, predict=False, gram=False)
    assert run.status == "diverged" and np.isfinite(run.losses).all()
    with pytest.warns(mh.ConvergenceWarning) as said:
        run = mh.train(X, Y[:, 0], "relu", 50, 500, step_size=90.0, rng=0, batch_size=3, gram=False)
    assert run.status == "diverged" and np.isfinite(run.losses).all()
    assert all(w.filename == __file__ for w in said)


def test_target():
    run = mh.train(X, Y[:, 0], "relu", 500, 100_000, target=0.5, rng=0)
    assert run.status == "target" and run.loss <= 0.5 < run.losses[-2]
    assert run.rows[-1].step == run.steps == len(run.losses) - 1
    near = run.prediction.iterations(0.5)
    assert 0.3 * run.steps < near.lower <= near.upper < 3 * run.steps


def test_time_limit_and_callback_return_what_is_known():
    start = time.perf_counter()
    run = mh.train(X, Y[:, 0], "tanh", 20_000, 10**8, time_limit=1.0, rng=0, gram=False)
    assert time.perf_counter() - start < 4.0
    assert run.status == "stopped" and "stopped by time_limit=1 s" in run.message
    assert run.steps >= 1 and len(run.losses) >= run.steps
    r = outputs(run, X, "tanh")[:, 0] / math.sqrt(20_000) - Y[:, 0]
    assert 0.5 * r @ r <= run.losses[0]  # weights of a whole step
    states = []
    run = mh.train(
        X, Y[:, 0], "tanh", 20_000, 10**8, rng=0, gram=False, step_size=0.1, predict=False,
        callback=lambda s: states.append(s) or len(states) > 3,
    )  # fmt: skip
    assert run.status == "stopped" and "stopped by the callback" in run.message
    assert {s.phase for s in states} == {"descend"}
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.train(X, Y[:, 0], "tanh", 20_000, 10, callback=lambda s: True)


def test_ctrl_c_returns_the_weights_of_a_whole_step():
    code = """
    import numpy as np, mehler as mh
    X = np.random.default_rng(0).standard_normal((300, 20)); X /= np.linalg.norm(X, axis=1)[:, None]
    y = np.sign(X[:, 0])
    calls = []
    def say(state):
        calls.append(state)
        if len(calls) == 10:
            print("now", flush=True)
    run = mh.train(X, y, "tanh", 20_000, 10**7, rng=0, step_size=1e-3, predict=False, gram=False, callback=say)
    loss = 0.5 * np.sum((np.tanh(X @ run.weights.T) @ run.readout[:, 0] / 20_000**0.5 - y) ** 2)
    again = mh.train(X, y, "tanh", 20_000, run.steps, rng=0, step_size=1e-3, predict=False, gram=False)
    print(run.status, run.message, abs(loss / again.loss - 1) < 1e-9, flush=True)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline().strip() == "now"
        child.send_signal(2)
        lines = child.communicate(timeout=120)[0].splitlines()
    finally:
        child.kill()
    assert lines[-1].startswith("stopped interrupted after ") and lines[-1].endswith("True")
    assert child.returncode == 0


def test_memory_is_bounded_and_refused():
    """What NumPy allocates stays within max_memory, and is what ``nbytes`` says, to small change."""
    Z = sphere(400, 5)
    tracemalloc.start()
    small = mh.train(
        Z, Z[:, 0], "tanh", 20_000, 2, rng=0, max_memory="30MB", gram=False, predict=False, step_size=0.01
    )  # fmt: skip
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    large = mh.train(
        Z, Z[:, 0], "tanh", 20_000, 2, rng=0, gram=False, predict=False, step_size=0.01
    )
    assert small.nbytes <= 30e6 < large.nbytes
    assert 0.7 * small.nbytes < peak < 1.02 * small.nbytes
    assert small.losses == pytest.approx(large.losses, rel=1e-12)
    with pytest.raises(MemoryError, match=r"The smallest max_memory that works is .*float32"):
        mh.train(Z, Z[:, 0], "tanh", 20_000, 2, max_memory="2MB", gram=False, predict=False)
    with pytest.raises(MemoryError, match="Pass gram=False"):
        mh.train(Z, Z[:, 0], "tanh", 20, 2, max_memory="2MB")


# -- words ------------------------------------------------------------------------------------------


def test_table_records_and_picture(tmp_path):
    run = mh.train(X, Y, "selu", 100, 40, record=10, rng=0)
    assert [r.step for r in run.rows] == [0, 10, 20, 30, 40] and len(run.losses) == 41
    text = str(run)
    assert text.startswith("selu, hidden layer trained: n=12, d=3, width 100, 2 outputs; step size")
    assert "predicted" in text and "lambda_min" in text and "finished after 40 steps" in text
    bare = str(mh.train(X, Y, "selu", 100, 4, rng=0, gram=False, predict=False))
    assert "predicted" not in bare and "lambda_min" not in bare
    run.to_csv(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert [float(r["loss"]) for r in rows] == [r.loss for r in run.rows]
    assert run.records()[1]["step"] == 10
    assert run.to_dict()["rows"][0]["step"] == 0 and "weights" not in run.to_dict()
    fig = run.plot()
    assert fig is not None and len(fig.axes) == 3
    fig.savefig(tmp_path / "run.png")
    assert run.plot(fig.axes[0]) is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"width": None}, ValueError, "width and weights are both None"),
        ({"activation": "step"}, ValueError, "the derivative of 'step' is a delta"),
        ({"batch_size": 13}, ValueError, "batch_size must satisfy 1 <= batch_size <= n; got 13"),
        ({"record": [0, 11]}, ValueError, "record must hold steps up to steps=10; got 11"),
        ({"record": 0}, ValueError, "record must be >= 1"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
        ({"reference": "final"}, ValueError, "reference must be one of"),
        ({"target": 0.0}, ValueError, "target must be a loss above 0"),
        ({"gram": "yes"}, TypeError, "gram must be True or False"),
        ({"steps": -1}, ValueError, "steps must be an integer >= 0"),
        ({"activation": mh.ntk("relu", depth=2)}, ValueError, r"got depth 2. predict_training\("),
    ],
    ids=str,
)  # fmt: skip
def test_bad_questions(options, error, message):
    with pytest.raises(error, match=message):
        mh.train(X, Y, **{"activation": "relu", "width": 20, "steps": 10, **options})


def test_integer_and_boolean_labels_are_the_numbers_that_they_are():
    X = mh.generate("sphere-random", n=12, d=3, rng=0)
    y = np.arange(12) % 2
    runs = [
        mh.train(X, t, width=64, steps=4, rng=0, gram=False).losses
        for t in (y, y.astype(np.uint8), y.astype(bool), y.astype(float))
    ]
    assert all(np.array_equal(run, runs[-1]) for run in runs)

"""mh.width_study: the same networks as by themselves, Jensen's inequality, the Monte-Carlo rate, words, picture."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import mehler as mh
from spectra import sphere

X = sphere(12, 3)
OPTIONS = {"polynomial": {"coefficients": (0.0, 1.0, 0.5)}, "hermite": {"k": 3}}
NAMES = [n for n in mh.activations() if n != "step"]


@pytest.fixture(scope="module")
def study():
    return mh.width_study(X, "relu", [8, 100, 1e3, 10_000], seeds=6)


def test_rows_are_the_networks_themselves(study):
    for row in study.rows:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mh.PrecisionWarning)
            r = mh.min_eig(X, "relu", width=row.width, rng=row.seed)
        assert row.status == r.status
        assert row.value == pytest.approx(r.value, rel=1e-11), row
        G = np.asarray(mh.feature_gram(X, "relu", width=row.width, rng=row.seed))
        infinite = mh.gradient_kernel("relu")(X)
        far = np.linalg.norm(G - infinite) / np.linalg.norm(infinite)
        assert row.deviation == pytest.approx(far, rel=1e-10)
    assert study.values.shape == study.deviations.shape == (6, 4)
    assert study.limit.value == pytest.approx(mh.min_eig(X, "relu").value, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": "ntk", "outputs": 2, "readout": "gaussian", "bias_var": 0.3},
        {"kernel": "nngp", "weight_var": 2.0},
        {"init": "fan-in", "parameterization": "standard"},
        {"method": "dense"},
        {"method": "lanczos"},
        {"kernel": "ntk", "init": "fan-in", "parameterization": "standard"},
    ],
    ids=str,
)
def test_every_network_of_feature_gram(options):
    s = mh.width_study(X, "tanh", (60, 700), seeds=[3, 5], tol=1e-4, **options)
    kept = {k: v for k, v in options.items() if k != "method"}
    for row in s.rows:
        K = mh.feature_gram(X, "tanh", width=row.width, rng=row.seed, **kept)
        assert row.value == pytest.approx(np.linalg.eigvalsh(np.asarray(K))[0], rel=1e-4)
        assert row.lower <= row.value <= row.upper
    assert [(r.seed, r.width) for r in s.rows] == [(3, 60), (3, 700), (5, 60), (5, 700)]
    if isinstance(K.limit, str):
        assert s.limit is None and K.limit in s.message and math.isnan(s.rate)
    else:
        kernel, factor = K.limit
        truth = factor * np.linalg.eigvalsh(kernel(X))[0]
        assert s.limit.value == pytest.approx(truth, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_jensen_and_the_monte_carlo_rate_of_every_activation(name):
    """E lambda_min(G_m) <= lambda_min(G): the mean of 8 seeds lies at most 4 standard errors above. The deviation
    falls like m^(-1/2): of 8 seeds and a factor of 100 in m, the slope is known to about 0.05 (its logarithm scatters by
    about 0.5 between seeds: 0.5 sqrt(2 / 8) / log(100)); 0.2 is four times that."""
    act = mh.activation(name, **OPTIONS.get(name, {}))
    s = mh.width_study(X, act, (100, 1000, 10_000), seeds=8, tol=1e-2)
    assert s.limit is not None
    for line in s.summary():
        assert line["mean"] <= s.limit.upper + 4.0 * line["error"] + 1e-14, line
    assert s.rate == pytest.approx(-0.5, abs=0.2) or s.deviations.max() < 1e-14


def test_means_grow_with_the_width(study):
    """E lambda_min(G_m) is non-decreasing in m: G_2m is a mean of two copies of G_m (Jensen again)."""
    means = [line["mean"] for line in study.summary()]
    assert means == sorted(means) and means[-1] < 1.01 * study.limit.value
    assert means[0] < 0.5 * study.limit.value


def test_small_values_climb_to_the_factor():
    flat = np.zeros((24, 12))
    flat[:, :2] = mh.generate("circle-half", n=24, d=2)
    s = mh.width_study(flat, "swish", (100, 400), seeds=2, tol=1e-2)
    assert all(r.status == "resolved" for r in s.rows) and s.values.max() < 1e-14
    blind = mh.width_study(flat, "swish", (100, 400), seeds=2, tol=1e-2, method="dense")
    assert any(r.status == "rounding-limited" for r in blind.rows)
    assert "not all are resolved" in str(blind)
    assert all(b.lower <= r.value <= b.upper for r, b in zip(s.rows, blind.rows, strict=True))


def test_no_limit_is_said():
    far = X * np.linspace(0.5, 2.0, 12)[:, None]
    s = mh.width_study(X, "tanh", (30,), seeds=1, bias_var=0.2, train_bias=False)
    assert s.limit is None and "biases are drawn and differentiated at different scales" in str(s)
    given = mh.width_study(X, "tanh", (30,), seeds=1, readout=np.ones(30))
    assert given.limit is None and "the read-out is given" in given.message
    assert len(mh.width_study(far, "tanh", (30,), seeds=1).rows) == 1


def test_records_and_words(study):
    records = study.records()
    assert len(records) == 24 and set(records[0]) == {
        "seed", "width", "value", "lower", "upper", "status", "deviation", "limit",
    }  # fmt: skip
    text = str(study)
    assert text.startswith("gradient kernel of relu: n=12, d=3, 6 seeds\n")
    assert "infinite" in text and "deviation ~ width^-0." in text
    line = study.summary()[-1]
    v = study.values[:, -1]
    assert line["mean"] == pytest.approx(v.mean()) and line["median"] == pytest.approx(np.median(v))
    assert line["error"] == pytest.approx(v.std(ddof=1) / np.sqrt(6))


def test_picture(study, tmp_path):
    pytest.importorskip("matplotlib")
    fig = study.plot()
    left, right = fig.axes
    labels = [t.get_text() for t in left.get_legend().get_texts()]
    assert labels[0] == "one network" and "infinite width" in labels
    level = next(c for c in left.get_lines() if c.get_label() == "infinite width")
    assert level.get_ydata()[0] == study.limit.value
    rate = next(c for c in right.get_lines() if c.get_label() == "m^(-1/2)")
    x, y = rate.get_xdata(), rate.get_ydata()
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(-0.5)
    fig.savefig(tmp_path / "width.png")
    alone = mh.width_study(X, "tanh", (30,), seeds=1, bias_var=0.2, train_bias=False)
    assert len(alone.plot().axes) == 1
    zero = mh.width_study(X, "tanh", (2, 30), seeds=1).plot().axes[0]
    assert "exactly zero" in [t.get_text() for t in zero.get_legend().get_texts()]


def test_ended_early():
    seen = []

    def stop(state):
        seen.append(state)
        return len(seen) > 25

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = mh.width_study(X, "relu", (50, 10**9), seeds=1, callback=stop, time_limit=60)
    assert [r.width for r in s.rows] == [50]
    assert "stopped by the callback after 1 of 2 networks" in str(s) and np.isnan(s.values[0, 1])
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.width_study(X, "relu", (10**9,), callback=lambda state: state.phase == "features")
    with pytest.raises(TimeoutError, match="before the first network was known; allow more time"):
        mh.width_study(X, "relu", (10**9,), time_limit=0.2)


def test_threads_change_no_bit():
    one, two = (mh.width_study(X, "elu", (50, 3000), seeds=2, threads=t) for t in (1, 2))
    assert np.array_equal(one.values, two.values)


WRONG = [
    ({"widths": []}, ValueError, r"widths must increase, 1 <= m_1 < m_2 < \.\.\.; got \[\]"),
    ({"widths": [10, 10]}, ValueError, r"widths must increase, .*got \[10, 10\]"),
    ({"widths": [0, 5]}, ValueError, "widths must increase"),
    ({"widths": [1.5]}, TypeError, "a width must be an integer; got 1.5"),
    ({"widths": None}, TypeError, "widths must be a sequence of integers; got None"),
    ({"seeds": 0}, ValueError, "seeds must be an integer >= 1, or different integers"),
    ({"seeds": [1, 1]}, ValueError, "seeds must be an integer >= 1, or different integers"),
    ({"seeds": "many"}, TypeError, "seeds must be an integer >= 1 or a sequence of seeds; got 'many'"),
    ({"init": "fan-out"}, ValueError, "init='fan-out' has no nested widths"),
    ({"method": "shift-invert"}, ValueError, "method must be one of"),
    ({"tol": 0}, ValueError, "tol must satisfy"),
    ({"kernel": "ntk", "readout": "normal"}, ValueError, "readout must be one of"),
    ({"max_memory": "10kB"}, MemoryError, "more than max_memory=10 kB"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "error", "words"), WRONG, ids=[str(w[0]) for w in WRONG])
def test_wrong_options(options, error, words):
    with pytest.raises(error, match=words):
        mh.width_study(X, **({"activation": "relu", "widths": (10,)} | options))

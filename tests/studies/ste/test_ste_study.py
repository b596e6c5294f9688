"""Straight-through estimators: networks of few bits, the study that trains them, the lines of its page and docstrings."""

from __future__ import annotations

import doctest
import inspect
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from student_and_teacher import Vector

import mehler as mh
from mehler.__main__ import main
from mehler.studies import ste
from mehler.studies.ste import experiment, found, network

# -- few bits --------------------------------------------------------------------------------------


def test_levels_of_the_quantiser():
    q = ste.Quantiser(2, 0.5)
    x = np.array([-3.0, -1e-9, 0.0, 1e-9, 0.5, 0.7499, 0.7501, 1.2, 1.3, 7.0])
    assert q(x).tolist() == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 1.0, 1.5, 1.5]
    assert q(x.astype(np.float32)).dtype == np.float32 and q.top == 1.5
    assert ste.Quantiser(1, 1.0)(x).tolist() == (1.0 * (x > 0)).tolist()  # the step of the model
    assert q.slope("identity", x).tolist() == [1.0] * 10
    assert q.slope("relu", x).tolist() == (1.0 * (x > 0)).tolist()
    assert q.slope("clipped", x).tolist() == (1.0 * ((x > 0) & (x < 1.5))).tolist()
    assert np.abs(q(x) - x)[3:9].max() <= 0.5  # nearest


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_step_makes_the_mean_square_error_smallest(bits: int):
    """Against the best of a fine grid, the error by quadrature over the half-normal density."""
    x = (np.arange(20_000) + 0.5) * (8.0 / 20_000)
    density = np.exp(-0.5 * x * x)

    def error(step: float) -> float:
        return float(np.sum(density * (ste.Quantiser(bits, step)(x) - x) ** 2) / np.sum(density))

    steps = np.geomspace(0.01, 1.0, 200)
    best = min(error(s) for s in steps)
    found_step = ste.quantiser(bits).step
    # with 8 bits it is the largest of the samples that decides, and they end at 4.4
    assert error(found_step) < (1.05 if bits == 8 else 1.002) * best
    if bits == 1:
        assert found_step == pytest.approx(math.sqrt(2.0 / math.pi), rel=0.01)


def test_coarse_gradients_of_a_network_are_those_of_its_linear_stand_in():
    """q(z) replaced by q(z0) + mu'(z0) (z - z0): differences of that loss, in float64, are what is sent back."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 5)), rng.integers(0, 3, 20)
    base = network.new_network(5, 3, (6, 4), rng)
    weights = [W.astype(np.float64) for W in base.weights]
    bias = 0.1 * rng.standard_normal(3)

    def normal(b: Vector) -> Vector:
        return (b - b.mean(axis=0)) / np.sqrt(b.var(axis=0) + 1e-5)

    def loss(Ws: list[Vector], act: object) -> float:
        a = X
        for k, W in enumerate(Ws[:-1]):
            a = act(k, normal(a @ W))  # type: ignore[operator]
        u = a @ Ws[-1] + bias
        return float(np.mean(np.log(np.exp(u).sum(axis=1)) - u[np.arange(20), y]))

    for estimator in (None, *ste.ESTIMATORS):
        net = network.Network(tuple(weights), bias)
        if estimator is not None:
            net = net.quantised(ste.Quantiser(2, 0.4), estimator)
        z0: list[Vector] = []

        def forward(k: int, z: Vector, net: network.Network = net, z0: list[Vector] = z0) -> Vector:
            z0.append(z)
            return np.asarray(net.act(z))

        def stand_in(k: int, z: Vector, net: network.Network = net, z0: list[Vector] = z0) -> Vector:  # fmt: skip
            return net.act(z0[k]) + net.back(z0[k], np.ones_like(z)) * (z - z0[k])

        value, dW, dbias = network.gradients(net, X, y)
        assert value == pytest.approx(loss(weights, forward), rel=1e-6)
        assert dbias.shape == (3,)
        for layer, W in enumerate(weights):
            for i, j in ((0, 0), (W.shape[0] - 1, W.shape[1] - 1), (1, 2)):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = [V.copy() for V in weights]
                    moved[layer][i, j] += step
                    ends.append(loss(moved, stand_in))
                slope = (ends[0] - ends[1]) / 2e-5
                assert dW[layer][i, j] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_networks_of_few_bits_learn_and_repeat():
    """Two blobs: every estimator learns them; the same seed gives the same bits."""
    rng = np.random.default_rng(1)
    y = np.arange(120) % 2
    X = (rng.standard_normal((120, 6)) + 2.0 * y[:, None]).astype(np.float32)
    start = network.new_network(6, 2, (8,), np.random.default_rng(2))
    for e in ste.ESTIMATORS:
        runs = [
            network.fit(start.quantised(ste.quantiser(2), e), X, y, epochs=5, batch=20, step_size=0.1,
                        rng=np.random.default_rng(3))
            for _ in range(2)
        ]  # fmt: skip
        assert runs[0][1] == runs[1][1] and runs[0][1][-1] < runs[0][1][0]
        (loss, share), (again, same) = network.evaluate(runs[0][0], X, y, (X, y))
        assert share > 0.95 and (loss, share) == (again, same)
        assert all(W.dtype == np.float32 for W in runs[0][0].weights)


def test_split_and_bands():
    X, y = np.arange(60.0).reshape(30, 2), np.arange(30)
    A, a, _, b = experiment.split(X, y, 1)
    assert len(A) == 25 and sorted([*a, *b]) == list(range(30)) and A.dtype == np.float32
    assert np.mean(A) == pytest.approx(0.0, abs=1e-6) and np.std(A) == pytest.approx(1.0, rel=1e-6)
    mean, half = experiment.band([1.0, 2.0, 3.0])
    assert mean == 2.0 and half == pytest.approx(4.303 / math.sqrt(3.0), rel=1e-3)
    assert math.isnan(experiment.band([])[0]) and math.isnan(experiment.band([1.0])[1])


# -- the study -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quick() -> mh.StudyReport:
    return mh.study("ste", quick=True, threads=1)


def test_the_study_measures_what_the_library_gives(quick: mh.StudyReport):
    rows = quick.records[""]
    exact = {(r["s"], r["estimator"]): r for r in rows if r["start"] == "exact"}
    assert exact[4, "identity"]["escape"] == pytest.approx(1.05) and math.isinf(
        exact[4, "relu"]["escape"]
    )
    assert math.isinf(exact[0, "identity"]["escape"]) and math.isinf(
        exact[0, "identity"]["predicted"]
    )
    near = [r["escape"] for r in rows if (r["s"], r["start"], r["estimator"]) == (4, "near", "identity")]  # fmt: skip
    assert len(near) == found.STARTS and 0.9 < min(near) < max(near) < 1.3
    X = mh.generate("sphere-random", 30, 6, rng=np.random.default_rng([20, 802, 30]))
    row = next(r for r in quick.records["gram"] if r["n"] == 30 and r["estimator"] == "clipped")
    assert row["lambda_min"] == pytest.approx(
        mh.min_eig(X, ste.surrogate("clipped")).value, rel=1e-6
    )
    assert all(r["deviation"] < 5.0 for r in quick.records["sampling"])
    runs = quick.records["images"]
    assert len(runs) == 3 * (1 + 3) and all(0.0 <= r["validation_accuracy"] <= 1.0 for r in runs)


def test_sentences_are_computed(quick: mh.StudyReport):
    text = " ".join(quick.conclusions)
    assert "s = 4: identity leaves the spurious minimum at time 1.05 (predicted 1.053)" in text
    assert "s = 0: all three stay" in text and "relu and clipped stay at 0.7273" in text
    assert "identity <=" in text and "Negative eigenvalues of the cross matrix: clipped" in text
    worst = max(r["deviation"] for r in quick.records["sampling"])
    assert f"differ by {worst:.1f} standard errors" in text


def test_the_study_repeats(quick: mh.StudyReport):
    again = mh.study("ste", quick=True, threads=2)
    for name in quick.records:
        assert again.csv(name) == quick.csv(name), name


def test_files(quick: mh.StudyReport, tmp_path: Path):
    files, missing = quick.save(tmp_path)
    names = {f.name for f in files}
    assert not missing and {"ste.html", "ste.csv", "ste.png", "ste-landscape.png", "ste-gram.png", "ste-images.png"} <= names  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"activations": "relu"}, "compares its three estimators and takes no activations; got relu"),
        ({"X": np.eye(12)}, "trains a classifier on points of yours; got no labels"),
        ({"X": np.eye(12), "labels": np.arange(12) / 7.0}, "labels must be integers of at most 100 kinds"),
        ({"X": np.eye(8), "labels": np.arange(8) % 2}, "needs 12 at least; got 8"),
        ({"n": 5000}, "n must be <= 1797"),
        ({"width": 10}, "width goes with the study 'data'"),
        ({"time_limit": 10.0}, "time_limit goes with the study 'data'"),
    ],
)  # fmt: skip
def test_questions_that_are_refused(given: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        mh.study("ste", quick=True, **given)  # type: ignore[arg-type]


def test_points_of_the_user_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # fmt: skip
    rng = np.random.default_rng(4)
    y = (np.arange(60) % 3 + 5).astype(np.uint8)
    np.save(tmp_path / "x.npy", rng.standard_normal((60, 4)) + y[:, None])
    np.save(tmp_path / "y.npy", y)
    argv = ["study", "ste", "--quick", "--data", str(tmp_path / "x.npy"), "-o", str(tmp_path / "o")]
    assert main([*argv, "--labels", str(tmp_path / "y.npy"), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "60 points of" in told["asked"]["points"] and told["asked"]["epochs"] == 4
    assert {r["bits"] for r in told["records"]["images"]} == {0, 2}
    assert main(argv) == 2 and "got no labels" in capsys.readouterr().err


def test_ctrl_c_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(found, "deviations", interrupt)
    cut = mh.study("ste", quick=True)
    assert cut.interrupted and cut.records[""] and not cut.records["sampling"]
    assert "images" not in cut.records and "interrupted" in str(cut)
    monkeypatch.setattr(found, "escape", interrupt)
    assert mh.study("ste", quick=True).conclusions == ("Nothing was reached.",)


def test_without_scikit_learn_the_page_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    told = mh.study("ste", quick=True)
    assert "scikit-learn, which has the digits, is not installed" in told.conclusions[-1]
    assert "images" not in told.records


# -- page and docstrings ---------------------------------------------------------------------------


def test_the_code_of_the_page_runs(capsys: pytest.CaptureFixture[str]):
    page = Path(__file__).resolve().parents[3] / "docs" / "systems" / "ste.md"
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)
    told = capsys.readouterr().out
    assert told.startswith("identity 1.05 1.053") and "relu inf 1.053" in told


@pytest.mark.parametrize("name", ste.__all__)
def test_examples_of_the_docstrings(name: str):
    thing = getattr(ste, name)
    if not callable(thing):
        return
    names = {"np": np, "mh": mh, "ste": ste}
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(thing) or "", names, name, None, 0)
    assert test.examples or name in (
        "CoarseDescent",
        "Landscape",
        "Sampled",
    )  # what functions return
    told: list[str] = []
    assert not doctest.DocTestRunner().run(test, out=told.append).failed, "".join(told)

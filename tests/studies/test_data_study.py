"""The study of one data set: against dense matrices and descent written out, with labels, without, and refused ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mehler as mh
from mehler.__main__ import main
from mehler.studies import data, data_picture, data_words
from mehler.studies.ask import beside
from mehler.studies.data_words import between, count
from mehler.studies.targets import targets
from mehler.training.prediction import Iterations

RNG = np.random.default_rng(8)
IMAGES = np.rint(255.0 * RNG.random((40, 25)) ** 3).astype(np.uint8)
IMAGES[7] = IMAGES[3]
IMAGES[7, 0] ^= 3  # the pair to blame
LABELS = (np.arange(40) % 3).astype(np.uint8)


def relu_gram(X: np.ndarray) -> np.ndarray:
    """rho (1/4 + asin(rho) / 2 pi), the closed form."""
    rho = np.clip(X @ X.T, -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return rho * (0.25 + np.arcsin(rho) / (2.0 * np.pi))


@pytest.fixture(scope="module")
def found() -> mh.StudyReport:
    return mh.study(
        "data", IMAGES, labels=LABELS, activations=["relu", "tanh"], width=400, steps=12, rng=4
    )


def test_values_are_those_of_the_closed_form(found: mh.StudyReport):
    X = mh.normalize(IMAGES)
    values, V = np.linalg.eigh(relu_gram(X))
    row = found.records[""][0]
    assert row["activation"] == "relu" and row["status"] == "resolved"
    assert row["lambda_min"] == pytest.approx(values[0], rel=1e-6)
    assert row["lower"] <= values[0] * (1 + 1e-9) and values[0] <= row["upper"] * (1 + 1e-9)
    assert row["lambda_max"] == pytest.approx(values[-1], rel=1e-6)
    carried = {
        r["index"]: r["weight"] for r in found.records["attribution"] if r["activation"] == "relu"
    }
    assert set(list(carried)[:2]) == {3, 7} and {row["pair_i"], row["pair_j"]} == {3, 7}
    for i, w in carried.items():
        assert w == pytest.approx(V[i, 0] ** 2, abs=1e-6)
    spectrum = [
        r["eigenvalue"]
        for r in found.records["spectrum"]
        if (r["activation"], r["how"]) == ("relu", "all")
    ]
    np.testing.assert_allclose(spectrum, values[::-1], rtol=1e-8, atol=1e-12)


def test_prediction_is_descent_under_the_closed_form(found: mh.StudyReport):
    G, Y = relu_gram(mh.normalize(IMAGES)), np.eye(3)[LABELS]
    row, r, losses = found.records[""][0], -Y, []
    eta = 1.0 / float(np.linalg.eigvalsh(G)[-1])
    assert row["step_size"] == pytest.approx(eta, rel=1e-6)
    for _ in range(4000):
        losses.append(0.5 * float(np.sum(r * r)))
        r = r - eta * (G @ r)
    curve = {c["step"]: c for c in found.records["losses"] if c["activation"] == "relu"}
    for t in (0, 1, 5, 12):
        assert curve[t]["lower"] <= losses[t] * (1 + 1e-7) and losses[t] <= curve[t]["upper"] * (
            1 + 1e-7
        )
    for share in (0.5, 0.1):
        first = next(t for t, x in enumerate(losses) if x <= share * losses[0])
        assert row[f"steps_to_{share:g}_lower"] <= first <= row[f"steps_to_{share:g}_upper"]


def test_training_is_descent_written_out(found: mh.StudyReport):
    """The network of pairs, in float64, by its own gradient."""
    X, Y = mh.normalize(IMAGES), np.eye(3)[LABELS]
    rng = np.random.default_rng([4, 601])
    W = np.vstack([rng.standard_normal((200, 25))] * 2)
    own = np.where(np.random.default_rng([4, 602]).random((200, 3)) < 0.5, -1.0, 1.0)
    a = np.vstack([own, -own])
    row = found.records[""][1]
    losses = []
    for _ in range(13):
        H = X @ W.T
        r = np.tanh(H) @ a / 20.0 - Y
        losses.append(0.5 * float(np.sum(r * r)))
        W = W - row["step_size"] * (((r @ a.T) * np.cosh(H) ** -2.0 / 20.0).T @ X)
    seen = [
        c["loss"]
        for c in found.records["losses"]
        if c["activation"] == "tanh" and c["loss"] is not None
    ]
    assert seen[0] == pytest.approx(20.0, rel=1e-6)
    np.testing.assert_allclose(seen, losses, rtol=1e-4)
    assert row["loss"] == seen[-1] and row["steps"] == 12


def test_sentences_and_page(found: mh.StudyReport, tmp_path: Path):
    text = str(found)
    assert "Smallest eigenvalue, largest first: relu" in text
    assert "predicted to train fastest: steps to 10 %" in text
    assert (
        "In every one of these sets: rows 3, 7, with the cosine" in text
        or "rows 7, 3, with" in text
    )
    assert "different labels (0 and 1)" in text or "different labels (1 and 0)" in text
    files, missing = found.save(tmp_path)
    names = {f.name for f in files}
    assert (
        missing == ""
        and {"data.html", "data.csv", "data.png", "data-images.png", "data-losses.csv"} <= names
    )
    page = (tmp_path / "data.html").read_text(encoding="utf-8")
    assert "The images that share the bottom vector" in page and "processor" in page
    assert (
        "http://" not in page.replace("http://www.w3.org", "")
        and "3 classes, an output each" in page
    )


def test_quadrature_of_many_points_is_the_spectrum(monkeypatch: pytest.MonkeyPatch):
    """Ranks of Lanczos quadrature against every eigenvalue."""
    X = mh.generate("sphere-random", 400, 6, rng=1)
    K = mh.gram(X, "relu")
    values = np.linalg.eigvalsh(relu_gram(X))[::-1]
    monkeypatch.setattr(data, "WHOLE_UP_TO", 100)
    one = data.One()
    data.spectrum(one, K, np.random.default_rng(0))
    assert (np.diff(one.eigenvalues) <= 0.0).all() and (np.diff(one.ranks) > 0.0).all()
    assert one.eigenvalues[0] == pytest.approx(values[0], rel=1e-6)
    for k in (20, 100, 300):  # random probes: ranks to some percent of n
        rank = float(np.interp(-math.log(values[k]), -np.log(one.eigenvalues), one.ranks))
        assert abs(rank - k) < 0.05 * len(X)
    Y = mh.generate("sphere-random", 200, 4, rng=2)  # rank 4: Lanczos comes to an end
    data.spectrum(one, mh.gram(Y, "identity"), np.random.default_rng(0))
    seen = one.eigenvalues[one.eigenvalues > 1e-9]
    np.testing.assert_allclose(seen, np.linalg.svd(Y, compute_uv=False) ** 2, rtol=1e-9)
    assert len(one.eigenvalues) <= 6


def test_targets_say_what_they_are():
    y = targets(np.array([4, 9, 4, 9]), 4, 0)
    np.testing.assert_array_equal(y.y[:, 0], [-1, 1, -1, 1])
    assert "4 is -1 and 9 is 1" in y.text and list(y.classes) == [4, 9, 4, 9]
    y = targets(np.array([2.0, 7.0, 5.0]), 3, 0)
    np.testing.assert_array_equal(y.y, np.eye(3)[[0, 2, 1]])
    y = targets(np.array([0.5, 1.0, 2.0]), 3, 0)
    np.testing.assert_array_equal(y.y[:, 0], [0.5, 1.0, 2.0])
    assert y.classes is None
    assert targets(np.ones((3, 2)), 3, 0).y.shape == (3, 2)
    signs = targets(None, 50, 3)
    assert set(signs.y[:, 0]) == {-1.0, 1.0} and "random signs" in signs.text
    with pytest.raises(ValueError, match="all 3 are 1"):
        targets(np.ones(3, dtype=int), 3, 0)


def test_without_labels_and_without_points():
    one = mh.study("data", n=30, quick=True, activations=["elu"], steps=3, width=51)
    assert one.asked["labels"].startswith("random signs") and one.asked["width"] == 50
    assert one.records[""][0]["steps"] == 3 and "30 generated points" in one.asked["points"]
    assert not any(p.name == "images" for p in one.pictures)  # generated points are no images
    two = mh.study("data", n=30, quick=True, activations=["elu"], steps=3, width=51)
    assert one.records[""] == two.records[""]


def test_below_double_is_solved_further_up():
    """tanh in the plane: lambda_min far below the rounding of doubles, from the extended route."""
    X = mh.generate("circle-half", 50, 2)
    row = mh.study("data", X, activations=["tanh"], steps=2, width=20).records[""][0]
    exact = mh.min_eig(X, "tanh", precision="exact", tol=1e-3)
    assert row["status"] == "resolved" and row["lambda_min"] == pytest.approx(exact.value, rel=1e-2)
    assert row["lambda_min"] < 1e-14


def test_a_time_limit_ends_with_what_is_known():
    report = mh.study(
        "data", IMAGES, activations=["relu", "elu"], steps=5, width=50, time_limit=1e-6
    )
    assert any("time limit of 1e-06 s" in s and "relu, elu" in s for s in report.conclusions)
    assert report.records["seconds"][0]["phase"] == "points" and not report.interrupted
    long = mh.study("data", IMAGES, activations=["relu"], steps=10**7, width=50, time_limit=3.0)
    row = long.records[""][0]
    assert row["training_status"] == "stopped" and 1 <= row["steps"] < 10**7


def test_ctrl_c_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Ctrl-C in the second training: the first one, and all that the matrices said, is on the page."""
    from mehler.training.train import train

    calls = 0

    def cut(*args: object, **options: object) -> mh.Training:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return train(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(data, "train", cut)
    report = mh.study("data", IMAGES, activations=["relu", "elu"], steps=3, width=40)
    one, two = report.records[""]
    assert report.interrupted and one["steps"] == 3 and two["steps"] is None
    assert two["lambda_min"] > 0.0 and two["steps_to_0.1_upper"] > 0
    report.save(tmp_path)
    assert "Interrupted: what was not reached is missing." in (tmp_path / "data.html").read_text()


def test_images_are_told_by_their_coordinates():
    assert data_picture.image_shape(IMAGES) == (5, 5)
    assert data_picture.image_shape(IMAGES.astype(float) - 300.0) is None
    assert data_picture.image_shape(IMAGES[:, :24]) is None
    assert data_picture.image_shape(IMAGES[:, :9]) is None  # three by three is no image


def test_steps_in_words():
    assert count(1234.0) == "1,234" and count(123456.0) == "123,000" and count(math.inf) == "never"
    assert (
        between(Iterations(1.0, 5.0, 5.0)) == "5" and between(Iterations(1.0, 5.0, 7.0)) == "5 to 7"
    )
    assert between(Iterations(1.0, 5.0, math.inf)) == "> 5" and between(None) == "-"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": LABELS[:-1]}, r"a row for each of the 40 points; got 39 rows"),
        ({"labels": 3}, "a single number"),
        ({"labels": np.where(LABELS == 1, np.nan, 0.0)}, "labels must be finite"),
        ({"labels": np.zeros(40, dtype=int)}, "labels must differ"),
        ({"width": 1}, "width must be >= 2"),
        ({"steps": 0}, "steps must be >= 1"),
        ({"time_limit": -1.0}, "time_limit must be"),
    ],
)
def test_refused(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        mh.study("data", IMAGES, activations=["relu"], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["labels", "width", "steps", "time_limit"])
def test_options_of_this_study_are_not_ignored_by_others(name: str):
    with pytest.raises(
        ValueError, match=rf"{name} goes with the study 'data'.*; got which='depth'"
    ):
        mh.study("depth", IMAGES, **{name: LABELS if name == "labels" else 2})
    with pytest.raises(ValueError, match="labels go with points of yours"):
        mh.study("data", labels=LABELS)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", IMAGES)
    np.save(tmp_path / "y.npy", LABELS)
    np.save(tmp_path / "short.npy", LABELS[:30])
    x, y, out = str(tmp_path / "x.npy"), str(tmp_path / "y.npy"), str(tmp_path / "out")
    argv = ["study", "data", "--data", x, "-o", out, "--activations", "relu"]
    own = ["--labels", y, "--rows", "35", "--width", "60", "--steps", "4", "--json", "--quiet"]
    assert main([*argv, *own]) == 0
    printed = json.loads(capsys.readouterr().out)
    row = printed["records"][""][0]
    assert (row["n"], row["width"], row["steps"]) == (35, 60, 4)
    assert str(tmp_path / "out" / "data.html") in printed["files"]
    for bad, said in (
        ([*argv, "--labels", str(tmp_path / "short.npy")], "got 30 rows"),
        ([*argv, "--labels", str(tmp_path / "none.npy")], "does not exist"),
        (
            ["study", "depth", "--data", x, "-o", out, "--labels", y],
            "--labels is about the points of study data",
        ),
        (["study", "data", "-o", out, "--labels", y], "--labels is about the points of study data"),
        (["study", "depth", "-o", out, "--steps", "3"], "steps goes with the study 'data'"),
    ):
        assert main(bad) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0, "+0 %"),
        (0.969, "-3.1 %"),
        (2.5, "+1.5e+02 %"),
        (11.0, "+1e+03 %"),
        (11.01, "11 times"),
        (4213.0, "4,200 times"),
        (3.3e9, "3.3e+09 times"),
        (math.inf, "inf times"),
    ],
)
def test_how_far_from_the_prediction(ratio: float, text: str):
    """A percentage up to 1000 %, then a factor."""
    assert beside(ratio) == text


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ({"relu": 1.02, "tanh": 0.9}, "end within 10 % of the predicted loss (farthest: tanh, -10 %)."),
        ({"relu": 1.02, "tanh": 4213.0}, "end at up to 4,200 times the predicted loss (farthest: tanh, 4,200 times)."),
    ],
)  # fmt: skip
def test_the_sentence_about_networks(losses: dict[str, float], said: str, monkeypatch):
    monkeypatch.setattr(data_words, "predicted_at", lambda one, steps: 1.0)

    def one(loss: float) -> SimpleNamespace:
        run = SimpleNamespace(losses=[2.0, loss], steps=1, status="ended")
        return SimpleNamespace(bottom=None, prediction=None, attribution=None, training=run)

    found = SimpleNamespace(of={a: one(x) for a, x in losses.items()}, width=400, left_out=())
    assert data_words.conclusions(found) == (f"Networks of 400 neurons trained for 1 steps {said}",)

"""Frozen random features: ridge regression on data against dense algebra, the study, the lines of its page."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.__main__ import main
from mehler.studies import random_features as rf
from mehler.studies.random_features import conjugate, data
from mehler.studies.random_features import found as work

# -- data: the conjugate kernel --------------------------------------------------------------------


def test_kernel_row_is_ridge_regression_written_out():
    """The solve, the choice and the test error against dense matrices."""
    rng = np.random.default_rng(0)
    X = mh.normalize(rng.standard_normal((90, 5)))
    labels = (X[:, 0] > 0.2).astype(int) + (X[:, 1] > 0.0)
    s = data.split(X, work.targets(labels, len(X), 0), 0)
    assert sorted([*s.fitted, *s.chosen, *s.tested]) == list(range(90)) and len(s.fitted) == 60
    row, caps = conjugate.kernel_limit(s, "relu", 2.0, (1.0, 10.0), None, 0)
    ker = mh.nngp("relu", weight_var=4.0 / 3.0, bias_var=4.0 / 3.0)
    K, Y = ker(X), s.targets.y
    F = K[np.ix_(s.fitted, s.fitted)]
    unit = float(np.mean(np.diag(F)))
    wrong = {}
    for r in conjugate.SOLVED:
        a = np.linalg.solve(F + r * unit * np.eye(60), Y[s.fitted])
        wrong[r] = [
            float(np.mean(np.argmax(K[np.ix_(rows, s.fitted)] @ a, axis=1) != labels[rows]))
            for rows in (s.chosen, s.tested)
        ]
    assert wrong[row.ridge][0] == min(w[0] for w in wrong.values())
    assert row.error == wrong[row.ridge][1] and row.status == "resolved" and row.width is None
    values, V = np.linalg.eigh(F)
    e = np.sum((V.T @ Y[s.fitted]) ** 2, axis=1)
    for c in caps:
        k = np.arange(60)
        exact = np.max(np.sqrt(np.cumsum(e)[59 - k]) - c.cap * np.sqrt(values[59 - k]))
        assert 0.0 <= c.bound <= max(exact, 0.0) / np.linalg.norm(Y[s.fitted]) + 1e-9


def test_a_preconditioner_that_fails_is_done_without(monkeypatch: pytest.MonkeyPatch):
    real = mh.solve

    def indefinite(*a: object, **k: object) -> object:
        if "preconditioner" not in k:
            raise ValueError("the preconditioner must be positive definite")
        return real(*a, **k)  # type: ignore[arg-type]

    monkeypatch.setattr(mh, "solve", indefinite)
    X = mh.generate("sphere-random", 40, 5, rng=0)
    found = conjugate.ridge_solve(mh.gram(X, mh.nngp("relu")), X[:, :2], 0.1, None, 0)
    assert found.resolved and "no preconditioner" in found.method
    np.testing.assert_allclose(
        (mh.nngp("relu")(X) + 0.1 * np.eye(40)) @ found.x, X[:, :2], atol=1e-5
    )


def test_wide_layers_come_to_the_kernel():
    """H H^t / m of normal weights of variance lam^2 / 3 against mh.nngp, within 5 standard errors of 20,000 neurons."""
    X = mh.normalize(np.random.default_rng(1).standard_normal((6, 4)))
    for act, lam in (("tanh", 3.0), ("relu", 1.0)):
        H = data.layer_of(act, 20_000, 4, lam, "normal", 3)(X)
        K = mh.nngp(act, weight_var=lam**2 / 3, bias_var=lam**2 / 3)(X)
        for i in range(6):
            for j in range(i + 1):
                p = H[i] * H[j]
                assert abs(np.mean(p) - K[i, j]) < 5.0 * np.std(p) / math.sqrt(len(p))


# -- the study -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> mh.StudyReport:
    rng = np.random.default_rng(3)
    X = rng.random((60, 9))
    y = (X[:, 0] + X[:, 1] > 1.0).astype(int)
    return mh.study(
        "random-features", X, labels=y, activations=["sigmoid", "relu"], width=40, quick=True, rng=2
    )


def test_the_report_is_what_the_functions_give(report: mh.StudyReport):
    rows = {(r["activation"], r["lam"], r["width"], r["seed"]): r for r in report.records[""]}
    assert {w for _, _, w, _ in rows} == {2, 10, 40} and {s for *_, s in rows} == {2, 3, 4}
    (again,) = rf.width_errors("sigmoid", 10.0, (10,), 3, work.QUICK_POINTS)
    # the widest layer is drawn once: narrower ones are its first neurons
    first = rf.width_errors("sigmoid", 10.0, (10, 40), 3, work.QUICK_POINTS)[0]
    assert again == first
    assert rows["sigmoid", 10.0, 10, 3]["rmse"] == first.rmse
    assert all(c["bound"] <= c["optimum"] for c in report.records["bounds"])
    assert {r["law"] for r in report.records["data"]} == {"normal", "box", "kernel"}
    assert all(0.0 <= r["error"] <= 1.0 for r in report.records["data"])
    taus = [b["tau"] for b in report.records["band"]]
    assert taus == sorted(taus, reverse=True)


def test_sentences_come_from_the_numbers(report: mh.StudyReport):
    text = str(report)
    errors = [
        r["rmse"]
        for r in report.records[""]
        if (r["activation"], r["lam"], r["width"]) == ("relu", 1.0, 40)
    ]
    assert (
        f"relu: the error does not depend on the box (to 1e-06), as it is positively homogeneous: {np.median(errors):.3g}."
        in text
    )
    assert "sigmoid: least error" in text and "it is above it in 0." in text
    assert "Data, least share of wrong classes over ranges: sigmoid" in text


def test_the_page(report: mh.StudyReport, tmp_path: Path):
    files, missing = report.save(tmp_path)
    names = {f.name for f in files}
    assert missing == "" and {
        "random-features.html", "random-features.csv", "random-features.png", "random-features-rank.png", "random-features-band.png",
        "random-features-bounds.png", "random-features-ridges.png", "random-features-data.png", "random-features-data.csv",
    } <= names  # fmt: skip
    page = (tmp_path / "random-features.html").read_text(encoding="utf-8")
    assert "Numerical rank against width" in page and "seed 2." in page


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setattr(work, "QUICK_RANGES", (1.0, 100.0))
    monkeypatch.setattr(work, "QUICK_SEEDS", 1)
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.random((30, 4)))
    np.save(tmp_path / "y.npy", rng.random(30))
    line = [
        "study",
        "random-features",
        "--quick",
        "-o",
        str(tmp_path / "out"),
        "--data",
        str(tmp_path / "x.npy"),
    ]
    more = [
        "--labels",
        str(tmp_path / "y.npy"),
        "--activations",
        "tanh",
        "--width",
        "20",
        "--seed",
        "1",
    ]
    assert main([*line, *more, "--json"]) == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    assert {r["activation"] for r in found["records"][""]} == {"tanh"}
    assert (
        "one number a point" in found["asked"]["labels"] and "tanh, weights in [-1, 1]" in out.err
    )
    assert main(line) == 2
    assert "Pass labels (--labels FILE) too" in capsys.readouterr().err


def test_without_scikit_learn_the_part_about_data_is_left_out(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="scikit-learn is not installed; install it"):
        data.digits()
    monkeypatch.setattr(work, "QUICK_RANGES", (1.0,))
    monkeypatch.setattr(work, "QUICK_SEEDS", 1)
    found = mh.study("random-features", activations="relu", n=30, width=8, quick=True)
    assert "The part about data is left out" in found.conclusions[-1]
    assert found.records["data"] == [] and [s.title for s in found.sections][-1] == "Ridge paths"


def test_ctrl_c_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(work, "tail", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(work, "QUICK_RANGES", (1.0, 10.0))
    found = mh.study("random-features", activations="tanh", n=20, width=8, quick=True)
    assert found.interrupted and found.records[""] and not found.records["band"]
    assert [s.title for s in found.sections] == ["Width and range"]


def test_the_lines_of_the_page_run():
    page = Path(__file__).parents[3] / "docs" / "systems" / "random-features.md"
    code = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["fit"], rf.ReadOut)

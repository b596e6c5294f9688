"""Quadratic units: what is refused, the study, the lines of its page."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.studies import quadratic
from mehler.studies.quadratic import measured, report
from mehler.studies.study import STUDIES, study

# -- bad input -------------------------------------------------------------------------------------

EYE = np.eye(2)
NAN = np.array([[1.0, np.nan], [np.nan, 1.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadratic.population_loss(NAN, EYE), r"A must be finite; found nan at \(0, 1\)"),
        (lambda: quadratic.population_loss(EYE, EYE + np.inf), "A_star must be finite"),
        (lambda: quadratic.population_loss(np.ones((2, 3)), EYE), "A must be square"),
        (lambda: quadratic.population_loss([[1.0, 2.0], [0.0, 1.0]], EYE), "A must be symmetric"),
        (lambda: quadratic.population_loss(np.eye(3), EYE), "A and A_star must be of one size"),
        (lambda: quadratic.population_loss(np.empty((0, 0)), EYE), "not empty; got shape"),
        (lambda: quadratic.relative_loss(EYE, 0.0 * EYE), "A_star must not be zero"),
        (lambda: quadratic.population_flow(-EYE, EYE, [1.0]), "A must be positive semidefinite"),
        (lambda: quadratic.population_flow(EYE, EYE, [2.0, 1.0]), "times must be >= 0 and asc"),
        (lambda: quadratic.population_flow(EYE, EYE, [-1.0]), "times must be >= 0"),
        (lambda: quadratic.population_flow(EYE, EYE, []), "times must be a list of numbers"),
        (lambda: quadratic.population_flow(EYE, EYE, [1.0], tol=0.0), "0 < tol < 1"),
        (lambda: quadratic.rate_constant(3, 3), "0 <= m_star < d; got m_star=3 for d=3"),
        (lambda: quadratic.rate_constant(3, -1), "0 <= m_star < d"),
        (lambda: quadratic.exponential_rate(np.diag([1.0, 0.0])), "must be positive definite"),
        (lambda: quadratic.critical_samples(0, 1), "d must be an integer >= 1; got 0"),
        (lambda: quadratic.critical_samples(3, 0), "m_star must be an integer >= 1"),
        (lambda: quadratic.symmetric_dimension(-2), "d must be an integer >= 1; got -2"),
        (lambda: quadratic.matrix_of([1.0, 2.0]), "W must be weights"),
        (lambda: quadratic.squared_rank(np.zeros((2, 2))), "X must not contain zero rows"),
        (lambda: quadratic.rank_scan(EYE, [3]), "from 1 to the 2 points of X"),
        (lambda: quadratic.rank_scan(EYE, []), "from 1 to the 2 points"),
        (lambda: quadratic.descend(EYE, [1.0], EYE), "must agree; got"),
        (lambda: quadratic.descend(EYE[None], [1.0, 1.0], EYE), "or all have an axis of trials"),
        (lambda: quadratic.descend(NAN, [1.0, 1.0], EYE), "X must be finite"),
        (lambda: quadratic.descend(EYE, [1.0, np.inf], EYE), "y must be finite"),
        (lambda: quadratic.descend(EYE, [1.0, 1.0], EYE, -1), "steps must be an integer >= 0"),
        (lambda: quadratic.descend(EYE, [1, 1], EYE, tol=1.0), "0 <= tol < 1"),
        (lambda: quadratic.descend(EYE, [1, 1], EYE, step_size=0.0), "step_size must be a number"),
        (lambda: quadratic.descend(EYE, [1, 1], EYE, threads=0), "threads must be >= 1"),
        (lambda: quadratic.largest_step(np.ones((2, 1, 1)), np.ones((2, 1)), np.ones((2, 1, 1))), "of one trial; got 2"),
        (lambda: quadratic.threshold_scan(3, 1, []), "samples must hold at least one"),
        (lambda: quadratic.threshold_scan(3, 1, [0]), "samples must be an integer >= 1"),
        (lambda: quadratic.threshold_scan(3, 1, rng=-1), "rng must be an integer >= 0"),
        (lambda: quadratic.threshold_scan(3, 1, trials=0), "trials must be an integer >= 1"),
        (lambda: quadratic.certificate(np.ones((3, 3)), np.ones(3)), r"X must hold d \+ 1 samples"),
        (lambda: quadratic.certificate(np.ones((3, 2)), np.ones(2)), "samples must span the space"),
        (lambda: quadratic.certificate([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 1.0]), "no sample may be orthogonal"),
        (lambda: quadratic.certificate(np.ones((3, 2)), np.ones((1, 2))), "both be of one trial"),
        (lambda: quadratic.certificate_probability(1), "d must be an integer >= 2"),
        (lambda: quadratic.certificate_probability(3, rng=-1), "rng must be an integer >= 0"),
    ],
)  # fmt: skip
def test_bad_input(call: object, message: str):
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]


@pytest.mark.parametrize(
    "call",
    [
        lambda: quadratic.population_loss("A", EYE),
        lambda: quadratic.population_loss(1j * EYE, EYE),
        lambda: quadratic.rate_constant(3.0, 1),
        lambda: quadratic.descend(EYE, [1, 1], EYE, 1.5),
        lambda: quadratic.descend(EYE, [1, 1], EYE, step_size="big"),
        lambda: quadratic.descend(EYE, [1, 1], EYE, tol=True),
        lambda: quadratic.threshold_scan(3, 1, rng=None),
        lambda: quadratic.certificate_probability(3, 10.0),
    ],
)
def test_wrong_types(call: object):
    with pytest.raises(TypeError):
        call()  # type: ignore[operator]


# -- the study -------------------------------------------------------------------------------------

TINY = measured.Size(((3, 1),), 3, (1,), 4, 500, 2, (3,), 50, (2, 3))


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "QUICK", TINY)


def test_study_says_what_its_numbers_say(tiny: None, tmp_path):
    said: list[str] = []
    found = study("quadratic", quick=True, rng=5, report=said.append)
    assert STUDIES["quadratic"] is report and len(said) >= 5
    text = " ".join(found.conclusions)
    last = [r for r in found.records[""] if r["d"] == 3 and r["m_star"] == 1][-1]
    assert last["time"] == measured.LAST
    assert f"{last['loss'] * last['time'] ** 2:.4f} against {quadratic.rate_constant(3, 1):.4f}" in text  # fmt: skip
    assert "end exactly at n = d (d + 1)/2 in 2 of 2 dimensions (2, 3)" in text
    p = quadratic.certificate_probability(3, 50, 5)
    assert f"d = 3: {p.value:.3g}" in text
    scan = quadratic.threshold_scan(3, 1, range(3, 9, 2), trials=4, steps=500, rng=5)
    assert list(found.records["threshold"]) == scan.records()
    assert {r["n"] for r in found.records["rank"] if r["d"] == 2} == set(range(1, 8))
    assert json.loads(json.dumps(found.to_dict()))["records"]["trials"][0]["n"] == 3
    files, missing = found.save(tmp_path)
    assert not missing and {f.suffix for f in files} == {".csv", ".png", ".html"}
    page = (tmp_path / "quadratic.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == 3 and "seed 5" in page
    assert "relu" not in page


def test_study_that_is_stopped_keeps_what_it_has(tiny: None, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*a: object, **k: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(measured, "certificate_probability", interrupt)
    found = study("quadratic", quick=True)
    assert found.interrupted and found.records["rank"] and not found.records["threshold"]
    monkeypatch.setattr(measured, "population_flow", interrupt)
    nothing = study("quadratic", quick=True)
    assert nothing.interrupted and nothing.conclusions == ("Nothing was reached.",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": np.eye(3)}, "takes no points.*Leave X"),
        ({"activations": "relu"}, "has one activation, z.2; got relu. Leave activations out"),
        ({"n": 5}, "scans n around its threshold; got n=5. Leave n out"),
        ({"width": 100}, "width goes with the study 'data'"),
        ({"labels": [1, 2, 3]}, "labels goes with the study 'data'"),
    ],
)
def test_study_refuses_what_it_has_no_use_for(options: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        study("quadratic", quick=True, **options)  # type: ignore[arg-type]


def test_the_lines_of_the_page_run(capsys: pytest.CaptureFixture[str]):
    page = Path(__file__).resolve().parents[3] / "docs" / "systems" / "quadratic.md"
    (code,) = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "n_c = 15" in printed and "0.065625" in printed


def test_package_is_complete():
    assert sorted(quadratic.__all__) == quadratic.__all__
    for name in quadratic.__all__:
        assert getattr(quadratic, name).__doc__
    assert mh.study is study and os.path.basename(quadratic.__file__) == "__init__.py"

"""Rates: fits against laws that are known, windows that nobody sets, bands that cover, files that resume."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mehler as mh
from mehler.studies import rate_designs
from mehler.studies.laws import LEAST, STUDENT, fitted, student
from mehler.studies.rate_designs import Setting, arc, jump
from mehler.studies.study import study

X = np.geomspace(1e-3, 1.0, 10)


# -- lines -----------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.floats(-8.0, 8.0), st.floats(-20.0, 20.0), st.sampled_from(["small", "large"]))
def test_a_pure_power_is_found_over_all_of_x(b: float, a: float, towards: str):
    f = fitted("f", "power", X, (np.exp(a) * X**b)[:, None], towards, noise=1e-6)
    assert f.exponent == pytest.approx(b, abs=1e-9) and f.points == len(X)
    assert f.low <= b + 1e-9 and b - 1e-9 <= f.high
    np.testing.assert_allclose(f.at(X), np.exp(a) * X**b, rtol=1e-6)


def test_a_pure_exponential_is_found():
    L = np.arange(4.0, 20.0)
    f = fitted("f", "exponential", L, 3.0 * np.exp(-0.3 * L)[:, None], "large", noise=1e-6)
    assert f.exponent == pytest.approx(-0.3, abs=1e-9) and (f.first, f.last) == (4.0, 19.0)
    np.testing.assert_allclose(f.at(L), 3.0 * np.exp(-0.3 * L))


@pytest.mark.parametrize("towards", ["small", "large"])
def test_the_window_ends_where_the_law_does(towards: str):
    """y = x^2 + x^4: slope 2 towards 0, slope 4 towards infinity."""
    x = np.geomspace(1e-3, 1e3, 25)
    f = fitted("f", "power", x, (x**2 + x**4)[:, None], towards, noise=1e-3)
    expected = 2.0 if towards == "small" else 4.0
    assert f.low <= expected <= f.high and f.exponent == pytest.approx(expected, abs=2e-3)
    assert LEAST <= f.points < 12
    assert (f.first < 0.2) if towards == "small" else (f.first > 5.0)


def test_bands_of_noisy_draws_cover():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        y = X[:, None] ** 1.5 * np.exp(0.2 * rng.standard_normal((len(X), 5)))
        f = fitted("f", "power", X, y, "small")
        hits += f.low <= 1.5 <= f.high
    assert hits >= 180  # 95 % of each window, and the longest that agrees is chosen


def test_what_is_not_resolved_is_left_out():
    y = (X**3)[:, None].repeat(2, axis=1)
    y[0, 1] = math.nan  # one draw at one x: the whole x goes
    f = fitted("f", "power", X, y, "small")
    assert f.left_out == 1 and f.last == X[1] and f.exponent == pytest.approx(3.0)
    y[: -LEAST + 1] = math.nan
    f = fitted("f", "power", X, y, "small")
    assert math.isnan(f.exponent) and f.points == 0 and f.left_out == len(X) - LEAST + 1


def test_curvature_is_not_hidden_by_its_own_residuals():
    """Draws that differ by a factor only: slopes agree exactly, so that any bend ends the window."""
    x = np.geomspace(1e-3, 1.0, 16)
    y = (x**2 + 30.0 * x**4)[:, None] * np.array([1.0, 2.0, 3.0])
    f = fitted("f", "power", x, y, "small")
    assert f.points == LEAST and f.exponent == pytest.approx(2.0, abs=2e-3)


def test_quantiles_of_student():
    from scipy.stats import t

    for freedom in range(1, 60):
        rel = 1e-3 if freedom <= len(STUDENT) else 4e-3
        assert student(freedom) == pytest.approx(float(t.ppf(0.975, freedom)), rel=rel)


# -- measurements ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def separation() -> mh.Rates:
    return mh.rates(["relu", "elu", "tanh"], "separation")


def test_exponents_against_separation(separation: mh.Rates):
    """Jump order 1 and 2: delta and delta^3; a smooth activation of four points: delta^6. No window is set by hand."""
    for name, expected in (("relu", 1.0), ("elu", 3.0), ("tanh", 6.0)):
        f = separation.fit(name)
        assert f.expected == expected
        assert f.exponent == pytest.approx(expected, rel=0.01)
        assert f.low - 0.01 <= expected <= f.high + 0.01


def test_measurements_are_eigenvalues(separation: mh.Rates):
    row = next(r for r in separation.rows if r.activation == "relu" and r.x == 0.1)
    rho = np.cos(0.1 * np.subtract.outer(np.arange(4), np.arange(4)))
    G = rho * (0.25 + np.arcsin(rho) / (2.0 * np.pi))
    assert row.value == pytest.approx(float(np.linalg.eigvalsh(G)[0]), rel=2e-3)
    assert row.status == "resolved"


@pytest.mark.parametrize(
    ("name", "order"), [("relu", 1), ("selu", 1), ("elu", 2), ("softsign", 2), ("tanh", None)]
)
def test_order_of_the_first_jump(name: str, order: int | None):
    assert jump(mh.activation(name)) == order


def test_scale_is_invariant_for_relu_and_square_for_elu():
    found = mh.rates(["relu", "elu"], "scale", [0.1, 0.03, 0.01, 0.003])
    assert found.fit("relu").exponent == pytest.approx(0.0, abs=1e-6)
    assert found.fit("elu").expected == 2.0
    assert found.fit("elu").exponent == pytest.approx(2.0, rel=0.02)


def test_width_falls_like_its_root():
    found = mh.rates("relu", "width", [100, 400, 1600, 6400], n=10, d=4, seeds=4)
    f = found.fit("relu")
    assert f.low <= -0.5 <= f.high and f.exponent == pytest.approx(-0.5, abs=0.15)
    assert len(found.rows) == 16


def test_depth_falls_with_the_nonlinearity():
    """1 - lambda_min against L for swish: (1 - mu)^L with mu = 0.2015 (0.2014 by quadrature)."""
    found = mh.rates("swish", "depth", [8, 12, 16, 20, 24], n=6, seeds=1)
    f = found.fit("swish")
    assert f.law == "exponential" and f.expected == pytest.approx(math.log(1.0 - 0.2015), abs=1e-3)
    assert f.exponent == pytest.approx(f.expected, rel=0.05)


def test_n_and_dimension_are_measured_on_what_they_say():
    s = Setting(n=20, d=3, tol=1e-3, threads=None, rng=7)
    points = mh.generate("sphere-random", 40, 3, rng=np.random.default_rng([7, 1, 3]))
    got = rate_designs.DESIGNS["n"].measure("relu", [10, 40], 1, s)
    for (value, _), m in zip(got, (10, 40), strict=True):
        truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(points[:m]))[0]
        assert value == pytest.approx(float(truth), rel=2e-3)
    (value, status), *_ = rate_designs.DESIGNS["dimension"].measure("relu", [5], 0, s)
    points = mh.generate("sphere-random", 20, 5, rng=np.random.default_rng([7, 0, 5]))
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(points))[0]
    assert status == "resolved" and value == pytest.approx(float(truth), rel=2e-3)


def test_an_arc_has_its_separation():
    assert mh.describe(arc(5, 0.01)).separation == pytest.approx(0.01, rel=1e-4)


# -- files -----------------------------------------------------------------------------------------

FEW = [0.2, 0.1, 0.05, 0.025]


def test_finished_measurements_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "rates.csv"
    first = mh.rates("relu", "separation", FEW, resume=file)
    assert first.resumed == 0 and len(file.read_text().splitlines()) == 5
    monkeypatch.setattr(rate_designs, "sweep", lambda *a, **k: pytest.fail("measured again"))
    again = mh.rates("relu", "separation", FEW, resume=file)
    assert again.resumed == 4 and again.rows == first.rows and again.fits == first.fits
    monkeypatch.undo()
    more = mh.rates(["relu", "abs"], "separation", [*FEW, 0.0125], resume=file)
    assert more.resumed == 4 and len(more.rows) == 10
    file.write_text(file.read_text()[:-7])  # the process died while it wrote
    assert mh.rates(["relu", "abs"], "separation", [*FEW, 0.0125], resume=file).rows == more.rows


def test_a_file_of_something_else_is_refused(tmp_path: Path):
    file = tmp_path / "rates.csv"
    mh.rates("relu", "separation", FEW, resume=file)
    with pytest.raises(ValueError, match="another design, other settings"):
        mh.rates("relu", "separation", FEW, n=5, resume=file)
    file.write_text(file.read_text() + "relu,a,b,c,d,e\n")
    with pytest.raises(ValueError, match="line 6 is none"):
        mh.rates("relu", "separation", FEW, resume=file)
    file.write_text("x,y\n1,2\n")
    with pytest.raises(
        ValueError, match="must be the file of a study of rates; its first line is 'x,y'"
    ):
        mh.rates("relu", "separation", FEW, resume=file)


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, calls = rate_designs.sweep, iter(range(100))

    def interrupt(*a: object, **k: object) -> object:
        if next(calls) == 6:
            raise KeyboardInterrupt
        return real(*a, **k)  # type: ignore[arg-type]

    monkeypatch.setattr(rate_designs, "sweep", interrupt)
    found = mh.rates(["relu", "abs"], "separation", FEW)
    assert found.interrupted and {r.activation for r in found.rows} == {"relu"}
    assert "interrupted" in str(found) and len(found.fits) == 1


def test_told_and_written(separation: mh.Rates, tmp_path: Path):
    text = str(separation)
    assert "y ~ x^b" in text and "theory" in text and "elu" in text
    separation.to_csv(tmp_path / "r.csv")
    lines = (tmp_path / "r.csv").read_text().splitlines()
    assert (
        lines[0] == "against,activation,x,seed,value,status"
        and len(lines) == len(separation.rows) + 1
    )
    fig = separation.plot()
    assert [t.get_text().split()[0] for t in fig.legends[0].get_texts()] == ["relu", "elu", "tanh"]
    with pytest.raises(ValueError, match="activation must be one of"):
        separation.fit("swish")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"against": "colour"}, "against must be one of"),
        ({"values": [0.1, 0.2, 0.3]}, "at least four different numbers"),
        ({"values": [0.1, 0.2, 0.3, -1.0]}, "must be numbers > 0; got -1"),
        ({"against": "n", "values": [10, 20, 30, 40.5]}, "must be integers >= 2; got 40.5"),
        ({"d": 3}, "d is not to be chosen in rates against 'separation'"),
        ({"against": "n", "n": 3}, "n is not to be chosen"),
        ({"n": 1}, "n must be >= 2; got 1"),
        ({"against": "width", "seeds": 0}, "seeds must be >= 1"),
        ({"rng": -2}, "rng must be an integer >= 0"),
        ({"activations": ["relu", "relu"]}, "must not hold an activation twice"),
        ({"activations": "rellu"}, "unknown activation"),
    ],
)
def test_bad_input(given: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        mh.rates(**given)  # type: ignore[arg-type]


def test_the_study_of_rates():
    found = study("rates", activations=["relu", "elu"], quick=True)
    assert [s.title.split()[1] for s in found.sections] == ["separation", "initial", "neurons"]
    assert "relu 1 (theory 1), elu 3 (theory 3)" in found.conclusions[0]
    assert {r["against"] for r in found.records["fits"]} == {"separation", "scale", "width"}
    with pytest.raises(ValueError, match="takes no points"):
        study("rates", np.eye(3))


def test_bands_without_randomness_cover_the_limit():
    """Slopes at finite separation are not yet the exponent: the band says how far it may be."""
    for fit in mh.rates(["relu", "selu", "elu", "tanh", "leaky_relu"], against="separation").fits:
        assert fit.expected is not None and fit.low <= fit.expected <= fit.high, fit
        assert fit.high - fit.low < 0.01

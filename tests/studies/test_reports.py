"""Studies as reports: their numbers against independent ones, their sentences, their files, their page."""

from __future__ import annotations

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.studies import depth, descent, dimension, drawing, figure_one, theory, width
from mehler.studies.page import page
from mehler.studies.report import Picture, Section, StudyReport, Table, is_number
from mehler.studies.standardised import standardised
from mehler.studies.study import STUDIES, study


def relu_gram(X: np.ndarray) -> np.ndarray:
    """rho (1/4 + asin(rho) / 2 pi), the closed form."""
    rho = np.clip(X @ X.T, -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return rho * (0.25 + np.arcsin(rho) / (2.0 * np.pi))


# -- numbers ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_dimension() -> StudyReport:
    return study("dimension", activations=["relu", "elu", "tanh"], n=60, quick=True, rng=5)


def test_dimension_is_what_the_closed_form_gives(by_dimension: StudyReport):
    rows = {(r["dimension"], r["activation"]): r for r in by_dimension.records[""]}
    for d in dimension.QUICK:
        X = mh.generate("sphere-random", 60, d, rng=np.random.default_rng([5, 100 + d]))
        truth = float(np.linalg.eigvalsh(relu_gram(X))[0])
        row = rows[d, "relu"]
        assert row["status"] == "resolved" and row["value"] == pytest.approx(truth, rel=2e-3)


def test_dimension_sees_below_double(by_dimension: StudyReport):
    row = by_dimension.records[""][dimension.QUICK.index(2) * 3 + 2]
    assert row["activation"] == "tanh" and row["dimension"] == 2
    X = mh.generate("sphere-random", 60, 2, rng=np.random.default_rng([5, 102]))
    exact = mh.eigvalsh(X, "tanh", precision="exact", tol=1e-4)
    assert row["value"] == pytest.approx(exact.values[0], rel=2e-3) and row["value"] < 1e-10


def test_where_smooth_overtakes_kinked(by_dimension: StudyReport):
    values = {(r["dimension"], r["activation"]): r["value"] for r in by_dimension.records[""]}
    above = [d for d in dimension.QUICK if values[d, "tanh"] > values[d, "elu"]]
    first = min(d for d in above if all(e in above for e in dimension.QUICK if e >= d))
    assert first > 2
    assert any(f"tanh above elu from d' = {first} on" in s for s in by_dimension.conclusions)
    (table,) = [t for t in by_dimension.tables if "overtakes" in t.title or "above" in t.title]
    assert table.head == ("smooth", "relu", "elu") and table.rows[0][2] == str(first)


def test_principal_directions_change_nothing_but_the_dimension():
    X = np.random.default_rng(0).standard_normal((30, 9)) * np.geomspace(1.0, 1e-3, 9)
    P = dimension.principal(X)
    np.testing.assert_allclose(P @ P.T, X @ X.T, atol=1e-12)
    assert (np.diff(np.linalg.norm(P, axis=0)) < 0.0).all()
    assert dimension.principal(np.hstack([X, X])).shape == (30, 9)
    with pytest.raises(ValueError, match="point 0 is zero after the projection on 2"):
        dimension.on_sphere(np.array([[0.0, 0.0], [1.0, 0.0]]), 2)


def test_points_on_a_line_have_no_dimensions_to_study():
    with pytest.raises(ValueError, match="span two at least; these span 1"):
        study("dimension", np.array([[1.0, 2.0], [2.0, 4.0]]))


@pytest.mark.parametrize("name", ["relu", "elu", "tanh", "swish"])
def test_standardised_has_mean_zero_and_variance_one(name: str):
    f = standardised(mh.activation(name), name)
    node, weight = np.polynomial.legendre.leggauss(400)
    z = 7.0 * node + 7.0
    density = 7.0 * weight * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    moments = [float(np.sum(density * (f(z) ** k + f(-z) ** k))) for k in (1, 2)]
    assert moments == pytest.approx([0.0, 1.0], abs=1e-10)
    slope = (f(z[5:-5] + 1e-6) - f(z[5:-5] - 1e-6)) / 2e-6
    np.testing.assert_allclose(f.derivative()(z[5:-5]), slope, atol=1e-8)


def test_depth_is_the_recursion_of_cosines():
    """f^ by two-dimensional Gauss-Hermite quadrature, layer upon layer: rho -> f^(rho), G = f^_(L-1) f'^(f^_(L-1))."""
    found = study("depth", activations=["tanh"], n=12, quick=True, rng=2)
    X = mh.generate("sphere-random", 12, depth.DIMENSION, rng=np.random.default_rng([2, 200]))
    z, w = np.polynomial.hermite_e.hermegauss(120)
    w = w / np.sqrt(2.0 * np.pi)
    variance = float(np.sum(w * np.tanh(z) ** 2))

    def dual(f: np.ndarray, g: object, rho: np.ndarray) -> np.ndarray:
        v = rho[..., None, None] * z[:, None] + np.sqrt(1.0 - rho[..., None, None] ** 2) * z
        return np.einsum("i,j,i,...ij->...", w, w, f, g(v))

    rho = np.clip(X @ X.T, -1.0, 1.0)
    for _ in range(7):
        rho = dual(np.tanh(z), np.tanh, rho) / variance
        rho = np.clip(rho, -1.0, 1.0)
    slope = lambda t: np.cosh(t) ** -2.0
    G = rho * dual(slope(z), slope, rho) / variance
    truth = float(np.linalg.eigvalsh(0.5 * (G + G.T))[0])
    row = next(r for r in found.records[""] if r["standardised"] and r["depth"] == 8)
    assert row["value"] == pytest.approx(truth, rel=1e-3)


def test_depth_repairs_and_says_so():
    found = study("depth", activations=["relu", "swish"], n=20, quick=True)
    rows = [r for r in found.records[""] if r["standardised"] and r["activation"] == "swish"]
    values = [r["value"] for r in rows]
    assert values == sorted(values) and values[-1] > 1e3 * values[0]
    plain = [r["value"] for r in found.records[""] if not r["standardised"]]
    assert len(plain) == 2 * len(depth.QUICK)
    assert found.conclusions[0].startswith(
        "Standardised, the smallest eigenvalue goes from 1 to 32"
    )
    assert "proved: relu" in found.conclusions[1]


def test_figure_one_is_right_far_below_double():
    """Half circle, n = 50: closed forms of kinked ones; tanh and swish by ball arithmetic of another route, min_eig."""
    found = study("activations", n=10, quick=True, activations=["relu", "elu", "tanh", "swish"])
    rows = {(r["n"], r["activation"], r["rank"]): r for r in found.records["figure-1"]}
    assert len(rows) == 4 * (10 + 50)
    assert rows[50, "relu", 50]["value"] == pytest.approx(5.0099e-3, rel=1e-4)
    assert rows[50, "elu", 50]["value"] == pytest.approx(3.31374e-6, rel=1e-4)
    assert rows[10, "relu", 10]["value"] == pytest.approx(2.6328e-2, rel=1e-4)
    for name in ("tanh", "swish"):
        row = rows[50, name, 50]
        X = mh.generate("circle-half", 50, 2)
        exact = mh.min_eig(X, name, precision="exact", tol=1e-3)
        assert row["status"] == "resolved" and row["value"] < 1e-14
        assert row["lower"] <= exact.upper and exact.lower <= row["upper"]
    values = [rows[50, "swish", k]["value"] for k in range(1, 51)]
    assert values == sorted(values, reverse=True)
    assert next(csv.DictReader(io.StringIO(found.csv())))["resolved"] in ("true", "false")


def test_width_is_width_study():
    found = study("width", activations=["tanh"], n=7, quick=True, rng=3)
    X = mh.generate("circle-full", 7, 2)
    r = mh.min_eig(X, "tanh", width=100, rng=4)
    row = next(r for r in found.records[""] if r["seed"] == 4 and r["width"] == 100)
    assert row["value"] == pytest.approx(r.value, rel=2e-3)
    limit = float(np.linalg.eigvalsh(mh.gradient_kernel("tanh")(X))[0])
    assert row["limit"] == pytest.approx(limit, rel=1e-3)


def test_bounds_enclose():
    found = study("bounds", n=30, quick=True, activations=["relu", "tanh"])
    for r in found.records[""]:
        below = r["direction"] == "lower"
        assert (
            (r["value"] <= r["measured"]) if below else (r["value"] >= r["measured"] * (1 - 1e-9))
        )
        assert r["hypothesis"] and r["source"]
    assert {r["span"] for r in found.records[""]} == {theory.LOW, theory.HIGH - 0}
    assert "lower <= measured <= upper for all 2" in found.conclusions[0]


def test_training_is_gradient_descent():
    """The loss of plain gradient descent, written out: W <- W - eta dL/dW, from f = 0."""
    found = study("training", activations=["relu", "tanh"], n=6, quick=True, rng=3)
    rows = {(r["activation"], r["step"]): r for r in found.records[""]}
    X = mh.generate("circle-half", 6, 2)
    y = np.where(np.random.default_rng([3, 600, 6]).random(6) < 0.5, -1.0, 1.0)
    W, a = descent.network(2_000, 2, 3)
    slope = 1.0 - np.tanh(W @ X.T) ** 2
    G = slope.T @ slope / 2_000 * (X @ X.T)
    eta = rows["tanh", 0]["step_size"]
    assert eta == pytest.approx(1.0 / np.linalg.eigvalsh(G)[-1], rel=1e-6)
    for _ in range(300):
        Z = np.tanh(W @ X.T)
        residual = a @ Z / np.sqrt(2_000) - y
        W = W - eta / np.sqrt(2_000) * (a[:, None] * (1.0 - Z * Z) * residual) @ X
    loss = 0.5 * float(np.sum((a @ np.tanh(W @ X.T) / np.sqrt(2_000) - y) ** 2))
    assert rows["tanh", 300]["loss"] == pytest.approx(loss, rel=1e-9)
    assert [rows[a, 0]["loss"] for a in ("tanh", "relu")] == pytest.approx([3.0, 3.0], rel=1e-12)
    assert rows["relu", 300]["loss"] < 0.1 * rows["tanh", 300]["loss"]
    assert "fastest first: relu" in found.conclusions[0]
    values, V = np.linalg.eigh(G)
    linear = 0.5 * float(np.sum((1.0 - eta * values) ** 600 * (V.T @ y) ** 2))
    assert rows["tanh", 300]["predicted"] == pytest.approx(linear, rel=1e-6)


def test_where_networks_leave_the_prediction_is_read_off_the_losses():
    found = study("training", activations=["relu", "swish"], n=10, quick=True, rng=3)
    away = []
    for name in ("relu", "swish"):
        rows = [r for r in found.records[""] if r["activation"] == name]
        near = [abs(r["loss"] / r["predicted"] - 1.0) <= 0.1 for r in rows]  # type: ignore[operator]
        if not near[-1]:
            last = max(r["step"] for r, ok in zip(rows, near, strict=True) if ok)  # type: ignore[type-var]
            left = rows[-1]["loss"] / rows[0]["loss"]  # type: ignore[operator]
            away.append(name)
            assert f"{name} after t = {last:,} ({left:.2g} is left" in found.conclusions[0]
    assert away == ["relu"] and "; swish keeps to it." in found.conclusions[0]


def test_training_that_is_stopped_keeps_its_runs(monkeypatch: pytest.MonkeyPatch):
    real, calls = descent.train, iter([True, False])

    def interrupt(*a: object, **k: object) -> object:
        if next(calls):
            return real(*a, **k)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(descent, "train", interrupt)
    found = study("training", activations=["relu", "tanh"], n=4, quick=True)
    assert found.interrupted and {r["activation"] for r in found.records[""]} == {"relu"}


def test_points_of_the_user_are_taken_as_they_are():
    X = np.random.default_rng(1).standard_normal((15, 4))
    found = study("bounds", X, activations="relu", normalize=True, source="mine.npy")
    assert {r["points"] for r in found.records[""]} == {"15 points of mine.npy, d = 4"}
    few = study("bounds", X, activations="relu", normalize=True, n=9)
    assert {r["points"] for r in few.records[""]} == {"the first 9 of 15 points of X, d = 4"}


# -- asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"which": "colour"}, r"which must be one of \('activations', 'dimension'"),
        ({"activations": []}, "activations must hold at least one value"),
        ({"activations": "rellu"}, "unknown activation 'rellu'"),
        ({"n": 1}, "at least two points; got n=1"),
        ({"rng": -1}, "rng must be an integer >= 0"),
        ({"X": [[1.0, 0.0]]}, "at least two points; got 1"),
        ({"threads": 0}, "threads must be >= 1"),
    ],
)
def test_bad_questions(given: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        study(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"quick": "no"}, {"rng": None}, {"n": 2.5}, {"X": "x.npy"}])
def test_wrong_types(given: dict[str, object]):
    with pytest.raises(TypeError):
        study(**given)  # type: ignore[arg-type]


def test_ctrl_c_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch):
    calls = iter([True, False])
    real = theory.bounds

    def interrupt(*a: object, **k: object) -> object:
        if next(calls):
            return real(*a, **k)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(theory, "bounds", interrupt)
    found = study("bounds", n=8, quick=True, activations=["relu", "tanh"])
    assert found.interrupted and {r["activation"] for r in found.records[""]} == {"relu"}
    assert "interrupted: what was not reached is missing" in str(found)
    assert "Interrupted" in page(found, {})


# -- the page --------------------------------------------------------------------------------------

VOID = {"meta", "img", "br", "link"}


class Tags(HTMLParser):
    """Balance, ids, and everything that points outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.scoped: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if "id" in given:
            self.ids.append(str(given["id"]))
        self.links += [str(given[k]) for k in ("href", "src") if k in given]
        if tag == "img":
            self.images.append(given)
        if tag == "th":
            self.scoped.append(given.get("scope"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"


def toy() -> StudyReport:
    picture = Picture(
        "",
        "A <line>",
        "a line that rises",
        "Caption & more.",
        lambda fig: fig.subplots().plot([1, 2]),
    )
    table = Table("Values", ("name", "value"), (("a", "1.5"), ("b", "<= 2e-16")), "A note.")
    return StudyReport(
        "toy", "Is 1 < 2?", ("Yes.",), (Section("One", ("Words.", picture, table)),),
        {"": [{"name": "a", "value": 0.1, "seen": True}], "more": [{"x": None}]},
        {"points": "two points", "seed": 4, "n": None}, 1.25,
    )  # fmt: skip


def test_the_page_stands_by_itself(tmp_path: Path):
    files, missing = toy().save(tmp_path, "mehler study toy --data 'a b.npy'")
    assert [f.name for f in files] == [
        "toy.csv",
        "toy.png",
        "toy.html",
        "toy-more.csv",
    ] and not missing
    text = files[2].read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open and len(tags.ids) == len(set(tags.ids))
    assert all(link.startswith(("data:", "#")) for link in tags.links), "nothing from a network"
    assert all(link[1:] in tags.ids for link in tags.links if link.startswith("#"))
    assert not re.search(r"url\(|@import|<script", text)
    (image,) = tags.images
    assert image["alt"] == "a line that rises"
    drawn = base64.b64decode(str(image["src"]).partition("base64,")[2])
    assert drawn.lstrip().startswith(b"<?xml") and b"<svg" in drawn
    assert None not in tags.scoped and "<caption><span>Values</span></caption>" in text
    assert "Is 1 &lt; 2?" in text and "mehler study toy --data &#x27;a b.npy&#x27;" in text
    assert 'class="n floor">≤ 2e-16' in text
    for key, value in mh.build_info().items():
        assert f'<th scope="row">{key}</th><td>{value}</td>' in text
    assert (
        re.search(r"<td>20\d\d-\d\d-\d\d \d\d:\d\d UTC</td>", text)
        and "two points; seed 4." in text
    )
    inside = [link for link in tags.links if link.startswith("data:text/csv")]
    assert base64.b64decode(inside[0].partition("base64,")[2]).decode() == files[0].read_text()


def test_without_a_command_the_page_says_the_call():
    assert "mh.study(&#x27;toy&#x27;, rng=4)" in page(toy(), {})


def test_tables_of_numbers_are_csv():
    assert toy().csv() == "name,value,seen\na,0.1,true\n" and toy().csv("more") == 'x\n""\n'


def test_printed():
    text = str(toy())
    assert "Is 1 < 2?" in text and "b     <= 2e-16" in text and text.endswith("Yes.")


@pytest.mark.parametrize("text", ["1", "-2.5e-3", "<= 1e-16", "1,024", "-", "", "> 64", "32"])
def test_numbers_stand_right(text: str):
    assert is_number(text)


@pytest.mark.parametrize("text", ["relu", "rows 3 and 4", "N = 4"])
def test_words_stand_left(text: str):
    assert not is_number(text)


# -- pictures --------------------------------------------------------------------------------------


def test_a_floor_is_an_open_marker_and_no_number():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    nan = float("nan")
    series = {"tanh": (np.array([nan, 1e-3, 0.1]), np.array([1e-16, nan, nan]))}
    drawing.curves(ax, [1, 2, 4], series, "x", "y")
    markers = [m for m in ax.get_lines() if m.get_linestyle() == "None"]
    known, bound = markers
    np.testing.assert_array_equal(known.get_ydata(), [1e-3, 0.1])
    np.testing.assert_array_equal(bound.get_ydata(), [1e-16])
    assert bound.get_markerfacecolor() == "white" and known.get_markerfacecolor() != "white"
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_a_spectrum_ends_at_its_floor():
    from matplotlib.figure import Figure

    X = mh.generate("circle-half", 50, 2)
    ax = Figure().subplots()
    s = mh.eigvalsh(X, "swish", precision="double")
    assert figure_one.one(ax, "swish", 0, s)
    curve, bound = ax.get_lines()
    assert len(curve.get_ydata()) == sum(x == "resolved" for x in s.status) < 50
    assert (
        bound.get_markerfacecolor() == "white"
        and float(bound.get_ydata()[0]) > s.values[-1] * 1e-18
    )


def test_every_study_has_its_name_and_a_line():
    assert list(STUDIES) == [
        "activations",
        "dimension",
        "depth",
        "width",
        "training",
        "bounds",
        "rates",
        "data",
        "ste",
        "random-features",
        "quadratic",
        "gauss-newton",
        "spiking",
    ]
    assert STUDIES["width"] is width and all(len(m.TEXT) > 20 for m in STUDIES.values())

"""The study: its numbers, its floors, its conclusion, its files and its picture."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.plots import BAND, COLOURS, plot_dimension, plot_spectrum
from mehler.studies.activations import ACTIVATIONS, EPS, Study, figure, run_study, save


@pytest.fixture(scope="module")
def quick() -> Study:
    return run_study(quick=True)


def test_numbers_are_those_of_a_dense_eigensolver(quick: Study):
    X = mh.generate("sphere-random", quick.n, 8, rng=np.random.default_rng([quick.seed, 2, 8]))
    for name in ACTIVATIONS:
        truth = np.linalg.eigvalsh(mh.gradient_kernel(name)(X))
        row = quick.smallest("dimension", name, 8)
        assert row.value == pytest.approx(truth[0], abs=row.floor)
        assert row.floor == pytest.approx(quick.n * EPS * truth[-1], rel=0.02)


def test_the_low_set_spans_three_of_ten_dimensions(quick: Study):
    X = mh.generate(
        "subspace-random", quick.n, 10, span=3, rng=np.random.default_rng([quick.seed, 0])
    )
    values = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[::-1]
    mine = [r for r in quick.rows if (r.experiment, r.activation, r.d) == ("spectrum", "relu", 10)]
    assert [r.rank for r in mine] == list(range(1, quick.n + 1)) and mine[0].span == 3
    np.testing.assert_allclose([r.value for r in mine], values, atol=mine[0].floor)


def test_it_shows_what_it_is_there_to_show(quick: Study):
    low, high = quick.spans
    assert quick.ratio(low) > 1e3 and quick.ratio(high) < 10.0
    sentence = quick.conclusion()
    assert "(relu, selu)" in sentence and "(tanh, swish)" in sentence and "3 dimensions" in sentence
    assert sentence in " ".join(str(quick).split())


def test_no_number_stands_below_its_floor(quick: Study):
    assert all(r.value >= r.floor for r in quick.rows)
    unseen = [r for r in quick.rows if not r.resolved]
    assert unseen and all(r.value == r.floor for r in unseen)
    row = quick.smallest("dimension", "swish", 2)
    assert not row.resolved and f"<= {row.floor:.0e}" in str(quick)


def test_repeats_bit_for_bit(quick: Study):
    again = run_study(quick=True)
    assert again.to_csv() == quick.to_csv()
    assert run_study(n=20, quick=True, seed=1).to_csv() != run_study(n=20, quick=True).to_csv()


def test_csv_is_tidy(quick: Study):
    rows = list(csv.DictReader(io.StringIO(quick.to_csv())))
    assert len(rows) == len(quick.rows)
    assert list(rows[0]) == ["experiment", "data", "n", "d", "span", "activation", "rank", "value",
                             "floor", "resolved"]  # fmt: skip
    assert [float(r["value"]) for r in rows] == [r.value for r in quick.rows]
    assert {r["resolved"] for r in rows} == {"true", "false"}


def test_activations_of_one_kind_leave_nothing_to_compare():
    study = run_study(n=12, quick=True, activations=("relu", "abs"))
    assert "nothing to compare" in study.conclusion()


def test_a_study_needs_points():
    with pytest.raises(ValueError, match="at least two points; got n=1"):
        run_study(n=1)


def test_files(quick: Study, tmp_path: Path):
    files, missing = save(quick, tmp_path / "new" / "folder")
    assert [f.name for f in files] == ["study.csv", "study.png"] and not missing
    assert files[0].read_text() == quick.to_csv()
    assert files[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_without_matplotlib_the_table_is_still_written(
    quick: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    files, missing = save(quick, tmp_path)
    assert [f.name for f in files] == ["study.csv"]
    assert "matplotlib is not installed" in missing and "mehler[plot]" in missing


# -- pictures --------------------------------------------------------------------------------------


def test_figure_leaves_matplotlib_as_it_was(quick: Study):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    fig = figure(quick)
    assert dict(mpl.rcParams) == before
    left, right = fig.axes
    assert left.get_yscale() == right.get_yscale() == "log"
    assert [t.get_text() for t in fig.legends[0].get_texts()] == list(ACTIVATIONS)


def test_figure_says_how_to_make_it_again(quick: Study):
    assert figure(quick).get_supxlabel() == (
        "G-matrix, infinite width; n = 80 random unit points a set, seed 20; "
        "left: d = 10 (of which they span 3) and d = 50; right: d = 2 to 30"
    )


def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_spectrum_stops_at_its_floor_with_an_open_marker():
    ax = axes()
    plot_spectrum(ax, {"relu": [1e-20, 1.0, 0.1], "elu": [1.0, 2.0, 3.0]},
                  {"relu": 1e-15, "elu": 1e-15})  # fmt: skip
    curve = ax.get_lines()[0]
    np.testing.assert_array_equal(curve.get_ydata(), [1.0, 0.1])
    open_markers = [m for m in ax.get_lines() if m.get_markerfacecolor() == "white"]
    assert [float(m.get_ydata()[0]) for m in open_markers] == [1e-15]
    assert open_markers[0].get_markeredgecolor() == COLOURS["relu"]
    assert [p.get_gid() for p in ax.patches] == [BAND]


def test_dimension_draws_unseen_values_on_the_floor():
    ax = axes()
    values, floors = np.array([-1e-18, 1e-3, 0.1]), np.full(3, 1e-15)
    plot_dimension(ax, [2, 5, 9], {"tanh": values}, {"tanh": floors})
    line, seen, unseen = ax.get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [1e-15, 1e-3, 0.1])
    np.testing.assert_array_equal(seen.get_xdata(), [5, 9])
    np.testing.assert_array_equal(unseen.get_xdata(), [2])
    assert unseen.get_markerfacecolor() == "white" and seen.get_markerfacecolor() != "white"


def test_axes_may_be_drawn_into_twice_and_without_floors():
    ax = axes()
    plot_spectrum(ax, {"mine": [1.0, 2.0], "other": [3.0, 4.0]})
    assert not ax.patches
    plot_spectrum(ax, {"relu": [1e-20, 100.0]}, {"relu": 1e-15})
    plot_spectrum(ax, {"relu": [1e-20, 1e5]}, {"relu": 1e-15}, ls="--")
    assert len(ax.patches) == 1 and ax.get_ylim()[1] >= 1e5
    colours = [c.get_color() for c in ax.get_lines()[:3:2]]
    assert len(set(colours)) == 2, "activations without a colour of their own differ"

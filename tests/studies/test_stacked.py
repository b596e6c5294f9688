"""Pictures for a phone: a row of panels becomes a column, with the same curves, and the page offers it to narrow screens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("matplotlib")

from mehler.studies.page import ABOVE
from mehler.studies.report import Picture, Section, StudyReport
from mehler.studies.stacked import WIDTH, side_by_side


def two(fig: Any) -> None:
    axes = fig.subplots(1, 2, squeeze=False)[0]
    for k, ax in enumerate(axes):
        ax.plot([0, 1], [k, 2 + k], label=f"curve {k}")
        ax.set_title("a title that is far too long for one line of a panel as narrow as a phone")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(5 * handles, 5 * labels, loc="outside upper center", ncols=5)


PAIR = Picture("", "Two", "two lines", "Left: one; right: another.", two, (11.0, 4.8))
ALONE = Picture("alone", "One", "a line", "Left alone.", lambda fig: fig.subplots().plot([1, 2]))


def test_panels_side_by_side_stand_one_below_the_other():
    wide, narrow = PAIR.figure(), PAIR.figure(stacked=True)
    assert side_by_side(wide) and not side_by_side(narrow)
    assert narrow.get_size_inches()[0] == WIDTH
    narrow.draw_without_rendering()
    above, below = (ax.get_position() for ax in narrow.axes)
    assert above.y0 > below.y1 and above.x0 == pytest.approx(below.x0, abs=0.02)
    lines = [[list(ax.lines[0].get_ydata()) for ax in fig.axes] for fig in (wide, narrow)]
    assert lines[0] == lines[1] == [[0, 2], [1, 3]]


def test_legend_and_titles_fit():
    fig = PAIR.figure(stacked=True)
    fig.draw_without_rendering()
    legend = fig.legends[0].get_window_extent()
    assert 0 <= legend.x0 and legend.x1 <= fig.bbox.width
    for ax, wide in zip(fig.axes, PAIR.figure().axes, strict=True):
        (title,) = [t for t in (ax.title, ax._left_title, ax._right_title) if t.get_text()]  # type: ignore[attr-defined]
        words = " ".join(title.get_text().split())
        assert words in [wide.get_title(loc) for loc in ("left", "center", "right")]
        extent = title.get_window_extent()
        assert 0 <= extent.x0 and extent.x1 <= fig.bbox.width


def test_a_single_panel_stays_as_it_is():
    assert not side_by_side(ALONE.figure())
    assert tuple(ALONE.figure(stacked=True).get_size_inches()) == ALONE.size


def test_the_page_offers_it_to_narrow_screens(tmp_path: Path):
    study = StudyReport("toy", "T", ("Yes.",), (Section("S", (PAIR, ALONE)),), {}, {}, 1.0)
    study.save(tmp_path)
    text = (tmp_path / "toy.html").read_text(encoding="utf-8")
    (source,) = re.findall(r"<source ([^>]*?)srcset=\"(data:image/svg\+xml;base64,[^\"]+)\"", text)
    wide = re.findall(r"src=\"(data:image/svg[^\"]+)\"", text)
    assert text.count(ABOVE) == 1  # its caption speaks of left and right
    assert "max-width" in source[0] and len(wide) == 2 and source[1] not in wide

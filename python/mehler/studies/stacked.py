"""A picture for a phone: panels that stand side by side stand one below the other, in letters of the same size."""

from __future__ import annotations

from functools import cache
from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 4.4  # inches
LETTERS, COLUMNS = 38, 3  # that fit into a title, and entries of a legend


@cache
def stacked() -> type[Figure]:
    """A kind of figure in which one row of panels becomes one column; made when matplotlib is there."""
    from matplotlib.figure import Figure

    class Stacked(Figure):
        """One row of panels becomes one column."""

        def subplots(
            self, nrows: int = 1, ncols: int = 1, *, squeeze: bool = True, **more: Any
        ) -> Any:
            """As of any figure; a row comes back as a row."""
            if nrows != 1 or ncols == 1:
                return super().subplots(nrows, ncols, squeeze=squeeze, **more)
            wide, high = self.get_size_inches()
            self.set_size_inches(WIDTH, ncols * high * WIDTH / (wide / ncols))
            axes = super().subplots(ncols, 1, squeeze=False, **more)
            return axes[:, 0] if squeeze else axes.T

        def legend(self, *args: Any, **more: Any) -> Any:
            """As of any figure, in so many columns that it fits."""
            if "ncols" in more:
                more["ncols"] = min(more["ncols"], COLUMNS)
            return super().legend(*args, **more)

        def supxlabel(self, t: str, **more: Any) -> Any:
            """As of any figure, in lines that fit."""
            return super().supxlabel(fill(t, LETTERS + 22), **more)

    return Stacked


def break_titles(fig: Figure) -> None:
    """Titles of panels in lines that fit; once everything is drawn."""
    for ax in fig.axes:
        for loc in ("left", "center", "right"):
            text = ax.get_title(loc)
            if len(text) > LETTERS:
                ax.set_title(fill(text, LETTERS), loc=loc)


def side_by_side(fig: Figure) -> bool:
    """Whether it is one row of several panels."""
    grid = fig.axes[0].get_gridspec() if fig.axes else None
    return grid is not None and grid.nrows == 1 and grid.ncols > 1

"""Draw time against n for every method and for SciPy, from the rows of bench/plan_grid.py.

    python bench/draw_choices.py --csv grid.csv --out docs/pictures

Two pictures: ``choices-d.svg``, ReLU, one panel a dimension, with SciPy's dense Cholesky shift-invert;
``choices-activation.svg``, d = 50, one panel an activation. Rings mark what auto takes, crosses what
did not resolve the value, arrows what the time limit cut short.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fit_plan import problem
from mehler.planning import choose
from plan_grid import ACTIVATIONS, DIMENSIONS, SCIPY, Row, default_csv, read

COLOURS = {
    "dense": "#7f7f7f",
    "lanczos": "#1f77b4",
    "preconditioned": "#2ca02c",
    "shift-invert": "#d62728",
    "sparse-inverse": "#9467bd",
    SCIPY: "#000000",
}


def panel(axes: Any, rows: list[Row], title: str) -> None:
    """Time against n, one line a method."""
    for method in [*COLOURS, *sorted({r.method for r in rows} - COLOURS.keys())]:
        mine = sorted((r for r in rows if r.method == method), key=lambda r: r.n)
        if not mine:
            continue
        style = "--" if method == SCIPY else "-"
        x, y = [r.n for r in mine], [r.seconds for r in mine]
        (line,) = axes.plot(x, y, style, color=COLOURS.get(method), lw=1.2, label=method)
        for r in mine:
            lost = r.status != "resolved"
            mark = "^" if r.capped else "x" if lost else "o"
            axes.plot(r.n, r.seconds, mark, color=line.get_color(), ms=4)
            if method != SCIPY and choose(problem(r.cell)) == method:
                axes.plot(r.n, r.seconds, "o", mfc="none", mec=line.get_color(), ms=10)
    axes.set(xscale="log", yscale="log", title=title, xlabel="points n")
    axes.grid(True, which="major", lw=0.3)


def figure(panels: dict[str, list[Row]], path: Path) -> None:
    """Panels side by side, one legend."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "mehler"  # the same bytes each time
    matplotlib.rcParams["svg.fonttype"] = "none"  # letters as letters: a third of the size
    import matplotlib.pyplot as plt

    shown = {title: rows for title, rows in panels.items() if rows}
    fig, axes = plt.subplots(
        1, len(shown), figsize=(3.0 * len(shown), 3.4), sharey=True, squeeze=False
    )
    for ax, (title, rows) in zip(axes[0], shown.items(), strict=True):
        panel(ax, rows, title)
    axes[0][0].set_ylabel("seconds")
    handles = {
        text: line
        for ax in axes[0]
        for line, text in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    fig.legend(
        handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False
    )
    fig.tight_layout(rect=(0, 0.08, 1, 1))
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--csv", type=Path, default=default_csv())
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    o = parser.parse_args()
    rows = [r for r in read(o.csv) if not r.error]
    o.out.mkdir(parents=True, exist_ok=True)
    by_dimension = {
        f"ReLU, d={d}": [r for r in rows if (r.d, r.activation) == (d, "relu")] for d in DIMENSIONS
    }
    by_activation = {
        f"{a}, d=50": [r for r in rows if (r.d, r.activation) == (50, a)] for a in ACTIVATIONS
    }
    for name, panels in (("choices-d", by_dimension), ("choices-activation", by_activation)):
        path = o.out / f"{name}.svg"
        figure(panels, path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

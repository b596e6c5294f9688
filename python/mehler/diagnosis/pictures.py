"""Pictures of a diagnosis and of an attribution. Values at a floor are drawn as the floor, axes are logarithmic where it matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots import STYLE
from .ask import Diagnosis
from .attributed import SHARE, Attribution
from .smoothness import ANALYTIC, Smoothness
from .span import DataDiagnosis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#606060"
DASHED: Any = (0, (4, 2))
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": "small"}


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fig = Figure(figsize=(width, height), dpi=160, layout="constrained")
    FigureCanvasAgg(fig)
    return fig


def diagnosis_figure(found: Diagnosis) -> Figure:
    """Singular values; phi with its kinks; Hermite coefficients with their law."""
    import matplotlib as mpl

    panels = (found.data is not None) + 2 * (found.activation is not None)
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        fig = _figure(4.6 * panels + 0.6, 4.2)
        axes = list(fig.subplots(1, panels, squeeze=False)[0])
        if found.data is not None:
            draw_spectrum(axes.pop(0), found.data)
        if found.activation is not None:
            draw_function(axes[0], found.activation)
            draw_coefficients(axes[1], found.activation)
    return fig


def draw_spectrum(ax: Axes, data: DataDiagnosis) -> None:
    """Singular values by rank; d', and the rounding floor."""
    values = data.singular_values
    floor = data.points.rank_threshold
    rank = np.arange(1, len(values) + 1)
    seen = values > floor
    ax.plot(rank[seen], values[seen], "o-", color=BLUE, ms=3, lw=1.2)
    ax.plot(rank[~seen], np.full(int(np.sum(~seen)), floor), "o", color=BLUE, mfc="white", ms=4)
    ax.axvline(data.dimension, color=ORANGE, lw=1.4, ls=DASHED, label=f"d' = {data.dimension}")
    if floor > 1e-6 * values[0] or not np.all(seen):
        ax.axhline(floor, color=GREY, lw=1.0, ls=":", label="rounding")
    if data.noise:
        n = data.points.n - len(data.points.zero_rows)
        level = data.noise * math.sqrt(n / max(data.rank - data.dimension, 1))
        ax.axhline(level, color=GREEN, lw=1.4, ls=DASHED, label=f"noise {data.noise:.2g}")
    ax.set_yscale("log")
    ax.set_ylim(top=3.0 * float(values[0]))
    if values[0] < 30.0 * float(values[-1]):
        ax.set_ylim(bottom=float(values[-1]) / 3.0)
    if len(values) > 30:
        ax.set_xscale("log")
    ax.set_xlabel("rank")
    ax.set_ylabel("singular value of the unit points")
    ax.set_title("dimension")
    ax.legend(**LEGEND)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_function(ax: Axes, act: Smoothness) -> None:
    """phi, and where its derivatives jump."""
    z, phi = act.curve
    ax.plot(z, phi, color=BLUE, lw=1.8)
    for k, kink in enumerate(act.kinks[:12]):
        what = "singular" if kink.order is None else f"order {kink.order}: {kink.size:+.4g}"
        at = float(np.interp(kink.at, z, phi))
        ax.plot(kink.at, at, "o", color=ORANGE, ms=7, mfc="white", mew=1.8, zorder=4)
        if k < 4:
            ax.annotate(
                what, (kink.at, at), xytext=(8, -14), textcoords="offset points", fontsize="small"
            )
    ax.set_xlabel("z")
    ax.set_ylabel(act.name)
    ax.set_title(act.text.partition(",")[0], fontsize="medium")
    ax.grid(color="#E4E4E4", lw=0.6)


def draw_coefficients(ax: Axes, act: Smoothness) -> None:
    """|mu_k| against sqrt(k), where a finite strip makes a straight line."""
    mu = np.abs(act.coefficients)
    size = float(np.sqrt(np.sum(mu**2)))
    k = np.arange(len(mu))
    floor = max(2e-16 * size, act.noise)
    seen = mu > floor
    ax.plot(np.sqrt(k[seen]), mu[seen], "o", color=BLUE, ms=3, label="|mu_k|")
    if act.kind == ANALYTIC and np.sum(seen) > 8:
        last = int(np.flatnonzero(seen)[-1])
        from_k = np.arange(2, last + 1)
        shape = np.exp(-act.strip * np.sqrt(from_k + 0.5)) * (from_k + 0.5) ** -0.25
        some = seen[2 : last + 1]
        level = np.exp(np.median(np.log(mu[2 : last + 1][some] / shape[some])))
        line = f"exp(-{act.strip:.4g} sqrt(k)) k^(-1/4)"
        ax.plot(np.sqrt(from_k), level * shape, color=ORANGE, lw=1.4, ls=DASHED, label=line)
    if not np.all(seen):
        ax.axhline(floor, color=GREY, lw=1.0, ls=":", label="rounding")
    ax.set_yscale("log")
    ax.set_ylim(floor / 3.0, 3.0 * float(np.max(mu)) if size else 1.0)
    ax.set_xlabel("sqrt(k)")
    ax.set_ylabel("Hermite coefficient")
    ax.set_title("decay")
    ax.legend(**LEGEND)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def attribution_figure(found: Attribution, shape: tuple[int, ...] | None) -> Figure:
    """Weights, nested submatrices, lambda_min without each; below, the images."""
    import matplotlib as mpl

    if not found.known:
        raise ValueError(f"there is nothing to draw: {found.message}")
    if shape is not None:
        _check(shape, found)
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        images = shape is not None
        many = len(found.rows)
        fig = _figure(13.0, 8.2 if images else 4.2)
        if images:
            parts: Any = fig.subfigures(2, 1, height_ratios=(4.2, 3.6))
            above, below = parts
        else:
            above = fig.subfigures(1, 1)
        axes: Any = above.subplots(1, 3)
        draw_weights(axes[0], found)
        draw_nested(axes[1], found)
        draw_without(axes[2], found)
        if shape is not None:
            cells = below.subplots(2, many, squeeze=False)
            draw_images(cells, found, tuple(shape))
            below.suptitle(
                "the heaviest points (above), each over its nearest neighbour", fontsize="medium"
            )
        fig.suptitle(f"{found.kernel}, n = {found.n:,}", fontsize="medium")
    return fig


def _check(shape: tuple[int, ...], found: Attribution) -> None:
    d = found._shown.shape[1]
    ok = len(shape) in (2, 3) and math.prod(shape) == d and (len(shape) == 2 or shape[2] == 3)
    if not ok:
        raise ValueError(
            f"shape must be (height, width) or (height, width, 3) with {d} numbers in all, as X has columns; got {shape!r}."
        )


def draw_weights(ax: Axes, found: Attribution) -> None:
    """Weights by rank, and their sum."""
    w = np.sort(found.weights)[::-1]
    rank = np.arange(1, len(w) + 1)
    seen = w > 1e-12
    ax.plot(rank[seen], w[seen], "o-", color=BLUE, ms=3, lw=1.2, label="weight")
    ax.plot(rank, np.cumsum(w), color=GREEN, lw=1.8, label="sum")
    m = len(found.support)
    ax.axvline(m, color=ORANGE, lw=1.4, ls=DASHED, label=f"{m:,} carry {100 * SHARE:g} %")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("rank of the point")
    ax.set_ylabel("weight in the bottom vector")
    ax.set_title(f"participation ratio {found.participation:.3g}")
    ax.legend(loc="lower left", **LEGEND)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_nested(ax: Axes, found: Attribution) -> None:
    """lambda_min of the m heaviest points alone, above that of all."""
    m, value = np.array(found.nested, dtype=np.float64).reshape(-1, 2).T
    ok = value > 0.0
    ax.plot(m[ok], value[ok], "o-", color=BLUE, ms=5, lw=1.8, label="heaviest alone")
    if found.pair_value > 0.0:
        ax.plot(2, found.pair_value, "s", color=GREEN, ms=7, label="closest pair alone")
    if found.value > 0.0:
        ax.axhline(found.value, color=ORANGE, lw=1.4, ls=DASHED, label="all points")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("points")
    ax.set_ylabel("smallest eigenvalue")
    ax.set_title("how few explain it")
    ax.legend(**LEGEND)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_without(ax: Axes, found: Attribution) -> None:
    """Bounds of lambda_min without each of the heaviest, over that of all."""
    base = found.value if found.value > 0.0 else 1.0
    place = np.arange(len(found.rows))
    low = np.array([r.without_lower for r in found.rows]) / base
    high = np.array([r.without_upper for r in found.rows]) / base
    ax.vlines(place, low, high, color=BLUE, lw=5, alpha=0.5)
    ax.plot(place, low, "_", color=BLUE, ms=12, mew=2, label="at least")
    ax.plot(place, high, "_", color=GREEN, ms=12, mew=2, label="at most")
    ax.axhline(1.0, color=ORANGE, lw=1.4, ls=DASHED, label="all points")
    ax.set_xticks(place, [str(r.index) for r in found.rows], rotation=60, fontsize="small")
    if np.max(high) > 20.0:
        ax.set_yscale("log")
    ax.set_xlabel("row left out")
    ax.set_ylabel("smallest eigenvalue without it, relative")
    ax.set_title("leave one out")
    ax.legend(**LEGEND)
    ax.grid(axis="y", color="#E4E4E4", lw=0.6)


def draw_images(cells: Any, found: Attribution, shape: tuple[int, ...]) -> None:
    """Points of the table and their neighbours."""
    for c, row in enumerate(found.rows):
        for line, index in enumerate((row.index, row.neighbour)):
            ax = cells[line, c]
            ax.set_xticks([])
            ax.set_yticks([])
            pixels = found._shown[2 * c + line].reshape(shape)
            low, high = float(pixels.min()), float(pixels.max())
            ax.imshow((pixels - low) / (high - low if high > low else 1.0), cmap="gray_r")
            if index is None:
                continue
            note = f"{100 * row.weight:.2g} %" if line == 0 else f"cos {row.cosine:.4f}"
            ax.set_title(f"{index}\n{note}", fontsize=8, loc="center", fontweight="normal")

"""``rates``: how fast lambda_min falls with n, dimension, separation, width, depth and scale: exponents with their bands.

Measurements come from ``sweep`` and ``width_study``, lines from ``laws``. What is not resolved is no measurement.
"""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import fields

from .._arrays import choice, integer, thread_count, tolerance
from ..activations import Activation, activation
from .grid import label_of, several
from .journal import append, fingerprint_of, own, whole_lines
from .laws import fitted
from .rate_designs import DESIGNS, Design, Setting
from .rate_table import RateRow, Rates, tabled

COLUMNS = (*(f.name for f in fields(RateRow)), "fingerprint")


def rates(
    activations: str | Activation | Sequence[str | Activation] = "relu",
    against: str = "separation",
    values: Sequence[float] | None = None,
    *,
    n: int | None = None,
    d: int | None = None,
    seeds: int = 5,
    tol: float = 1e-3,
    threads: int | None = None,
    rng: int = 0,
    report: Callable[[str], None] | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> Rates:
    """y ~ x^b or y ~ exp(b x) for lambda_min against one quantity: b with a confidence band, and what theory expects.

    Parameters
    ----------
    activations
        Names or :class:`Activation` objects.
    against
        'separation', 'n', 'dimension', 'scale' (of the initial weights), 'width' (the distance of the matrix from its limit) or
        'depth' (1 - lambda_min of the standardised features).
    values
        Of the quantity, at least four; None: those of the design.
    n, d
        Points and coordinates, where they are not the quantity; None: those of the design.
    seeds
        Draws, each of other points (width: other weights); separation and scale have no randomness.
    tol
        Relative accuracy of each eigenvalue.
    threads
        As in :func:`min_eig`.
    rng
        Seed of all draws, an integer >= 0.
    report
        Called with a line of progress.
    resume
        A CSV file: finished measurements are appended to it, and those that it has are not made again. They must be of the same
        design, settings and version of mehler; activations, values and seeds may be added.

    Returns
    -------
    Rates
        ``print`` it, ``.fits``, ``.records()``, ``.plot()``. Also when it is interrupted (Ctrl-C).

    Raises
    ------
    TypeError, ValueError
        Bad options, fewer than four values, a ``resume`` file of something else.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020 (jumps of derivatives). Barthelme, Usevich, SIAM J. Matrix Anal. Appl. 42, 2021 (flat limits).
    Lepski, Theory Probab. Appl. 35, 1991 (choice of the window).

    Examples
    --------
    >>> found = mh.rates(["relu", "elu"], against="separation")
    >>> print(" ".join(f"{fit.activation} {fit.exponent:.2f}" for fit in found.fits))  # theory: 1 and 3
    relu 1.00 elu 3.00
    """
    start = time.perf_counter()
    choice("against", against, tuple(DESIGNS))
    design = DESIGNS[against]
    acts = [(label_of(a), a) for a in several(activations, "activations", (str, Activation))]
    for _, act in acts:
        activation(act)
    if len({name for name, _ in acts}) < len(acts):
        raise ValueError("rates must not hold an activation twice; found one. Name them apart.")
    xs = _values(values, design)
    setting = Setting(
        n=_size(n, "n", design.n, against), d=_size(d, "d", design.d, against), tol=tolerance(tol),
        threads=threads, rng=integer(rng, "rng"),
    )  # fmt: skip
    thread_count(threads)
    if setting.rng < 0:
        raise ValueError(f"rng must be an integer >= 0; got {rng}.")
    draws = range(integer(seeds, "seeds") if design.random else 1)
    if not draws:
        raise ValueError(f"seeds must be >= 1; got {seeds}.")
    say = report or (lambda line: None)
    done = None if resume is None else _Done(resume, against, setting)
    rows: list[RateRow] = []
    resumed, cut = 0, False
    try:
        for name, act in acts:
            for seed in draws:
                known = [] if done is None else done.rows(name, activation(act), seed, xs)
                resumed += len(known)
                rows += known
                missing = [x for x in xs if x not in {r.x for r in known}]
                if not missing:
                    continue
                say(f"{name} against {against}, draw {seed + 1} of {len(draws)}")
                if against in ("n", "width"):  # values of one draw are parts of the largest
                    missing = sorted({*missing, max(xs)})
                found = design.measure(act, missing, seed, setting)
                if any(status == "not run" for _, status in found):
                    raise KeyboardInterrupt
                fresh = [
                    RateRow(name, x, seed, value, status)
                    for x, (value, status) in zip(missing, found, strict=True)
                    if x not in {r.x for r in known}
                ]
                rows += fresh
                if done is not None:
                    done.add(fresh, activation(act))
    except KeyboardInterrupt:
        cut = True
    order = {name: k for k, (name, _) in enumerate(acts)}
    rows.sort(key=lambda r: (order[r.activation], r.seed, r.x))
    fits = []
    for name, act in acts:
        mine = [r for r in rows if r.activation == name]
        if mine:
            x, y = tabled(mine)
            fits.append(
                fitted(
                    name,
                    design.law,
                    x,
                    y,
                    design.towards,
                    design.expected(activation(act), setting),
                )
            )
    return Rates(
        against, design.xlabel, design.ylabel, tuple(rows), tuple(fits), setting.n, setting.d,
        time.perf_counter() - start, resumed, cut,
    )  # fmt: skip


class _Done:
    """Measurements in a CSV file, each with what it is a measurement of."""

    def __init__(self, path: str | os.PathLike[str], against: str, setting: Setting) -> None:
        from .. import __version__

        self.path = path
        self.print = fingerprint_of(
            {
                "against": against,
                "n": setting.n,
                "d": setting.d,
                "tol": setting.tol,
                "rng": setting.rng,
                "version": __version__,
            }
        )
        text = whole_lines(path, COLUMNS, "a study of rates")
        self.known: dict[tuple[str, int, float], tuple[RateRow, str]] = {}
        for number, cells in enumerate(csv.DictReader(io.StringIO(text)), 2):
            try:
                row = RateRow(
                    cells["activation"],
                    float(cells["x"]),
                    int(cells["seed"]),
                    float(cells["value"]),
                    cells["status"],
                )
                mark = cells["fingerprint"]
                if not mark:
                    raise ValueError
            except (ValueError, KeyError, TypeError):
                raise ValueError(
                    f"resume={str(path)!r} must hold rows of a study of rates; line {number} is none. "
                    "Remove that line, or pass the name of a new file."
                ) from None
            if mark.partition("-")[0] != self.print:
                raise ValueError(
                    f"resume={str(path)!r} holds rows of another design, other settings or another version of mehler: found fingerprint "
                    f"{mark.partition('-')[0]} in line {number}, expected {self.print}. Pass the name of a new file, or repeat the study "
                    "that the file is of."
                )
            self.known[row.activation, row.seed, row.x] = row, mark

    def rows(self, name: str, act: Activation, seed: int, xs: Sequence[float]) -> list[RateRow]:
        """Those of one activation and draw."""
        found = [self.known[name, seed, x] for x in xs if (name, seed, x) in self.known]
        expected = self.print + own(act)
        for _, mark in found:
            if mark != expected:
                raise ValueError(
                    f"resume={str(self.path)!r} holds rows of another activation {name!r}: found fingerprint {mark}, expected {expected}. "
                    "Name the activations apart (from_function(name=...)), or pass the name of a new file."
                )
        return [row for row, _ in found]

    def add(self, rows: Sequence[RateRow], act: Activation) -> None:
        """Append finished measurements, in one write."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for r in rows:
            writer.writerow(
                [r.activation, repr(r.x), r.seed, repr(r.value), r.status, self.print + own(act)]
            )
        append(self.path, text.getvalue())


def _values(values: Sequence[float] | None, design: Design) -> list[float]:
    """Different values, ascending."""
    if values is None:
        return sorted(float(v) for v in design.values)
    try:
        given = [float(v) for v in values]
    except (TypeError, ValueError):
        raise TypeError(f"values must be a list of numbers; got {values!r}.") from None
    if len(set(given)) < 4 or len(set(given)) < len(given):
        raise ValueError(f"values must be at least four different numbers; got {given}.")
    for v in given:
        if not math.isfinite(v) or v < design.least or v <= 0.0 or (design.whole and v != int(v)):
            kind = f"integers >= {design.least:g}" if design.whole else "numbers > 0"
            raise ValueError(f"values of {design.xlabel} must be {kind}; got {v:g}.")
    return sorted(given)


def _size(given: int | None, name: str, default: int, against: str) -> int:
    """n or d, where the design leaves it to be chosen."""
    if given is None:
        return default
    if default == 0 or (name == "d" and against in ("separation", "scale")):
        raise ValueError(f"{name} is not to be chosen in rates against {against!r}; leave it out.")
    if integer(given, name) < 2:
        raise ValueError(f"{name} must be >= 2; got {given}.")
    return int(given)

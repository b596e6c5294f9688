"""The tables behind the page of ``data``: the main one has a row an activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .data import SHARES, WHOLE_UP_TO, Found, One, predicted_at
from .data_words import iterations
from .report import Record


def records(found: Found) -> dict[str, list[Record]]:
    """Tidy tables; the main one has a row an activation."""
    main: list[Record] = []
    curve: list[Record] = []
    spectrum: list[Record] = []
    carried: list[Record] = []
    for a, o in found.of.items():
        r, f, t, p = o.bottom, o.attribution, o.training, o.prediction
        row: Record = {
            "activation": a,
            "kernel": o.kernel,
            "n": len(found.A),
            "d": found.A.shape[1],
        }
        names = ("value", "lower", "upper", "lower_kind", "status", "method")
        row |= {("lambda_min" if k == "value" else k): getattr(r, k, None) for k in names}
        row["lambda_max"] = None if p is None else p.lambda_max
        row |= {k: getattr(f, k, None) for k in ("participation", "pair_value", "pair_cosine")}
        row["support"] = None if f is None or not f.known else len(f.support)
        row["pair_i"], row["pair_j"] = (None, None) if f is None or f.pair is None else f.pair
        row["step_size"] = None if p is None else p.step_size
        row["width"] = found.width
        row["steps"] = None if t is None else t.steps
        row["training_status"] = None if t is None else t.status
        row["loss"] = None if t is None else float(t.losses[-1])
        row["predicted"] = None if t is None else predicted_at(o, t.steps)
        for share in SHARES:
            i = iterations(found, o, share)
            row[f"steps_to_{share:g}_lower"] = None if i is None else i.lower
            row[f"steps_to_{share:g}_upper"] = None if i is None else i.upper
        main.append(row)
        if f is not None:
            carried += [{"activation": a, **line} for line in f.records()]
        spectrum += [
            {
                "activation": a,
                "rank": float(k),
                "eigenvalue": float(x),
                "how": "all" if len(found.A) <= WHOLE_UP_TO else "quadrature",
            }
            for k, x in zip(o.ranks, o.eigenvalues, strict=True)
        ]
        if r is not None:
            spectrum += [
                {
                    "activation": a,
                    "rank": float(len(found.A) - k),
                    "eigenvalue": float(x),
                    "how": "solved",
                }
                for k, x in enumerate(r.values)
            ]
        curve += losses(a, o)
    return {
        "": main,
        "losses": curve,
        "spectrum": spectrum,
        "attribution": carried,
        "seconds": list(found.costs),
    }


def losses(name: str, one: One) -> list[Record]:
    """Trained and predicted, at every step of either."""
    measured: dict[int, float] = {}
    if one.training is not None:
        measured = {t: float(x) for t, x in enumerate(one.training.losses)}
    steps = set(measured)
    if one.prediction is not None:
        steps |= {int(t) for t in one.prediction.steps}
    order = sorted(steps)
    unknown = [None] * len(order)
    ahead: tuple[Any, ...] = (unknown, unknown, unknown)
    if one.prediction is not None and order:
        ahead = tuple(a.tolist() for a in one.prediction.at(np.array(order, dtype=np.float64)))
    return [
        {"activation": name, "step": t, "loss": measured.get(t), "predicted": p, "lower": low, "upper": high}
        for t, p, low, high in zip(order, *ahead, strict=True)
    ]  # fmt: skip

"""``ste``: which surrogate of a step's derivative descends, which leaves a minimum, and what that does to networks of few bits."""

from __future__ import annotations

import dataclasses
import itertools
import time
from typing import Any

import numpy as np

from ...data.points import normalize
from ..ask import ACTIVATIONS, Ask
from ..report import StudyReport
from ..targets import targets
from . import found as measure
from .experiment import Plan, trained
from .found import Found

NAME = "ste"
OPTIONS = ("labels",)
TEXT = "straight-through estimators: who leaves a minimum and when, and networks of few bits"
PLAN = Plan(bits=(2, 4), seeds=5, hidden=(128,) * 4, float_epochs=5, epochs=20)
QUICK = Plan(bits=(2,), seeds=3, hidden=(32, 32), float_epochs=2, epochs=4)
FLOPS = 1.2e13  # of the products of all trainings, at most: they decide how many passes
LEAST_EPOCHS = 3
DIGITS, QUICK_DIGITS = 1797, 360
LEAST_POINTS = 12
GRAM_POINTS = 300  # real points whose matrices are looked at


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    from .sections import records, sections
    from .words import conclusions

    start = time.perf_counter()
    if ask.activations != ACTIVATIONS:
        raise ValueError(
            f"the study {NAME!r} compares its three estimators and takes no activations; got {', '.join(ask.names)}. Leave them out."
        )
    found, cut = Found(), False
    points = real(ask, found)
    plan = QUICK if ask.quick else PLAN
    if points is not None:
        plan = within(plan, len(points[0]), points[0].shape[1], int(np.max(points[1])) + 1)
    try:
        measure.measured(found, ask.quick, ask.seed, ask.threads, ask.say)
        if points is not None:
            X, y, text = points
            found.images = measure.smallest(normalize(X[:GRAM_POINTS]))
            found.images_text = text
            trained(X, y, text, plan, ask.seed, ask.say, found.trained)
    except KeyboardInterrupt:
        cut = True
    return StudyReport(
        which=NAME,
        title="Which straight-through estimator descends?",
        conclusions=conclusions(found),
        sections=sections(found),
        records=records(found),
        asked=ask.asked(
            found.images_text or "no images", activations=None, draws=found.draws, seeds=plan.seeds,
            hidden=list(plan.hidden), float_epochs=plan.float_epochs, epochs=plan.epochs,
        ),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )  # fmt: skip


def real(ask: Ask, found: Found) -> tuple[Any, Any, str] | None:
    """Points, classes 0 ... c - 1 and what they are: the user's, or scikit-learn's digits; None, and why, without."""
    if ask.X is not None:
        if ask.labels is None:
            raise ValueError(
                f"the study {NAME!r} trains a classifier on points of yours; got no labels. Pass labels (--labels), or no points."
            )
        points = ask.points("sphere-random", 2, 2, 0)
        y, X, text = targets(ask.labels, len(points.X), ask.seed), points.X, points.text
        if y.classes is None:
            raise ValueError(
                f"labels must be integers of at most 100 kinds, one a point; found {y.text}. Pass classes."
            )
        classes = y.classes
    else:
        try:
            from sklearn.datasets import load_digits
        except ImportError:
            found.missing = "No images: scikit-learn, which has the digits, is not installed. Install it, or pass points and labels."
            return None
        X, classes = load_digits(return_X_y=True)
        n = ask.count(DIGITS, QUICK_DIGITS)
        if n > len(X):
            raise ValueError(
                f"n must be <= {len(X)}, as many digits as there are; got n={n}. Pass points for more."
            )
        X, classes = X[:n], classes[:n]
        text = f"{n:,} digits of scikit-learn, d = {X.shape[1]}"
    if len(X) < LEAST_POINTS:
        raise ValueError(
            f"the study {NAME!r} holds every sixth point out and needs {LEAST_POINTS} at least; got {len(X)}."
        )
    return X, np.unique(classes, return_inverse=True)[1], text


def within(plan: Plan, n: int, d: int, classes: int) -> Plan:
    """As many passes as the flops of products allow: 6 n a weight and pass."""
    sizes = (d, *plan.hidden, classes)
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    of_pass = 6.0 * (n - n // 6) * weights
    most = int(FLOPS / (of_pass * 3 * len(plan.bits) * plan.seeds))
    epochs = min(plan.epochs, max(most, LEAST_EPOCHS))
    return dataclasses.replace(plan, epochs=epochs)

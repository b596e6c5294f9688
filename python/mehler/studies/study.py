"""``study``: one of the studies, asked in a line; the table of all of them is here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from .._arrays import as_points, choice, duration, flag, integer, thread_count
from ..activations import Activation, activation
from . import data, depth, descent, dimension, exponents, overview, theory, width
from .ask import ACTIVATIONS, Ask
from .gauss_newton import report as gauss_newton
from .grid import several
from .quadratic import report as quadratic
from .random_features import report as random_features
from .report import StudyReport
from .spiking import report as spiking
from .ste import report as ste
from .targets import checked

SEED = 20


class Study(Protocol):
    """What a module of a study has: its name, a line on it, and the way from a question to a report."""

    NAME: str
    TEXT: str

    def run(self, ask: Ask) -> StudyReport:
        """The study."""


MODULES: tuple[Study, ...] = (
    overview,
    dimension,
    depth,
    width,
    descent,
    theory,
    exponents,
    data,
    ste,
    random_features,
    quadratic,
    gauss_newton,
    spiking,
)  # a study more is a module, and its name here
STUDIES: dict[str, Study] = {module.NAME: module for module in MODULES}
DEFAULT = "activations"


def study(
    which: str = DEFAULT,
    X: Any = None,
    *,
    activations: str | Activation | Sequence[str | Activation] | None = None,
    n: int | None = None,
    normalize: bool = False,
    quick: bool = False,
    labels: Any = None,
    width: int | None = None,
    steps: int | None = None,
    time_limit: float | None = None,
    threads: int | None = None,
    rng: int = SEED,
    source: str = "X",
    report: Callable[[str], None] | None = None,
) -> StudyReport:
    """How lambda_min(G) depends on the activation, the dimension, the depth, the width, and training with it: measured, told and drawn.

    Parameters
    ----------
    which
        'activations', 'dimension', 'depth', 'width', 'training', 'bounds', 'rates', 'data'; or a neighbouring system: 'ste',
        'random-features', 'quadratic', 'gauss-newton' or 'spiking'.
    X
        Points (N, d), as in :func:`min_eig`. None: each study generates points that show what it is about.
    activations
        Names or :class:`Activation` objects; None: relu, selu, elu, tanh and swish, or as the study has it.
    n
        Number of points: generated, or the first so many of X. None: as the study has it; all of X.
    normalize
        Divide every point of X by its norm first.
    quick
        Fewer points, fewer steps, and of X at most the first 200.
    labels
        Of X, for the studies 'data', 'ste', 'random-features', 'gauss-newton' and 'spiking': (N,) or (N, c). Integers of up to 100
        kinds are classes (two of them signs), other numbers are learned as they are. None: random signs; 'ste', 'random-features'
        and 'spiking' need them with X.
    width, steps, time_limit
        Of the study 'data': neurons and steps of its trainings (None: 10,000, and as many steps as 6.3e12 flops of products are,
        up to 1,000), and seconds after which it ends with what is known. Of 'gauss-newton' width and steps; of 'random-features'
        the widest layer.
    threads
        As in :func:`min_eig`.
    rng
        Seed of points and weights, an integer: it stands in the report.
    source
        What the report calls X.
    report
        Called with a line of progress.

    Returns
    -------
    StudyReport
        ``print`` it; ``save(folder)`` writes a page, tables as CSV and pictures. Also when it is interrupted (Ctrl-C), if
        anything is known by then.

    Raises
    ------
    TypeError, ValueError
        No such study, bad points or options.

    References
    ----------
    Panigrahi, Shetty, Goyal, ICLR 2020.

    Examples
    --------
    >>> found = mh.study("depth", activations="tanh", n=10, quick=True)
    >>> for sentence in found.conclusions:
    ...     print(sentence)
    Standardised, the smallest eigenvalue goes from 1 to 32 hidden layers: tanh 0.0098 to 0.76 (77 times).
    Layers of standardised activations after which half of the diagonal is proved: tanh 166.
    """
    choice("which", which, tuple(STUDIES))
    given = several(
        ACTIVATIONS if activations is None else activations, "activations", (str, Activation)
    )
    for act in given:
        activation(act)  # refuses what is none, before any work
    if n is not None and integer(n, "n") < 2:
        raise ValueError(f"a study needs at least two points; got n={n}.")
    seed = integer(rng, "rng")
    if seed < 0:
        raise ValueError(f"rng must be an integer >= 0, which the report can name; got {rng}.")
    thread_count(threads)
    own = {"labels": labels, "width": width, "steps": steps, "time_limit": time_limit}
    for name, value in own.items():
        takes = [key for key, module in STUDIES.items() if name in getattr(module, "OPTIONS", ())]
        if value is not None and which not in takes:
            raise ValueError(
                f"{name} goes with the study {' or '.join(map(repr, takes))}; got which={which!r}. Leave it out."
            )
        least = {"width": 2, "steps": 1}.get(name, 0)
        if value is not None and least and integer(value, name) < least:
            raise ValueError(f"{name} must be >= {least}; got {value!r}.")
    seconds = duration(time_limit)
    if labels is not None and X is None:
        raise ValueError("labels go with points of yours; pass them as X.")
    A = None
    if X is not None:
        A = as_points(X)
        if len(A) < 2:
            raise ValueError(f"a study needs at least two points; got {len(A)}.")
        if flag("normalize", normalize):
            from ..data.points import normalize as to_unit_norm

            A = to_unit_norm(A)
    if labels is not None and A is not None:
        labels = checked(labels, len(A))
    ask = Ask(
        X=A,
        source=source if A is not None else "",
        activations=tuple(given),
        n=n,
        seed=seed,
        quick=flag("quick", quick),
        threads=threads,
        say=report or (lambda line: None),
        labels=labels,
        width=width,
        steps=steps,
        time_limit=seconds,
        chosen=activations is not None,
    )
    return STUDIES[which].run(ask)

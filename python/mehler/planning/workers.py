"""What a route costs where the workers of a Dask cluster hold the matrix: ``plan(..., storage=mh.Dask(client))``.

    product = bytes of the busiest worker / its stream + (bytes out + bytes in) / network

Workers are measured, all at once, so that those of one machine share its memory as they will. The network is not: it would take
a transfer to measure it, so it is taken to be one of 10 Gb/s.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

from .._arrays import beyond, enough, size_text
from ..solvers import room
from . import lanczos, parts, preconditioned
from .cost import NOMINAL, Cost, Rates, Refusal, Work
from .plan import Plan
from .problem import Problem
from .rates import fixed, rates

if TYPE_CHECKING:
    from ..distributed import Dask
    from ..distributed.model import Model

ROUTES = (lanczos, preconditioned)  # those that multiply
NETWORK = 1.25e9  # bytes a second, of the machine that all vectors and sums pass: the client's


class Workers:
    """Workers that hold a matrix.

    Parameters
    ----------
    models
        Of each format that fits, in the order in which they are tried: bytes and messages, and what each worker holds.
    speeds
        Of each worker.
    """

    def __init__(
        self, models: dict[str, tuple[Model, dict[str, int]]], speeds: dict[str, Rates]
    ) -> None:
        self.models, self.speeds = models, speeds

    @property
    def dtypes(self) -> list[str]:
        """Formats that fit."""
        return list(self.models)

    def pieces(
        self, problem: Problem, dtype: str, products: float, exact: float
    ) -> dict[str, Work]:
        """FILL and PRODUCT of a route, as seconds: the client waits for the busiest worker."""
        model, held = self.models[dtype]
        total = float(sum(held.values()))
        made = parts.filling(problem, 1.0 + exact)
        fill = max(
            self.speeds[w].seconds(made * (size / total) + Work(fresh=float(size)))
            for w, size in held.items()
        )
        read = max(size / self.speeds[w].stream for w, size in held.items())
        sent = (model.product.bytes_out + model.product.bytes_in) / NETWORK
        return {"FILL": Work(fixed=fill), "PRODUCT": Work(fixed=(read + sent) * products)}


def cost(problem: Problem, method: str, workers: Workers) -> Cost | Refusal:
    """What a method that multiplies takes on workers."""
    if method == lanczos.NAME:
        return lanczos.cost(problem, workers)
    if problem.unequal:
        return Refusal(parts.UNEQUAL)
    return preconditioned.cost(problem, workers)


def nominal(problem: Problem, storage: Dask) -> Workers:
    """The workers and what they will hold, each at the nominal rates.

    Raises
    ------
    MemoryError
        The tiles do not fit; says what would.
    ValueError
        There are no workers; or the entries leave the range of float32.
    """
    ladder = room.ladder(problem.precision, problem.size, problem.single)
    models = storage.foreseen(problem.n, problem.d, ladder, parts.BLOCK)
    names = {w for _, held in models.values() for w in held}
    return Workers(models, dict.fromkeys(names, NOMINAL))


def measured(workers: Workers, storage: Dask) -> Workers:
    """The same as fast as they are now."""
    known, names = fixed(), sorted(workers.speeds)
    speeds = dict.fromkeys(names, known) if known else storage.asked(_measured, names)
    return Workers(workers.models, speeds)


def preferred(problem: Problem, storage: Dask) -> str:
    """The method that ``auto`` takes: of those that multiply, the one that resolves the value soonest at nominal rates.

    Raises
    ------
    MemoryError, ValueError
        As :func:`nominal`.
    """
    return _soonest(answers(problem, nominal(problem, storage)))


def answers(problem: Problem, workers: Workers) -> dict[str, Cost | Refusal]:
    """What each method says that multiplies: whether its vectors fit here, and what it takes."""
    found: dict[str, Cost | Refusal] = {}
    for route in ROUTES:
        need = route.needed(problem)
        if need > problem.limit:
            found[route.NAME] = Refusal("vectors of this process, beside the workers", need)
        else:
            found[route.NAME] = cost(problem, route.NAME, workers)
    return found


def _soonest(found: dict[str, Cost | Refusal]) -> str:
    """Lanczos where none fits: it takes the least."""
    costs = {name: c for name, c in found.items() if isinstance(c, Cost)}

    def rank(name: str) -> tuple[bool, float]:
        return costs[name].status != "resolved", NOMINAL.seconds(costs[name].work)

    return min(costs, key=rank, default=lanczos.NAME)


def plan_of(problem: Problem, known: Rates, method: str, storage: Dask) -> Plan:
    """The plan of a problem whose matrix workers hold.

    Parameters
    ----------
    problem, known
        What is asked; rates of this machine, which does the rest.
    method
        'auto' or the method to take.
    storage
        The workers.
    """
    from . import certificate_needs, check_certificate, least, plan_from

    try:
        check_certificate(problem, method)
    except MemoryError as refused:
        short = max(certificate_needs(problem), least(problem, method)) + problem.copied
        said: dict[str, Cost | Refusal] = {route.NAME: Refusal(str(refused)) for route in ROUTES}
        plan = plan_from(problem, known, said, None, str(refused))
        return dataclasses.replace(plan, nbytes=short)
    try:
        workers = nominal(problem, storage)
    except MemoryError as refused:
        found: dict[str, Cost | Refusal] = {route.NAME: Refusal(str(refused)) for route in ROUTES}
        plan = plan_from(problem, known, found, None, str(refused))
        return dataclasses.replace(plan, nbytes=0)
    chosen = _soonest(answers(problem, workers)) if method == "auto" else method
    found = answers(problem, measured(workers, storage))
    answer = found[chosen]
    if isinstance(answer, Refusal):
        what = f"method={chosen!r} {answer.what}."
        if answer.needs:
            what = (
                f"method={chosen!r} on workers at n={problem.n} takes {beyond(answer.needs, problem.limit, problem.copied)}, for "
                f"{answer.what}. Use max_memory={enough(answer.needs + problem.copied)!r}."
            )
        return plan_from(problem, known, found, None, what)
    model = workers.models[answer.dtype][0]
    p = model.product
    reason = (
        f" {p.workers} worker{'s' * (p.workers > 1)} hold up to {size_text(p.entries)} of tiles each; a product is {p.messages} messages, "
        f"{size_text(p.bytes_out)} to the workers and {size_text(p.bytes_in)} from them, taken to pass at {8 * NETWORK / 1e9:.3g} Gb/s."
    )
    plan = plan_from(problem, known, found, chosen, reason, asked_for=method != "auto")
    return dataclasses.replace(plan, model=model)


async def _measured(dask_worker: Any = None) -> Rates:
    """How fast a worker is with its threads, measured beside its event loop."""
    return await asyncio.to_thread(rates, int(dask_worker.state.nthreads))

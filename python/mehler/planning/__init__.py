"""Which method, what it will cost, and why: one cost model, a module a route.

A route is a module with a ``NAME``, ``refusal(problem)``, which looks at memory alone, and
``cost(problem)``; a new one is added to ``ROUTES``. ``plan_of`` shows what they say, ``choose`` takes
the best of them, ``check`` refuses what does not fit; ``min_eig`` asks the last two.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

from .._arrays import beyond, enough, size_text
from ..certificates import deflated, factorisation
from ..operators.packed import SINGLE
from ..precision.coefficients import kernel_refusal
from ..solvers import room
from . import dense, lanczos, near_points, parts, preconditioned, shift_invert, sparse_inverse
from .cost import NOMINAL, Cost, Rates, Refusal, Work
from .plan import Candidate, Plan, duration
from .problem import Problem

__all__ = ["ROUTES", "Candidate", "Plan", "Problem", "check", "choose", "plan_of"]


class Route(Protocol):
    """What a route's module brings."""

    NAME: str

    def refusal(self, problem: Problem) -> Refusal | None: ...

    def cost(self, problem: Problem) -> Cost: ...


RESOLVING: tuple[Route, ...] = (dense, lanczos, shift_invert, preconditioned)
ROUTES: tuple[Route, ...] = (*RESOLVING, sparse_inverse)  # the last one has to be asked for
DENSE_UP_TO = 200  # all eigenpairs take less time than a probe and a choice
TIE = 1.3  # times as long may take what comes with a proof

Answer = Cost | Refusal


def answers(problem: Problem) -> dict[str, Answer]:
    """What each route says."""
    return {r.NAME: r.refusal(problem) or _cost(r, problem) for r in ROUTES}


def _cost(route: Route, problem: Problem) -> Cost:
    """Of a route, and of what follows where rounding limits its value."""
    return near_points.followed(problem, route.cost(problem))


def best(problem: Problem, costs: dict[str, Cost]) -> str:
    """The method that is expected to resolve the value soonest, at the nominal rates.

    Where ``certify`` is 'auto', one that comes with a proof may take a little longer.
    """

    def rank(name: str) -> tuple[bool, float]:
        return costs[name].status != "resolved", NOMINAL.seconds(costs[name].work)

    first = min(costs, key=rank)
    late, seconds = rank(first)
    if problem.certify == "auto" and not late and not proves(problem, first, costs[first]):
        near = [
            name
            for name in costs
            if rank(name) <= (late, TIE * seconds) and proves(problem, name, costs[name])
        ]
        first = min(near, key=rank, default=first)
    return first


def proves(problem: Problem, method: str, cost: Cost) -> bool:
    """Whether the result will have a rigorous lower bound."""
    if method == dense.NAME:
        return problem.certify != "none"
    return parts.is_certified(problem, method, cost.dtype, cost.products, cost.status)


def choose(problem: Problem) -> str:
    """The method that ``auto`` takes; MemoryError when nothing fits.

    Parameters
    ----------
    problem
        What is asked.
    """
    if problem.n <= DENSE_UP_TO and dense.refusal(problem) is None:
        return dense.NAME
    found = {r.NAME: r.refusal(problem) for r in ROUTES}
    able = [r for r in RESOLVING if found[r.NAME] is None]
    if not able:
        raise MemoryError(_nothing_fits(problem, found))
    if len(able) == 1:
        return able[0].NAME
    return best(problem, {r.NAME: _cost(r, problem) for r in able})


def check(problem: Problem, method: str) -> None:
    """Refuses a method that does not fit, before anything is made.

    Parameters
    ----------
    problem, method
        What is asked, and the method's name.

    Raises
    ------
    MemoryError
        It does not fit; what does, or what would, is in the message.
    ValueError
        Something else stands against it.
    """
    found = {r.NAME: r.refusal(problem) for r in ROUTES}
    refused = found[method]
    if refused is None:
        return
    if not refused.needs:
        if method == sparse_inverse.NAME or problem.unequal:
            raise ValueError(f"method={method!r} {refused.what}. Use method='auto'.")
        raise ValueError(refused.what)
    able = [name for name, r in found.items() if r is None]
    if not able:
        raise MemoryError(_nothing_fits(problem, found, method))
    raise MemoryError(
        f"{_takes(problem, method, refused)}. What fits: method="
        f"{' or '.join(map(repr, able))}; or max_memory={enough(refused.needs + problem.copied)!r}{refused.instead}."
    )


def check_certificate(problem: Problem, method: str) -> None:
    """Refuses, before anything is made, a certificate that was asked for and does not fit.

    Parameters
    ----------
    problem, method
        What is asked, and the method's name, or 'auto'.

    Raises
    ------
    MemoryError
        It does not fit; says what would.
    ValueError
        It is not for this kernel or these points.
    """
    if problem.certify == "rigorous":
        factorisation.check(problem, problem.threads, least(problem, method))
    elif problem.certify == "preconditioned":
        deflated.check(problem, problem.threads, least(problem, method))


def certificate_needs(problem: Problem) -> int:
    """Bytes without which ``check_certificate`` refuses."""
    if problem.certify == "rigorous":
        return parts.certificate_bytes(problem)
    return deflated.least_bytes(problem, problem.threads)


def least(problem: Problem, method: str) -> int:
    """Bytes without which the method (or, of 'auto', every one) is refused; 0 where it fits."""
    routes = [r for r in ROUTES if r.NAME == method] or RESOLVING
    found = [r.refusal(problem) for r in routes]
    return min((0 if r is None else r.needs for r in found), default=0)


def unused_path(problem: Problem, method: str) -> str:
    """What there is to say where the file that was allowed cannot serve the method for want of memory; else ''."""
    needed = {lanczos.NAME: lanczos.needed, preconditioned.NAME: preconditioned.needed}.get(method)
    if not problem.disk or needed is None:
        return ""
    of = problem
    need = room.without_file(
        of.n, needed(of), of.precision, of.size, of.single, of.limit, of.threads
    )
    if not need:
        return ""
    return (
        f"path= does not hold the tiles: products with them take max_memory={enough(need + of.copied)!r}; entries are "
        "computed again in every product"
    )


def _takes(problem: Problem, method: str, refused: Refusal) -> str:
    how = "" if problem.precision == "auto" else f", precision={problem.precision!r}"
    return (
        f"method={method!r}{how} at n={problem.n} takes "
        f"{beyond(refused.needs, problem.limit, problem.copied)}, for {refused.what}"
    )


def _nothing_fits(
    problem: Problem, found: dict[str, Refusal | None], method: str | None = None
) -> str:
    """The message, with the smallest memory that works and the method it works with."""
    refused = {name: r for name, r in found.items() if r is not None and r.needs}
    least = min(refused, key=lambda name: refused[name].needs)
    estimate = (
        " but method='sparse-inverse', for an estimate"
        if found[sparse_inverse.NAME] is None
        else ""
    )
    instead = refused[method].instead if method in refused else ""
    looser = "" if problem.precision == "auto" else ", or precision='auto', which may need less"
    return (
        f"{_takes(problem, method or least, refused[method or least])}. Nothing fits{estimate}; the least that "
        f"does is max_memory={enough(refused[least].needs + problem.copied)!r}, with method={least!r}{looser}{instead}."
    )


def plan_of(problem: Problem, rates: Rates, method: str = "auto") -> Plan:
    """The plan of a problem on a machine of such rates.

    Parameters
    ----------
    problem
        What is asked.
    rates
        The machine's, for seconds; the choice is made at nominal ones.
    method
        'auto', or the method to take.
    """
    found = answers(problem)
    rows = {name: _row(name, answer, problem, rates) for name, answer in found.items()}
    chosen: str | None = method
    note = ""
    try:
        check_certificate(problem, method)
    except MemoryError as refused:
        plan = _plan(problem, rows, None, str(refused))
        need = max(certificate_needs(problem), least(problem, method))
        return dataclasses.replace(plan, nbytes=need + problem.copied)
    if method == "auto":
        try:
            chosen = choose(problem)
        except MemoryError as none_fits:
            chosen, reason = None, str(none_fits) + _by_file(problem, rates, rows, None)
        else:
            reason = _reason(problem, rows, chosen) + _by_file(problem, rates, rows, chosen)
            note = unused_path(problem, chosen)
    else:
        try:
            check(problem, method)
        except (MemoryError, ValueError) as refused:
            chosen, reason = None, str(refused)
        else:
            reason = f"{method} was asked for; {_expectation(problem, rows[method])}."
            note = unused_path(problem, method)
    return _plan(problem, rows, chosen, f"{reason} {note}." if note else reason)


def plan_from(
    problem: Problem,
    rates: Rates,
    found: dict[str, Answer],
    chosen: str | None,
    reason: str,
    asked_for: bool = False,
) -> Plan:
    """A plan of these answers, where the choice is no matter of cost.

    Parameters
    ----------
    problem, rates
        As for :func:`plan_of`.
    found
        What each method says.
    chosen, reason
        The method, and what is to be said beside what it takes; None, and why.
    asked_for
        Whether the user has named it.
    """
    rows = {name: _row(name, answer, problem, rates) for name, answer in found.items()}
    if chosen is not None:
        head = f"{chosen} was asked for;" if asked_for else f"{chosen}:"
        reason = f"{head} {_expectation(problem, rows[chosen])}.{reason}"
    return _plan(problem, rows, chosen, reason)


def _plan(problem: Problem, rows: dict[str, Candidate], chosen: str | None, reason: str) -> Plan:
    seen = "probe" in problem.__dict__
    lowest = problem.probe.lowest(problem.n) * problem.size if seen else math.nan
    row = rows[chosen] if chosen is not None else None
    needs = [r.nbytes for r in rows.values() if not r.fits and r.nbytes]
    return Plan(
        method=chosen,
        seconds=math.nan if row is None else row.seconds + row.certificate,
        nbytes=min(needs, default=0) if row is None else row.nbytes,
        products=0 if row is None else row.products,
        status="" if row is None else row.status,
        reason=reason,
        candidates=tuple(rows.values()),
        n=problem.n,
        d=problem.d,
        dimension=problem.probe.dimension if seen else math.nan,
        lowest=float(f"{lowest:.0e}"),
        max_memory=problem.limit + problem.copied,
    )


def _row(name: str, answer: Answer, problem: Problem, rates: Rates) -> Candidate:
    if isinstance(answer, Refusal):
        needs = answer.needs + problem.copied if answer.needs else 0
        return Candidate(name, False, math.nan, 0.0, needs, 0, "", answer.what, math.nan)
    proof, nbytes = Work(), answer.nbytes
    if parts.is_certified(problem, name, answer.dtype, answer.products, answer.status):
        proof = parts.certifying(problem)
        nbytes = max(nbytes, parts.certificate_bytes(problem))
    elif preconditioned.sharpened(problem, name, answer.status):
        proof = preconditioned.sharpening(problem)
        nbytes = max(nbytes, preconditioned.sharpening_bytes(problem))
    return Candidate(
        name,
        True,
        rates.seconds(answer.work),
        rates.seconds(proof),
        nbytes + problem.copied,
        answer.products,
        answer.status,
        answer.how,
        NOMINAL.seconds(answer.work),
    )


def _reason(problem: Problem, rows: dict[str, Candidate], chosen: str) -> str:
    """Why the choice fell on it, in a sentence."""
    row = rows[chosen]
    others = [r for r in rows.values() if r.fits and r.method not in (chosen, sparse_inverse.NAME)]
    if problem.n <= DENSE_UP_TO and chosen == dense.NAME:
        return f"dense: at n <= {DENSE_UP_TO} all eigenpairs cost less than a choice."
    if not others:
        return f"{chosen}: nothing else fits into {size_text(problem.limit + problem.copied)}."
    able = [r for r in others if r.status == "resolved"]
    said = f"{chosen}: {_expectation(problem, row)}"
    soonest = min(able, key=lambda r: r.nominal, default=row)
    if row.status == "resolved" and soonest.nominal < row.nominal:
        part = soonest.seconds / (row.seconds + row.certificate)
        quick = f"takes {part:.2g} of that" if part < 0.95 else "is no quicker as measured now"
        return f"{said}; {soonest.method} {quick}, but comes without a proof (certify='none' does without)."
    if row.status == "resolved" and not able:
        return f"{said}; no other method that fits is expected to resolve the value."
    rivals = able if row.status == "resolved" else others
    following = min(rivals, key=lambda r: r.seconds)  # as the table has them
    times = following.seconds / row.seconds
    if times < 0.9:
        said += f"; chosen at nominal rates, which decide: as measured now {following.method} takes {times:.2g} of its time"
    else:
        longer = f"{times:.2g} times as long" if times >= 1.05 else "as long"
        said += f"; {following.method}, the next, would take {longer}"
    return said + "." + _estimate(rows, row)


def _by_file(problem: Problem, rates: Rates, rows: dict[str, Candidate], chosen: str | None) -> str:
    """What a file would do for a call that memory is too short for: nothing below a minute."""
    row = rows.get(chosen or "")
    short = any(not r.fits and r.nbytes and r.method != dense.NAME for r in rows.values())
    if problem.disk or problem.precision == "single" or not short:
        return ""
    if row is not None and (row.status != "resolved" or row.seconds < 60.0):
        return ""
    with_file = dataclasses.replace(problem, disk=True)
    found = {r.NAME: r.refusal(with_file) or _cost(r, with_file) for r in RESOLVING}
    costs = {name: cost for name, cost in found.items() if isinstance(cost, Cost)}
    if not costs:
        return ""
    name = best(with_file, costs)
    if costs[name].status != "resolved":
        return ""
    seconds = rates.seconds(costs[name].work)
    if row is not None and seconds > 0.8 * row.seconds:
        return ""
    return f" With path=FILE on a disk, {name} takes about {duration(seconds)}."


def _estimate(rows: dict[str, Candidate], row: Candidate) -> str:
    """What would be had in a tenth of the time."""
    other = rows[sparse_inverse.NAME]
    if not other.fits or row.seconds < 60.0 or other.seconds > 0.1 * row.seconds:
        return ""
    return f" method='sparse-inverse' estimates it in about {duration(other.seconds)}."


def _higher(problem: Problem) -> str:
    """Which precision would."""
    if problem.precision == "single" or kernel_refusal(problem.ker, "extended") is not None:
        return ""
    return " (precision='extended' or 'exact' goes below)"


def _expectation(problem: Problem, row: Candidate) -> str:
    if row.status == "rounding-limited":
        what = "single" if row.how.endswith(SINGLE) else "double"
        return (
            f"lambda_min is expected to lie below what {what} precision resolves to tol={problem.tol:g}, "
            f"and it says so in about {duration(row.seconds)}{_higher(problem)}"
        )
    if row.status == "budget-limited":
        return (
            f"about {duration(row.seconds)}, after which basis or patience is expected to be "
            "exhausted"
        )
    if row.status == "estimate":
        return f"about {duration(row.seconds)}, for an estimate with a proved upper bound"
    proof = " with the proof" if row.certificate else ""
    word = "solves" if row.method == "shift-invert" else "products"
    many = f" and {row.products} {word}" if row.products else ""
    return f"about {duration(row.seconds + row.certificate)}{proof}{many}"

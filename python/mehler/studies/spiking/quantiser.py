"""The quantiser: an activation sampled in whole spikes whose error goes on to the next step.

Of every neuron, with base activation f, step dt and state v in [0, 1):

    v <- v + dt f(x),   k = floor(v),   v <- v - k,   output k / dt.

Invariant, to rounding: sum_t (output - f) = (v_first - v_last) / dt, so that the error of every partial sum is below 1 / dt. dt
goes from non-spiking (large: steps of 1 / dt are fine) through integers (dt = 1) to rare spikes of height 1 / dt (small).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._arrays import Array, as_array, generator_from, integer, thread_count
from ...activations import Activation, activation

Real = np.ndarray[Any, Any]


def quantise(
    f: Any, dt: float, state: Any = None, *, rng: Any = None, threads: int | None = None
) -> tuple[Real, Real]:
    """v <- v + dt f, k = floor(v), v <- v - k, output k / dt, step after step.

    Partial sums of output and f differ by less than 1 / dt, to rounding: each step rounds dt f, v + dt f and k / dt to the
    type of the output, which is u (3 |dt f| + 2) at most in v, u = 6e-8 in float32, and T steps add up T of these.

    Parameters
    ----------
    f
        Values of the base activation, (T, ...): the first axis is time, the others are neurons. Of any sign and size.
    dt
        Step, > 0: the output is a multiple of 1 / dt.
    state
        v before the first step, of the shape f.shape[1:], 0 <= v < 1, or a number for all neurons. It is not changed. None:
        drawn from U[0, 1), with which every output is unbiased as long as f does not depend on the draw.
    rng
        Of that draw: None, a seed, or a Generator.
    threads
        As in :func:`mehler.min_eig`; results do not depend on it, bit for bit.

    Returns
    -------
    output, state : numpy.ndarray, numpy.ndarray
        (T, ...) and v after the last step. float32 of a float32 f, else float64.

    Raises
    ------
    TypeError
        f or state is no array of real numbers, dt no number.
    ValueError
        f is a single number or not finite; dt is not positive, or dt f overflows; state of another shape or outside [0, 1).
    """
    step = positive(dt, "dt")
    given = as_array(f, "f")
    if given.ndim == 0:
        raise ValueError("f must have a first axis, time; got a single number. Pass [f].")
    dtype = np.float32 if given.dtype == np.float32 else np.float64
    values = np.ascontiguousarray(given, dtype=dtype)
    largest = float(np.max(np.abs(values), initial=0.0))
    if not math.isfinite(largest):
        raise ValueError("f must be finite; found NaN or infinity. Remove or impute such entries.")
    if not largest * step <= float(np.finfo(dtype).max) or not largest / step < np.inf:
        raise ValueError(
            f"dt f must be in the range of {np.dtype(dtype)}; got dt={step:g} and |f| up to {largest:g}. Take another dt."
        )
    if float(dtype(step)) <= 0.0 or not math.isfinite(float(dtype(1.0 / step))):
        raise ValueError(
            f"dt and 1 / dt must be in the range of {np.dtype(dtype)}; got dt={step:g}."
        )
    shape = values.shape[1:]
    if state is None:
        v = generator_from(rng).random(shape, dtype=dtype)
    else:
        v = as_state(state, shape, dtype)
    out = np.empty_like(values)
    rows = len(values), math.prod(shape)
    _core.quantise(
        values.reshape(rows), step, v.reshape(-1), out.reshape(rows), thread_count(threads)
    )
    return out, v


def as_state(state: Any, shape: tuple[int, ...], dtype: Any) -> Real:
    """A state of one's own, as a new array."""
    given = as_array(state, "state")
    if given.ndim and given.shape != shape:
        raise ValueError(
            f"state must have one entry a neuron, shape {shape}; got shape {given.shape}."
        )
    v = np.array(np.broadcast_to(given, shape), dtype=dtype, order="C")
    if v.size and not (np.min(v) >= 0.0 and np.max(v) < 1.0):
        raise ValueError(
            f"state must satisfy 0 <= v < 1; got values from {np.min(v):g} to {np.max(v):g}."
        )
    return v


def quantise_gradient(x: Any, act: str | Activation, upstream: Any = 1.0) -> Array:
    """upstream f'(x): what goes back through the quantiser.

    The output has no derivative where it has a value; backwards it counts as f(x) itself, and nothing goes back through the
    state (a straight-through estimator of the floor). dt does not come in.

    Parameters
    ----------
    x
        Preactivations, of any shape.
    act
        The base activation f: a name, or an :class:`mehler.Activation`.
    upstream
        Derivative of the loss by the output, of a shape that broadcasts with x.

    Returns
    -------
    numpy.ndarray
        float64.

    Raises
    ------
    TypeError, ValueError
        x or upstream is no array of real numbers; no such activation, or one that jumps itself.
    """
    z = np.asarray(as_array(x, "x"), dtype=np.float64)
    try:
        return np.asarray(activation(act).derivative()(z) * as_array(upstream, "upstream"))
    except ValueError as error:
        if "broadcast" not in str(error):
            raise
        raise ValueError(
            f"upstream must broadcast with x, shape {z.shape}; got shape {np.shape(upstream)}."
        ) from None


def anneal(first: float, last: float, steps: int) -> Array:
    """dt_s = first (last / first)^(s / (steps - 1)): from non-spiking to spiking, by equal factors.

    Parameters
    ----------
    first, last
        dt of the first and of the last step, > 0. One step alone has ``last``.
    steps
        How many, >= 1.

    Returns
    -------
    numpy.ndarray
        (steps,)

    Raises
    ------
    TypeError, ValueError
        Numbers that are not positive.
    """
    a, b = positive(first, "first"), positive(last, "last")
    if integer(steps, "steps") < 1:
        raise ValueError(f"steps must be >= 1; got {steps}.")
    return np.geomspace(a, b, steps) if steps > 1 else np.array([b])


@dataclass(frozen=True)
class Activity:
    """How much quantised neurons say, by definitions of this package alone.

    Attributes
    ----------
    spikes
        Mean of |k|: spikes a neuron and step.
    silent
        Share of k = 0.
    distinct
        Number of different k.
    bits
        log2(distinct): what a code of fixed length needs for one k.
    mean_bits
        Mean of log2(1 + |k|).
    """

    spikes: float
    silent: float
    distinct: int
    bits: float
    mean_bits: float


def activity(output: Any, dt: float) -> Activity:
    """Spikes and bits of what :func:`quantise` gave: k = dt output.

    Parameters
    ----------
    output
        Multiples of 1 / dt, of any shape.
    dt
        The step they were made with.

    Returns
    -------
    Activity
        Counts by our own definitions: not comparable with figures of papers, which may count otherwise.

    Raises
    ------
    TypeError, ValueError
        No output at all, or one that is no multiple of 1 / dt.
    """
    return said(spike_counts(output, dt))


def spike_counts(output: Any, dt: float) -> dict[int, int]:
    """How often each k = dt output was said."""
    step = positive(dt, "dt")
    given = as_array(output, "output")
    scaled = np.asarray(given, dtype=np.float64).reshape(-1) * step
    if not scaled.size:
        raise ValueError("output must hold at least one value; got none.")
    k = np.rint(scaled)
    slack = 1e-5 if given.dtype == np.float32 else 1e-9
    if not np.all(np.abs(scaled - k) <= slack * np.maximum(1.0, np.abs(k))):
        raise ValueError(
            f"output must be multiples of 1 / dt, as quantise makes them; found others with dt={step:g}."
        )
    values, counts = np.unique(k, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def said(counts: Mapping[int, int]) -> Activity:
    """The activity of so many spikes of each kind."""
    total = sum(counts.values())
    return Activity(
        sum(abs(k) * n for k, n in counts.items()) / total,
        counts.get(0, 0) / total,
        len(counts),
        math.log2(len(counts)),
        sum(math.log2(1 + abs(k)) * n for k, n in counts.items()) / total,
    )


def positive(value: Any, name: str) -> float:
    """A finite number above zero."""
    if isinstance(value, (str, bytes, bool, np.bool_)):
        raise TypeError(f"{name} must be a number > 0; got {value!r}.")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number > 0; got {value!r}.") from None
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} must be a number > 0; got {value!r}.")
    return number

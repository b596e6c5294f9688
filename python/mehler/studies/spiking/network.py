"""A recurrent network: a fixed linear memory, one layer of quantised hidden units, a linear read-out of the last step.

    u_t = e_x x_t + e_h h_(t-1) + e_m m_(t-1),   m_t = A m_(t-1) + B u_t        (memory, never quantised, A and B fixed)
    z_t = W_x x_t + W_h h_(t-1) + W_m m_t,       h_t = quantiser(f(z_t))        (hidden units)
    o = W_o h_T + b_o

One step is linear up to f: with s_t = (h_(t-1), m_(t-1), x_t), E = (e_h, e_m, e_x), R s = A m, W_0 s = W_x x + W_h h,

    m_t = P s_t,  P = R + B E^t,      z_t = (W_0 + W_m P) s_t,

so that each step, forwards and backwards, is one matrix product. Backwards the quantiser counts as f. Columns are examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _core
from ..._arrays import Array, generator_from, integer
from ...activations import activation
from ...training.elementwise import pair_of
from .memory import legendre_memory, zero_order_hold

Real = np.ndarray[Any, Any]
Weights = dict[str, Real]


@dataclass(frozen=True, eq=False)
class Network:
    """Weights, and what is fixed.

    Attributes
    ----------
    weights
        e_x (c,), e_h (p,), e_m (q,), W_x (p, c), W_h (p, p), W_m (p, q), W_o (k, p), b_o (k,).
    A, B
        Of the memory, discrete: (q, q), (q,).
    act
        Name of f.
    """

    weights: Weights
    A: Real
    B: Real
    act: str

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Units p, order q, channels c."""
        return len(self.weights["e_h"]), len(self.weights["e_m"]), len(self.weights["e_x"])

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(w.size for w in self.weights.values())

    def folded(self) -> tuple[Real, Real]:
        """G (p + q, p + q + c), which makes (z_t, m_t) of s_t, and P, its last q rows."""
        p, q, _ = self.sizes
        w = self.weights
        P = np.outer(self.B, np.concatenate([w["e_h"], w["e_m"], w["e_x"]]))
        P[:, p : p + q] += self.A
        G = np.concatenate([w["W_m"] @ P, P])
        G[:p, :p] += w["W_h"]
        G[:p, p + q :] += w["W_x"]
        return G, P


def network(
    units: int,
    order: int,
    theta: float,
    classes: int,
    channels: int = 1,
    act: str = "tanh",
    rng: Any = None,
    dtype: Any = np.float32,
) -> Network:
    """A network before training: e_x = 1, W_m and W_o uniform of variance 2 / (rows + columns), all else 0.

    Parameters
    ----------
    units, order, theta
        Hidden units p; order q and window of the memory, in steps.
    classes, channels
        Outputs k, and inputs c a step.
    act
        Name of the base activation f.
    rng
        A Generator, a seed, or None.
    dtype
        float32 or float64.

    Returns
    -------
    Network

    Raises
    ------
    TypeError, ValueError
        Sizes below 1, theta not positive, no such activation.
    """
    for name, size in (
        ("units", units), ("classes", classes), ("channels", channels),
    ):  # fmt: skip
        if integer(size, name) < 1:
            raise ValueError(f"{name} must be >= 1; got {size}.")
    activation(act).derivative()
    random = generator_from(rng)
    A, B = zero_order_hold(*legendre_memory(order, theta))

    def uniform(rows: int, columns: int) -> Array:
        edge = np.sqrt(6.0 / (rows + columns))
        return random.uniform(-edge, edge, (rows, columns))

    p, q, c, k = units, order, channels, classes
    weights = {
        "e_x": np.ones(c), "e_h": np.zeros(p), "e_m": np.zeros(q),
        "W_x": np.zeros((p, c)), "W_h": np.zeros((p, p)), "W_m": uniform(p, q),
        "W_o": uniform(k, p), "b_o": np.zeros(k),
    }  # fmt: skip
    kind = np.dtype(dtype)
    return Network(
        {name: w.astype(kind) for name, w in weights.items()}, A.astype(kind), B.astype(kind), act
    )


@dataclass(frozen=True, eq=False)
class Trace:
    """What a pass forwards leaves for the pass backwards.

    Attributes
    ----------
    s
        (T + 1, p + q + c, b): s_t before each step; h_T and m_T in the last.
    slopes
        (T, p, b): f'(z_t).
    logits
        (k, b).
    """

    s: Real
    slopes: Real
    logits: Real

    def hidden(self, units: int) -> Real:
        """h_1 ... h_T, (T, p, b)."""
        return self.s[1:, :units]


def forward(net: Network, x: Real, dt: float | None, v: Real | None = None) -> Trace:
    """Through time.

    Parameters
    ----------
    net
        The network.
    x
        (T, c, b), of the dtype of the weights.
    dt
        Step of the quantisers; None: f itself, the non-spiking network.
    v
        States (p, b) of the quantisers, which go on in place; None with dt None.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError
        Shapes or dtypes that are not those of the network, dt without states or states without dt.
    """
    p, q, c = net.sizes
    G, _ = net.folded()
    _refuse(net, x, dt, v)
    T, _, b = x.shape
    s = np.zeros((T + 1, p + q + c, b), G.dtype)
    s[:T, p + q :] = x
    y = np.empty((T, p + q, b), G.dtype)
    f, scratch = np.empty((p, b), G.dtype), np.empty((p, b), G.dtype)
    pair = pair_of(activation(net.act))
    state = None if v is None else v.reshape(-1)
    for t in range(T):
        np.matmul(G, s[t], out=y[t])
        if state is None or dt is None:
            pair(y[t, :p], s[t + 1, :p], scratch)  # y is f'(z) from here on
        else:
            pair(y[t, :p], f, scratch)
            _core.quantise(f.reshape(1, -1), dt, state, s[t + 1, :p].reshape(1, -1), 1)
        s[t + 1, p : p + q] = y[t, p:]
    logits = net.weights["W_o"] @ s[T, :p] + net.weights["b_o"][:, None]
    return Trace(s, y[:, :p], logits)


def _refuse(net: Network, x: Real, dt: float | None, v: Real | None) -> None:
    """What would be taken for something else, or ignored."""
    (p, _, c), kind = net.sizes, net.weights["e_x"].dtype
    if x.ndim != 3 or x.shape[0] == 0 or x.shape[1] != c or x.dtype != kind:
        raise ValueError(
            f"x must be {kind} of shape (T, {c}, b), T >= 1; got {x.dtype} of shape {x.shape}."
        )
    if (dt is None) != (v is None):
        raise ValueError(
            "dt and v go together: pass both for a spiking network, neither for f itself."
        )
    if v is not None and (
        v.shape != (p, x.shape[2]) or v.dtype != kind or not v.flags.c_contiguous
    ):
        raise ValueError(
            f"v must be {kind} of shape {(p, x.shape[2])}, C order; got {v.dtype} of shape {v.shape}."
        )


def backward(net: Network, trace: Trace, error: Real) -> Weights:
    """Derivatives of the loss by every weight, the quantiser taken for f.

    Parameters
    ----------
    net
        The network.
    trace
        Of :func:`forward`.
    error
        Derivative of the loss by the logits, (k, b).

    Returns
    -------
    dict
        Names as in ``net.weights``.
    """
    p, q, _ = net.sizes
    G, P = net.folded()
    w = net.weights
    T, _, b = trace.slopes.shape
    d = np.empty((T, p + q, b), G.dtype)  # by z_t, and by m_t but through z_t
    back = np.ascontiguousarray(G[:, : p + q].T)
    np.multiply(w["W_o"].T @ error, trace.slopes[T - 1], out=d[T - 1, :p])
    d[T - 1, p:] = 0.0
    for t in range(T - 2, -1, -1):
        np.matmul(back, d[t + 1], out=d[t])
        d[t, :p] *= trace.slopes[t]
    s = trace.s[:T]
    by_G = np.tensordot(d, s, axes=([0, 2], [0, 2]))
    by_P = by_G[p:] + w["W_m"].T @ by_G[:p]
    by_E = net.B @ by_P
    return {
        "e_x": by_E[p + q :], "e_h": by_E[:p], "e_m": by_E[p : p + q],
        "W_x": by_G[:p, p + q :], "W_h": by_G[:p, :p], "W_m": by_G[:p] @ P.T,
        "W_o": error @ trace.s[T, :p].T, "b_o": error.sum(axis=1),
    }  # fmt: skip


def cross_entropy(logits: Real, labels: Real) -> tuple[float, Real]:
    """Mean of -log softmax(o)_label over the columns, and its derivative by the logits.

    Parameters
    ----------
    logits
        (k, b).
    labels
        (b,), integers below k.

    Returns
    -------
    loss, derivative : float, numpy.ndarray
    """
    shifted = logits - logits.max(axis=0)
    share = np.exp(shifted)
    total = share.sum(axis=0)
    columns = np.arange(len(labels))
    loss = float(np.mean(np.log(total) - shifted[labels, columns]))
    share /= total
    share[labels, columns] -= 1.0
    share /= len(labels)
    return loss, share

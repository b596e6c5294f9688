"""Weights and read-outs of a layer: given by the user, or a law to draw them by; checked here.

Invariant: a read-out of signs with one output is no read-out, since a_k^2 = 1; and what is drawn for the
read-out never moves what is drawn for the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import Array, as_array, integer
from .._words import meant

LAWS = ("sign", "gaussian")


def weights_of(width: Any, weights: Any, d: int, biased: bool) -> tuple[int, Array | None]:
    """(m, weights or None), of what the user has said; d counts the biases' coordinate."""
    if width is not None:
        width = integer(width, "width")
        if width < 1:
            raise ValueError(f"width must be >= 1, the number of neurons; got {width}.")
    if weights is None:
        if width is None:
            raise ValueError(
                "width and weights are both None; say how many neurons (width=1000) or give their weights."
            )
        return width, None
    W = as_array(weights, "weights")
    if W.ndim != 2 or W.shape[0] < 1 or W.shape[1] != d:
        last = ", the last column holding the biases," if biased else ""
        raise ValueError(
            f"weights must have the shape (m, {d}), one neuron a row{last} m >= 1; got {W.shape}."
        )
    if width is not None and width != len(W):
        raise ValueError(
            f"width={width} and weights of {len(W)} neurons disagree; leave width None."
        )
    out = np.ascontiguousarray(W, dtype=np.float64)
    if not np.isfinite(out).all():
        k, j = np.argwhere(~np.isfinite(out))[0]
        raise ValueError(f"weights must be finite; found {out[k, j]} at ({k}, {j}).")
    return len(out), out


def readout_of(
    readout: Any, outputs: Any, m: int, kernel: str
) -> tuple[int, Array | None, str | None]:
    """(c, a given read-out (m, c) or None, the law of one that is drawn or None)."""
    c = None if outputs is None else integer(outputs, "outputs")
    if c is not None and c < 1:
        raise ValueError(f"outputs must be >= 1; got {c}.")
    if kernel == "nngp" and readout is not None:
        raise ValueError(
            "readout has no part in the nngp kernel, whose weights it is; leave it None."
        )
    if readout is None or isinstance(readout, str):
        law = "sign" if readout is None else readout
        if law not in LAWS:
            raise ValueError(
                f"readout must be one of {LAWS} or an array; got {readout!r}.{meant(readout, LAWS)}"
            )
        c = c or 1
        drawn = kernel != "nngp" and not (law == "sign" and c == 1)
        return c, None, law if drawn else None
    a = as_array(readout, "readout")
    if a.ndim == 2 and len(a) == m and a.shape[1] >= 1:
        if c not in (None, a.shape[1]):
            raise ValueError(
                f"outputs={c} and a readout of {a.shape[1]} outputs disagree; leave outputs None."
            )
        c = a.shape[1]
    elif a.shape != (m,):
        raise ValueError(
            f"readout must have the shape ({m},), one a neuron; got {a.shape}. Of c outputs it is ({m}, c)."
        )
    elif c not in (None, 1):
        raise ValueError(f"outputs={c} takes a readout of the shape ({m}, {c}); got {a.shape}.")
    out = np.ascontiguousarray(a.reshape(m, -1), dtype=np.float64)
    if not np.isfinite(out).all():
        raise ValueError(f"readout must be finite; found {out[~np.isfinite(out)][0]}.")
    return out.shape[1], out, None


def spawned(generator: np.random.Generator) -> np.random.Generator:
    """A generator beside the user's, the same for the same seed."""
    try:
        return generator.spawn(1)[0]
    except TypeError:
        raise TypeError(
            "rng must be able to spawn a generator for the read-out; got one without a SeedSequence. Pass a seed, "
            "or draw readout=(m, c) yourself."
        ) from None

"""What :class:`mehler.Dask` is given, checked before any work: found, expected, remedy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import integer, memory_limit


def check_client(client: Any, local: bool) -> None:
    """Refuse what is no client that can be asked; ``local``: options of a cluster on this machine are given too."""
    for name in ("run", "submit", "nthreads"):
        if not hasattr(client, name):
            raise TypeError(
                f"client must be a distributed.Client, or None for workers on this machine; got {type(client).__name__}."
                + (f" Pass distributed.Client({client!r})." if isinstance(client, str) else "")
                + (" Pass its client: cluster.get_client()." if hasattr(client, "scale") else "")
            )
    if getattr(client, "asynchronous", False):
        raise ValueError(
            "client must not be asynchronous: products wait for their sums. Make one with "
            "distributed.Client(address), without asynchronous=True."
        )
    if client.status in ("closing", "closed"):
        raise ValueError("client is closed; make another with distributed.Client(address).")
    if local:
        raise ValueError(
            "n_workers, threads_per_worker and memory_limit are for workers on this machine; leave them out, or "
            "leave the client out."
        )


def addresses(workers: Any) -> list[str] | None:
    """Addresses of workers; None for all."""
    if workers is None:
        return None
    expected = "workers must be a list of addresses such as 'tcp://10.0.0.7:40123', or None for all"
    if isinstance(workers, (str, bytes)):
        raise TypeError(f"{expected}; got the text {workers!r}. Pass [{workers!r}].")
    try:
        found = list(workers)
    except TypeError:
        raise TypeError(f"{expected}; got {workers!r}.") from None
    for w in found:
        if not isinstance(w, str):
            raise TypeError(f"{expected}; found {w!r} in it. list(client.nthreads()) has them.")
    if not found:
        raise ValueError("workers must name at least one worker, or be None for all.")
    return list(dict.fromkeys(found))


def check_known(workers: Sequence[str] | None, known: Sequence[str]) -> None:
    """Refuse addresses where there is no worker."""
    missing = [w for w in workers or () if w not in known]
    if missing:
        raise ValueError(
            f"workers names {missing}, and the cluster has no workers among them; it has {sorted(known)}. Pass some of "
            "these, or None for all."
        )


def local_options(n_workers: Any, threads_per_worker: Any, limit: Any) -> dict[str, Any]:
    """Options of a cluster on this machine, as ``distributed.LocalCluster`` takes them."""
    counts = {"n_workers": n_workers, "threads_per_worker": threads_per_worker}
    for name, value in counts.items():
        if value is not None and integer(value, name) < 1:
            raise ValueError(f"{name} must be >= 1, or None for Dask's choice; got {value!r}.")
    expected = "memory_limit must be bytes, a fraction of all memory, a text such as '4GB', 'auto', or None for no limit"
    taken = limit
    if isinstance(limit, str) and limit != "auto":
        try:
            taken = memory_limit(limit)
        except ValueError:
            raise ValueError(f"{expected}; got {limit!r}.") from None
    elif limit is not None and limit != "auto":
        if isinstance(limit, (bool, np.bool_)) or not isinstance(limit, (int, float, np.number)):
            raise TypeError(f"{expected}; got {limit!r}.")
        if not (limit > 0 and math.isfinite(limit)):
            raise ValueError(f"{expected}; got {limit!r}.")
    given = {name: None if value is None else int(value) for name, value in counts.items()}
    return given | {"memory_limit": taken}

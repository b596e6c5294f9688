"""Questions that are not answered: whoever stands still, Ctrl-C, a callback and the time limit are looked at meanwhile."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import types

import numpy as np
import pytest

import mehler as mh
from mehler._progress import Reporter
from mehler.distributed.blocks import Blocks
from mehler.distributed.rounds import SchedulerLost, rooms_of, workers_of

pytest.importorskip("distributed")

X = mh.generate("sphere-random", n=300, d=4, rng=0)


class Still:
    """A client of which one method does not come back before the test is over."""

    status, scheduler = "running", None

    def __init__(self, which: str) -> None:
        self.over = threading.Event()
        self.which = which

    def _say(self, which, answer):
        if which == self.which:
            self.over.wait(5.0)
        return answer

    def nthreads(self):
        return self._say("nthreads", {"a": 1})

    def run(self, function, *args, **options):
        return self._say("run", {})

    def submit(self):
        raise AssertionError

    def scatter(self, blocks, workers=None, hash=True):
        return self._say("scatter", blocks)

    def gather(self, found):
        return self._say("gather", [np.ones(1)])


@pytest.mark.parametrize(
    ("which", "question"),
    [
        ("nthreads", lambda c: workers_of(c)),
        ("nthreads", lambda c: rooms_of(c, None)),
        ("run", lambda c: rooms_of(c, None)),
        ("run", lambda c: mh.Dask(c).asked(math.sqrt, ["a"])),
        ("scatter", lambda c: Blocks(X).futures(c)),
    ],
)
def test_whoever_waits_can_be_stopped(which, question):
    client = Still(which)
    begun = time.monotonic()
    with Reporter(None, lambda state: True), pytest.raises(KeyboardInterrupt):
        question(client)
    client.over.set()
    assert time.monotonic() - begun < 3.0


@pytest.mark.parametrize("status", ["pending", "finished"])
def test_norms_that_are_awaited_can_be_stopped(monkeypatch, status):
    """Those that are still computed, and those that do not come."""
    client = Still("gather")
    future = type("Future", (), {"status": status})()
    client.map = lambda function, blocks, first, normalize: [future]
    blocks = Blocks(types.SimpleNamespace(chunks=((len(X),), X.shape[1:])))  # a dask array
    monkeypatch.setattr(blocks, "futures", lambda client: [])
    threading.Timer(5.0, setattr, (future, "status", "finished")).start()
    begun = time.monotonic()
    with Reporter(None, lambda state: True), pytest.raises(KeyboardInterrupt):
        blocks.norms(client, False)
    client.over.set()
    assert time.monotonic() - begun < 3.0


def test_a_client_that_is_lost_meanwhile():
    client = Still("run")
    threading.Timer(0.2, setattr, (client, "status", "closed")).start()
    threading.Timer(0.4, client.over.set).start()
    client.run = lambda *args, **options: client.over.wait(5.0) and 1 / 0
    with pytest.raises(SchedulerLost, match="start a cluster"):
        rooms_of(client, None)


def test_what_a_function_raises_is_raised():
    client = Still("")

    def run(function, **options):
        raise ZeroDivisionError(options["on_error"])

    client.run = run
    with pytest.raises(ZeroDivisionError, match="raise"):
        mh.Dask(client).asked(math.sqrt, ["a"])


@pytest.mark.parametrize("how", ["gram", "min_eig"])
def test_the_limit_holds_while_workers_are_asked_for_their_room(client, workers, how):
    """One of them stands still before anything is placed."""
    pid = client.run(os.getpid, workers=[workers[0]])[workers[0]]
    storage = mh.Dask(client, workers[:2])
    os.kill(pid, signal.SIGSTOP)
    on = threading.Timer(6.0, os.kill, (pid, signal.SIGCONT))
    on.start()
    begun = time.monotonic()
    try:
        if how == "gram":
            with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
                mh.gram(X, storage=storage, callback=lambda state: True)
        else:
            with pytest.warns(mh.ConvergenceWarning, match="time_limit"):
                r = mh.min_eig(X, "relu", storage=storage, time_limit=1.0, method="lanczos")
            assert r.status == "budget-limited"
        assert time.monotonic() - begun < 4.0
    finally:
        on.cancel()
        os.kill(pid, signal.SIGCONT)

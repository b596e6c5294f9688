"""Tiles on workers that are emulated: what is asked, and what becomes of answers that no healthy cluster gives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from mehler.distributed import rounds, worker
from mehler.distributed.placement import CHUNK, Room, nodes_of
from mehler.distributed.tiles import Tiles
from mehler.distributed.worker import Setup

N = 300  # two leaves


class Future:
    """Of a share that is there."""

    status = "finished"


class Client:
    """Says that it runs."""

    status = "running"


class Cluster:
    """Emulated workers: who there is, and what each answers to which question.

    Attributes
    ----------
    answers
        By question, called with the worker and the arguments.
    asked
        (question, worker, arguments), in order.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.asked: list[tuple[Any, str, tuple]] = []
        self.leaves: dict[str, list[int]] = {}
        self.answers = {
            worker.begin: self.begin,
            worker.progress: lambda w, *args: ("ok", (1, 1, "")),
            worker.multiply: self.multiply,
        }

    def begin(self, w, token, leaves):
        self.leaves[w] = leaves[w]
        return "ok", None

    def multiply(self, w, token, V, exact):
        """Each leaf is the identity."""
        return "ok", [(i, s, s * V) for i, s in nodes_of(self.leaves[w])]

    def ask(self, client, function, *args, workers, gone=tuple):
        self.asked += [(function, w, args) for w in workers]
        return {w: self.answers[function](w, *args) for w in workers}


@pytest.fixture
def cluster(monkeypatch):
    found = Cluster(["a", "b"])

    class Round:
        def __init__(self, client, function, *args, workers):
            self.ask = lambda: found.ask(client, function, *args, workers=workers)

        def answers(self, watch):
            return self.ask()

    monkeypatch.setattr(rounds, "ask", found.ask)
    monkeypatch.setattr(rounds, "Round", Round)
    monkeypatch.setattr(rounds, "tell", lambda *args, **options: None)
    monkeypatch.setattr(
        rounds, "rooms_of", lambda *args: {w: Room(float("inf"), 1) for w in found.names}
    )
    monkeypatch.setattr(
        Tiles, "_open", lambda self, new: self.futures.update({w: Future() for w in new})
    )
    return found


def made(n: int = N) -> Tiles:
    setup = Setup("", n, "float64", 1.0, None, 0.0, True, False, None, False)
    return Tiles(Client(), None, setup, None, 3)


# -- slices -----------------------------------------------------------------------------------------


def test_no_worker_gets_more_columns_than_are_planned(cluster):
    K = made()
    V = np.random.default_rng(0).standard_normal((N, 11))
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    sent = [args[1].shape[1] for function, _, args in cluster.asked if function is worker.multiply]
    assert sent == [4, 4, 4, 4, 3, 3] and max(sent) <= CHUNK
    cost = K.cost(11)
    assert cost.slices == 3 and K.traffic.products == 1
    assert K.traffic.messages == cost.messages == 12
    assert (K.traffic.bytes_out, K.traffic.bytes_in) == (cost.bytes_out, cost.bytes_in)


def test_a_product_that_kills_its_workers_is_given_up(cluster):
    """Whoever gets V is lost, and a new one comes: not for ever."""
    K = made()
    killed = []

    def kill(w, *args):
        killed.append(w)
        assert len(killed) <= 20, "for ever"
        cluster.names = [f"new{len(killed)}"]
        return "lost", "no answer"

    cluster.answers[worker.multiply] = kill
    said = "workers were lost 5 times within one product, the last time new5 (no answer)."
    with pytest.raises(RuntimeError, match=re.escape(said) + ".*more memory"):
        K.product(np.ones((N, 2)))
    assert len(killed) == 6  # the first time two of them

"""Tiles on workers that are emulated: what is asked, and what becomes of answers that no healthy cluster gives."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import CancelledError
from typing import Any

import numpy as np
import pytest

from mehler import _core
from mehler._progress import Reporter
from mehler.distributed import holders, rounds, worker
from mehler.distributed.blocks import Blocks
from mehler.distributed.holders import _is_loss
from mehler.distributed.placement import CHUNK, Room, nodes_of
from mehler.distributed.tiles import Tiles
from mehler.distributed.worker import CANCELLED, Filling, Setup, Share, digest_of

pytest.importorskip("distributed")

N = 300  # two leaves
OPEN = Tiles._open  # as it is; the fixture replaces it


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
        self.wanted: dict[str, list[int]] = {}
        self.room = lambda w: float("inf")
        self.slow, self.rows = False, [(N, b"first")]
        self.answers = {
            worker.begin: self.begin,
            worker.progress: self.progress,
            worker.multiply: self.multiply,
            worker.squares: lambda w, token: ("ok", dict.fromkeys(self.leaves[w], 1.0)),
        }

    def begin(self, w, token, leaves):
        self.wanted[w] = leaves
        return "ok", (None, self.rows)

    def progress(self, w, token):
        if self.slow:
            return "ok", (0, len(self.wanted[w]), "")
        self.leaves[w] = self.wanted[w]
        return "ok", (len(self.leaves[w]), len(self.leaves[w]), "")

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
        rounds, "rooms_of", lambda *args: {w: Room(found.room(w), 1) for w in found.names}
    )
    monkeypatch.setattr(
        Tiles, "_open", lambda self, new: self.futures.update({w: Future() for w in new})
    )
    return found


def made(n: int = N) -> Tiles:
    setup = Setup("", n, "float64", 1.0, None, 0.0, True, False, None, False)
    return Tiles(Client(), None, setup, Blocks(np.ones((n, 3))), 3)


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
    said = (
        "workers were lost 5 times within one round of questions, the last time new5 (no answer)."
    )
    with pytest.raises(RuntimeError, match=re.escape(said) + ".*more memory"):
        K.product(np.ones((N, 2)))
    assert len(killed) == 6  # the first time two of them


# -- shares that cannot be had ------------------------------------------------------------------------


def at_most(times: int, answer: Any) -> Any:
    """The same answer whatever is asked; who asks for ever fails."""
    asked = []

    def say(*args):
        asked.append(args)
        assert len(asked) <= times, "for ever"
        return answer

    return say


def test_a_worker_that_cannot_begin_says_why(cluster):
    cluster.answers[worker.begin] = at_most(4, ("error", "KeyError: 'tcp://10.0.0.7:1'"))
    with pytest.raises(RuntimeError, match=r"worker a: KeyError: 'tcp://10\.0\.0\.7:1'"):
        made().product(np.ones((N, 1)))


def test_a_fill_that_cannot_be_asked_for_says_why(cluster):
    cluster.answers[worker.progress] = at_most(4, ("error", "OSError: broken"))
    with pytest.raises(RuntimeError, match="worker a: OSError: broken"):
        made()


def test_each_worker_is_sent_its_own_leaves(cluster):
    K = made()
    sent = {w: args[1] for function, w, args in cluster.asked if function is worker.begin}
    assert sent == {"a": [0], "b": [1]} == K.held


def test_shares_that_never_come_are_given_up(cluster, monkeypatch):
    monkeypatch.setattr(Tiles, "_open", at_most(20, None))
    with pytest.raises(RuntimeError, match=r"2 of 2 leaves were not to be had in 5 attempts"):
        made().product(np.ones((N, 1)))


def test_while_leaves_are_placed_again_it_can_be_stopped(cluster, monkeypatch):
    monkeypatch.setattr(Tiles, "_open", at_most(20, None))
    K = made()
    with Reporter(None, lambda state: True), pytest.raises(KeyboardInterrupt):
        K.product(np.ones((N, 1)))


def test_what_is_a_loss():
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    lost = [CommClosedError("closed"), CancelledError(), KilledWorker("share", None, 3)]
    lost.append(RuntimeError("Worker holding Actor was lost"))
    assert [_is_loss(error) for error in lost] == [True] * 4
    kept = [ZeroDivisionError(), FileNotFoundError("rows.npy"), RuntimeError("no"), KeyError(1)]
    assert [_is_loss(error) for error in kept] == [False] * 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("X must be finite"), "^X must be finite$"),
        (
            FileNotFoundError("rows.npy"),
            "worker b could not make points.*FileNotFoundError: rows.*",
        ),
    ],
)
def test_a_share_that_was_refused_says_why(cluster, monkeypatch, error, said):
    """Not asked for again and again."""
    K = made()

    class Refused:
        status = "error"

        def exception(self):
            return error

    monkeypatch.setattr(Tiles, "_open", OPEN)
    K.client.submit = lambda *args, **options: Refused()
    monkeypatch.setattr(K.blocks, "futures", lambda client, workers: [])
    K._forget("b")
    cluster.names = ["b"]
    kind = ValueError if isinstance(error, ValueError) else RuntimeError
    with pytest.raises(kind, match=said):
        K._restore()


# -- fills that are interrupted -----------------------------------------------------------------------


def test_after_an_interrupted_refill_nothing_is_taken_for_held(cluster):
    K, V = made(), np.random.default_rng(0).standard_normal((N, 2))
    K._forget("b")
    cluster.slow = True
    with Reporter(None, lambda state: state.phase == "fill"), pytest.raises(KeyboardInterrupt):
        K.product(V)
    assert K.held == {"a": [0]} and K.unsure
    cluster.slow = False
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    assert K.squares() == 2.0 and not K.unsure


def test_who_was_interrupted_lets_go_what_others_were_given(cluster):
    """b has been asked for a leaf, and interrupted; while it is away, a fills the leaf: b is asked to hold none."""
    K, V = made(), np.ones((N, 1))
    K._forget("b")
    cluster.slow = True
    with Reporter(None, lambda state: state.phase == "fill"), pytest.raises(KeyboardInterrupt):
        K.product(V)
    assert K.unsure == {"b"}
    cluster.slow, cluster.names = False, ["a"]
    cluster.leaves["b"] = [1]  # it has gone on
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    assert cluster.leaves == {"a": [0, 1], "b": []}


def test_leaves_of_an_interrupted_refill_make_room(cluster, monkeypatch):
    """What b has filled in vain takes its room, until it is asked to let it go."""
    monkeypatch.setattr(holders, "PATIENCE", 0.5)
    K, V = made(), np.ones((N, 1))
    K._forget("b")
    cluster.slow = True
    with Reporter(None, lambda state: state.phase == "fill"), pytest.raises(KeyboardInterrupt):
        K.product(V)
    cluster.slow = False
    cluster.room = lambda w: 0.0 if w == "a" or cluster.wanted[w] else float("inf")
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    assert K.held == {"a": [0], "b": [1]}


def test_a_fill_that_somebody_else_has_cancelled_is_begun_again(cluster):
    said = iter([("ok", (0, 1, CANCELLED))] * 2)
    healthy = cluster.progress
    cluster.answers[worker.progress] = lambda w, *args: next(said, None) or healthy(w, *args)
    K = made()
    np.testing.assert_array_equal(K.product(np.ones((N, 1))), 2.0)


def test_all_leaves_have_to_answer(cluster):
    K = made()
    cluster.answers[worker.squares] = lambda w, token: ("ok", {})
    with pytest.raises(RuntimeError, match=r"said nothing of leaves \[0, 1\].*call gram again"):
        K.squares()


def share_of(leaves: dict[int, Any], leaf: Any) -> Share:
    """A share without points: ``leaf`` makes its leaves."""
    share = object.__new__(Share)
    share.setup = Setup("", N, "float64", 1.0, None, 0.0, True, False, None, False)
    share.leaves, share.exact, share._leaf = dict(leaves), dict(leaves), leaf
    return share


def test_a_share_holds_what_it_is_told_and_no_more():
    share = share_of({0: "0", 3: "3"}, lambda dtype, leaf, held: str(leaf))
    share.filling = filling = Filling(2)
    share.fill([3, 4], filling)
    assert share.leaves == {3: "3", 4: "4"} and share.exact == {3: "3"}
    assert (filling.done, filling.error) == (2, "")


def test_a_fill_ends_when_another_begins_or_is_told_to():
    def leaf(dtype, leaf, held):
        share.filling = Filling(0)
        return str(leaf)

    share = share_of({}, leaf)
    share.filling = filling = Filling(3)
    share.fill([0, 1, 2], filling)
    assert share.leaves == {0: "0"}

    def interrupted(dtype, leaf, held):
        raise _core.Interrupted

    share._leaf, share.filling = interrupted, filling
    share.fill([1], filling)
    assert filling.error == CANCELLED


# -- products of two threads --------------------------------------------------------------------------


def test_two_threads_place_a_leaf_once(cluster):
    K, V = made(), np.ones((N, 1))
    K._forget("b")
    cluster.asked.clear()
    healthy, found = cluster.progress, []

    def progress(w, *args):
        time.sleep(0.3)
        return healthy(w, *args)

    cluster.answers[worker.progress] = progress
    threads = [
        threading.Thread(target=lambda: found.append(K.product(V)), daemon=True) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert [function for function, _, _ in cluster.asked].count(worker.begin) == 1
    for Y in found:
        np.testing.assert_array_equal(Y, 2.0 * V)
    assert len(found) == 2 and K.traffic.products == 2


def test_who_waits_for_another_thread_to_place_leaves_can_be_stopped(cluster):
    K, V = made(), np.ones((N, 1))
    K._forget("b")
    cluster.slow = True
    first = Reporter(None, None)
    first.time_limit = 60.0
    ended = threading.Event()

    def multiply():
        with first, pytest.raises(KeyboardInterrupt):
            K.product(V)
        ended.set()

    thread = threading.Thread(target=multiply, daemon=True)
    thread.start()
    time.sleep(0.3)
    asked = len([1 for function, _, _ in cluster.asked if function is worker.begin])
    with Reporter(None, lambda state: state.phase == "workers"), pytest.raises(KeyboardInterrupt):
        K.product(V)
    again = len([1 for function, _, _ in cluster.asked if function is worker.begin])
    first.stop("over")
    assert ended.wait(10.0) and again == asked
    thread.join(10.0)


def test_a_product_during_which_leaves_move_is_made_again(cluster):
    """Another thread has placed leaves anew between two answers: both halves would be those of one leaf."""
    K, V = made(), np.ones((N, 1))
    healthy, moved = cluster.multiply, []

    def multiply(w, *args):
        if w == "b" and not moved:
            moved.append(w)
            thread = threading.Thread(target=move)
            thread.start()
            thread.join(10.0)
        return healthy(w, *args)

    def move():
        K._forget("a")
        cluster.names = ["b"]
        K._restore()

    cluster.answers[worker.multiply] = multiply
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    assert K.held == {"b": [0, 1]}


# -- rows that change ---------------------------------------------------------------------------------


def test_rows_that_have_changed_are_refused_as_often_as_they_are_sent(cluster):
    K, V = made(), np.ones((N, 1))
    K._forget("b")
    first, cluster.rows = cluster.rows, [(N, b"second")]
    for _ in range(2):
        with pytest.raises(ValueError, match=r"X is not what it was .* rows 0 to 299, .*X\.copy"):
            K.product(V)
    cluster.rows = first
    np.testing.assert_array_equal(K.product(V), 2.0 * V)
    assert K.traffic.replaced == 1


def test_digests_are_those_of_values():
    A = np.arange(20_000.0).reshape(10_000, 2)
    first = digest_of(A)
    assert first == digest_of(A.copy()) == digest_of(np.asfortranarray(A)) and first[0] == 10_000
    B = A.copy()
    B[9_999, 1] = np.nextafter(B[9_999, 1], 0.0)
    others = [digest_of(Z) for Z in (B, A.astype(np.float32), A.reshape(5_000, 4), A[:-1])]
    assert len({first, *others}) == 5


def test_which_rows_have_changed_is_said():
    blocks = Blocks(None)  # none of NumPy
    blocks.confirm([(10, b"a"), (20, b"b")])
    blocks.confirm([(10, b"a"), (20, b"b")])
    with pytest.raises(ValueError, match=r"of rows 10 to 29, 20 were found that differ.*persist"):
        blocks.confirm([(10, b"a"), (20, b"c")])
    with pytest.raises(ValueError, match="it had 2 blocks of rows, and has 1"):
        blocks.confirm([(10, b"a")])

"""Products straight to the workers: the bits of the scheduler's way, and the scheduler's way where it does not open."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.distributed.direct import Line, Lines, _exchange, ask
from mehler.distributed.door import Door
from mehler.distributed.rounds import Watch
from mehler.distributed.wire import WELCOME, answer, block, host_of, raw

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")  # comes with it

N = 1500
X = mh.generate("sphere-random", n=N, d=4, rng=0)
V = np.random.default_rng(1).standard_normal((N, 3))
TOKEN = "0123456789abcdef" * 2


class Running:
    """A client that only says that it runs."""

    status = "running"


def asked(port: int, A: np.ndarray, exact: bool = False):
    """What a door says of a product."""
    lines = Lines(Running(), TOKEN)
    lines.offer("tcp://127.0.0.1:1", port)
    with lines.taken(["tcp://127.0.0.1:1"]) as found:
        for line in found.values():
            line.put(np.asfortranarray(A), exact)
        answers = _exchange(found, Watch(Running()))
    lines.close()
    return answers.get("tcp://127.0.0.1:1")


@pytest.fixture
def door():
    made = []

    def make(ask, n=5):
        made.append(Door("127.0.0.1", TOKEN, n, ask))
        return made[-1].port

    yield make
    for one in made:
        one.close()


# -- a door ------------------------------------------------------------------------------------------


def test_what_goes_comes_back(door):
    A = np.random.default_rng(0).standard_normal((N, 3))
    seen = []

    def ask(B, exact, beside):
        seen.append((exact, beside))
        return "ok", [(0, 2, 2.0 * B), (4, 4, np.asfortranarray(B[::-1]))]

    state, sums = asked(door(ask, N), A, exact=True)
    assert state == "ok" and seen == [(True, True)]
    assert [(i, s) for i, s, _ in sums] == [(0, 2), (4, 4)]
    np.testing.assert_array_equal(sums[0][2], 2.0 * A)
    np.testing.assert_array_equal(sums[1][2], A[::-1])
    assert sums[0][2].flags.writeable  # sums are added in place


def test_blocks_larger_than_any_buffer(door):
    n = 1_000_000  # 32 MB each way
    A = np.asfortranarray(np.random.default_rng(0).standard_normal((n, 4)))
    state, sums = asked(door(lambda B, exact, beside: ("ok", [(0, 1, B)]), n), A)
    assert state == "ok"
    np.testing.assert_array_equal(sums[0][2], A)


@pytest.mark.parametrize("state", ["lost", "late", "error"])
def test_what_goes_wrong_is_told(door, state):
    port = door(lambda B, exact, beside: (state, "ValueError: né"))
    assert asked(port, np.zeros((5, 1))) == (state, "ValueError: né")


def test_who_does_not_know_the_token_gets_nothing(door):
    called = []
    port = door(lambda B, exact, beside: called.append(B) or ("ok", []))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stranger:
        stranger.sendall(b"f" * len(TOKEN))
        assert stranger.recv(100) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as friend:
        friend.sendall(TOKEN.encode())
        assert friend.recv(100) == WELCOME
    assert not called


def test_more_columns_than_are_planned_have_no_room(door):
    called = []
    port = door(lambda B, exact, beside: called.append(B) or ("ok", [(0, 1, B)]))
    assert asked(port, np.zeros((5, 5))) is None  # the connection ends
    assert not called


def test_a_stranger_behind_the_door_is_left():
    """Something else listens there: no line, and no waiting beyond two seconds."""
    for says in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""):
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(
                target=lambda s=server, t=says: s.accept()[0].sendall(t), daemon=True
            ).start()
            lines = Lines(Running(), TOKEN)
            lines.offer("tcp://127.0.0.1:1", server.getsockname()[1])
            with lines.taken(["tcp://127.0.0.1:1"]) as found:
                assert found == {}
            assert lines.doors == {}  # not tried again


def test_a_product_has_the_lines_for_itself(door):
    """A product within a product, or beside it in another thread, goes by the scheduler."""
    lines = Lines(Running(), TOKEN)
    lines.offer("tcp://127.0.0.1:1", door(lambda B, exact, beside: ("ok", [])))
    with lines.taken(["tcp://127.0.0.1:1"]) as found:
        assert len(found) == 1
        with lines.taken(["tcp://127.0.0.1:1"]) as none:
            assert none == {}
    with lines.taken(["tcp://127.0.0.1:1"]) as found:
        assert len(found) == 1


def test_a_line_that_is_left_ends_and_is_made_again(door):
    hold = threading.Event()
    port = door(lambda B, exact, beside: hold.wait(20) and ("ok", [(0, 1, B)]))
    lines = Lines(Running(), TOKEN)
    lines.offer("tcp://127.0.0.1:1", port)

    class Impatient(Watch):
        def over(self, workers):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), lines.taken(["tcp://127.0.0.1:1"]) as found:
        (first,) = found.values()
        first.put(np.zeros((5, 1), order="F"), False)
        _exchange(found, Impatient(Running()))
    assert not first.open
    hold.set()
    with lines.taken(["tcp://127.0.0.1:1"]) as found:
        (second,) = found.values()
        assert second is not first
        second.put(np.ones((5, 1), order="F"), False)
        state, sums = _exchange(found, Watch(Running()))["tcp://127.0.0.1:1"]
    assert state == "ok" and sums[0][2].sum() == 5.0
    lines.close()


def test_a_line_that_another_thread_closes_is_not_waited_for(door):
    """Its worker was found to be lost by a product in that thread."""
    hold = threading.Event()
    lines = Lines(Running(), TOKEN)
    lines.offer("tcp://127.0.0.1:1", door(lambda B, exact, beside: hold.wait(20) and ("late", "")))
    found = []

    def multiply():
        with lines.taken(["tcp://127.0.0.1:1"]) as taken:
            found.append(ask(taken, np.ones((5, 1), order="F"), False, Watch(Running())))

    thread = threading.Thread(target=multiply, daemon=True)
    thread.start()
    time.sleep(0.3)
    assert not found
    lines.forget("tcp://127.0.0.1:1")
    thread.join(3.0)
    hold.set()
    assert found == [{}]


def test_a_line_that_ends_before_the_first_question_is_left(door):
    """The worker says welcome, and its process ends: the others are asked, and it has no answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def reset():
            peer, _ = server.accept()
            peer.recv(100)
            peer.sendall(WELCOME)
            time.sleep(0.2)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

        thread = threading.Thread(target=reset, daemon=True)
        thread.start()
        port = door(lambda B, exact, beside: ("late", "no hurry"))
        both = {
            "bad": Line("127.0.0.1", server.getsockname()[1], TOKEN),
            "good": Line("127.0.0.1", port, TOKEN),
        }
        assert len(_exchange(both, Watch(Running()), time.monotonic() + 5.0)) == 2
        thread.join(5.0)
        answers = ask(both, np.ones((5, 1), order="F"), False, Watch(Running()))
    assert answers == {"good": ("late", "no hurry")}
    assert not both["bad"].open
    both["good"].close()


def test_addresses():
    assert host_of("tcp://10.0.0.7:40123") == "10.0.0.7"
    assert host_of("tcp://[::1]:40123") == "::1"
    assert host_of("tls://10.0.0.7:40123") is None
    assert host_of("inproc://10.0.0.7/1/2") is None
    parts = answer("ok", [(0, 1, block(2, 1))])
    assert sum(len(p) for p in parts) == 16 + 16 + 16
    A = np.asfortranarray([[1.0, 3.0], [2.0, 4.0]])
    assert np.frombuffer(raw(A)).tolist() == [1.0, 2.0, 3.0, 4.0]


# -- on a cluster -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_bits_as_by_the_scheduler(client, workers, dtype):
    straight = mh.gram(X, storage=mh.Dask(client, workers), dtype=dtype)
    passed = mh.gram(X, storage=mh.Dask(client, workers, direct=False), dtype=dtype)
    for b in (1, 2, 5):
        np.testing.assert_array_equal(
            straight @ V[:, :1].repeat(b, 1), passed @ V[:, :1].repeat(b, 1)
        )
    A = np.asfortranarray(V)
    np.testing.assert_array_equal(straight.exact().multiply(A, 1), passed.exact().multiply(A, 1))
    assert straight.traffic.passed_on == 0
    assert passed.traffic.passed_on == passed.traffic.messages > 0
    assert straight.traffic.messages == passed.traffic.messages


def stop(pid: int) -> None:
    """A process stands still, all its threads."""
    os.kill(pid, signal.SIGSTOP)
    if not os.path.isdir(f"/proc/{pid}"):  # threads are not told apart
        time.sleep(0.5)
        return
    process = psutil.Process(pid)
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:
        states = [psutil.Process(thread.id).status() for thread in process.threads()]
        if all(state == psutil.STATUS_STOPPED for state in states):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} does not stop")


def has_a_door(token, dask_worker=None):
    from mehler.distributed.worker import SHARES

    return SHARES[token, dask_worker.address].door is not None


def test_without_direct_products_no_port_is_opened(client, workers):
    for direct in (True, False):
        K = mh.gram(X, storage=mh.Dask(client, workers[:2], direct=direct))
        found = client.run(has_a_door, K._tiles.setup.token, workers=workers[:2])
        assert list(found.values()) == [direct, direct]


def close_the_door(token, dask_worker=None):
    from mehler.distributed.worker import SHARES

    SHARES[token, dask_worker.address].door.close()


def test_a_worker_that_cannot_be_reached_is_asked_by_the_scheduler(client, workers):
    K = mh.gram(X, storage=mh.Dask(client, workers))
    whole = K @ V
    client.run(close_the_door, K._tiles.setup.token, workers=[workers[1]])
    for times in (1, 2):
        np.testing.assert_array_equal(K @ V, whole)
        assert K.traffic.passed_on == 2 * times  # of this one worker
    assert K.traffic.replaced == 0
    assert sorted(K._tiles.lines.lines) == [workers[0], workers[2]]


def test_a_worker_is_killed_while_it_multiplies(client, workers):
    """Its line ends at once: the product goes on as soon as others have its tiles."""
    K = mh.gram(X, storage=mh.Dask(client, workers))
    whole = K @ V
    pid = client.run(os.getpid, workers=[workers[2]])[workers[2]]
    stop(pid)
    threading.Timer(0.5, os.kill, (pid, signal.SIGKILL)).start()
    begun = time.perf_counter()
    np.testing.assert_array_equal(K @ V, whole)
    assert time.perf_counter() - begun >= 0.5
    assert K.traffic.replaced == 1


def test_after_an_interruption_products_go_on(client, workers):
    K = mh.gram(X, storage=mh.Dask(client, workers[:2]))
    whole = K @ V
    pid = client.run(os.getpid, workers=[workers[0]])[workers[0]]
    stop(pid)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            K @ V
    finally:
        os.kill(pid, signal.SIGCONT)
    np.testing.assert_array_equal(K @ V, whole)


def test_tiles_freed_close_the_doors(client, workers):
    K = mh.gram(X, storage=mh.Dask(client, workers[:1]))
    K @ V
    host, port = K._tiles.lines.doors[workers[0]]
    K.close()
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass  # it was closed just as we knocked
        time.sleep(0.1)
    pytest.fail("the door is still open")


# -- threads that wait --------------------------------------------------------------------------------


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads by /proc")
def test_release_threads_ends_those_that_wait():
    code = """
import os, numpy as np, mehler as mh
from mehler import _core
K = mh.gram(np.random.default_rng(0).standard_normal((700, 3)), storage="packed", threads=3)
v = np.ones((700, 2), order="F")
before = len(os.listdir("/proc/self/task"))
first = K.op.multiply(v, 3)
_core.release_threads()
after = len(os.listdir("/proc/self/task"))
second = K.op.multiply(v, 3)
again = len(os.listdir("/proc/self/task"))
assert np.array_equal(first, second)
print(before - after, again - after)
"""
    env = {**os.environ, "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout.split() == ["2", "2"], done.stderr


def test_release_threads_without_any():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(_core.release_threads()))
    thread.start()
    thread.join(10)
    assert seen == [None]


def test_a_line_knows_who_is_beside(door):
    line = Line("127.0.0.1", door(lambda B, exact, beside: ("ok", [])), TOKEN)
    _exchange({"w": line}, Watch(Running()), time.monotonic() + 5.0)
    assert line.beside
    line.close()


# -- other clusters -----------------------------------------------------------------------------------


def test_workers_with_threads_of_their_own(client, workers):
    """Whatever threads workers have, and although they end them after each product for a client beside them."""
    whole = mh.gram(X, storage=mh.Dask(client, workers)) @ V
    with mh.Dask(n_workers=1, threads_per_worker=3, memory_limit="1GB") as storage:
        K = mh.gram(X, storage=storage)
        for _ in range(3):
            np.testing.assert_array_equal(K @ V, whole)
        assert K.traffic.passed_on == 0


def test_workers_within_this_process(client, workers):
    """They have no address on a network: all goes by the scheduler."""
    whole = mh.gram(X, storage=mh.Dask(client, workers)) @ V
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as inside,
    ):
        K = mh.gram(X, storage=mh.Dask(inside))
        np.testing.assert_array_equal(K @ V, whole)
        assert K.traffic.passed_on == K.traffic.messages == 4

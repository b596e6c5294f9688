"""Tiles on Dask workers: the same matrix and the same eigenvalues, whatever happens to workers.

One cluster of three worker processes (conftest) serves the folder; two of them are asked for by their addresses. Whoever is
killed or stopped here is a process of this cluster, by its pid.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import mehler as mh
from mehler.distributed import worker
from mehler.distributed.blocks import Blocks
from mehler.distributed.placement import Room, cut, nodes_of, placed, product_cost, shares
from mehler.distributed.rounds import SchedulerLost

distributed = pytest.importorskip("distributed")

N, D = 1500, 4


def sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).standard_normal((n, d))
    return X / np.linalg.norm(X, axis=1)[:, None]


X = sphere(N, D)
V = np.random.default_rng(1).standard_normal((N, 3))


def pid_of(client, worker: str) -> int:
    return client.run(os.getpid, workers=[worker])[worker]


# -- the matrix -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_are_those_of_the_definition(client, workers, dtype):
    ker = mh.gradient_kernel("relu")
    full = ker(X)
    found = []
    for many in (1, 2, 3):
        K = mh.gram(X, ker, storage=mh.Dask(client, workers[:many]), dtype=dtype)
        found.append(K @ V)
        assert K.shape == (N, N) and K.dtype == dtype and K.storage == "dask"
        assert K.nbytes == mh.gram(X, ker, storage="packed", dtype=dtype).nbytes
        np.testing.assert_allclose(K.diagonal(), np.diag(full), rtol=np.finfo(dtype).eps)
        np.testing.assert_array_equal(K @ V[:, 0], (K @ V[:, :1])[:, 0])
    # rounding of entries and of sums of n of them, of which sqrt(n) at most pull the same way
    bound = np.finfo(dtype).eps * (np.abs(full) @ np.abs(V)).max()
    np.testing.assert_allclose(found[0], full @ V, rtol=0, atol=bound)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])  # whoever holds what


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_slices_change_no_bit(client, workers, dtype):
    """More columns than a worker is sent at a time, and all of them at once."""
    W = np.random.default_rng(3).standard_normal((N, 11))
    K = mh.gram(X, storage=mh.Dask(client, workers[:2]), dtype=dtype)
    said = client.run(worker.multiply, K._tiles.setup.token, W, False, workers=workers[:2])
    ((_, _, whole),) = worker.joined([part for _, sums in said.values() for part in sums])
    np.testing.assert_array_equal(K @ W, whole)


@pytest.mark.parametrize("case", ["relu scaled", "tanh layered", "normalize", "bias"])
def test_points_of_any_norm(client, workers, case):
    Z = X[:700] * np.random.default_rng(2).uniform(0.5, 2.0, (700, 1))
    ker = {
        "relu scaled": mh.ntk("relu"),
        "tanh layered": mh.gradient_kernel("tanh"),
        "normalize": mh.gradient_kernel("tanh"),
        "bias": mh.nngp("relu", depth=2, bias_var=0.3),
    }[case]
    normalize = case == "normalize"
    K = mh.gram(Z, ker, storage=mh.Dask(client, workers[:2]), normalize=normalize)
    there = mh.gram(Z, ker, storage="packed", normalize=normalize)
    np.testing.assert_allclose(K @ V[:700], there @ V[:700], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(K.diagonal(), there.diagonal())
    assert K.pairs == there.pairs


def test_pairs_are_those_of_one_process(client, workers):
    Z = X[:600].copy()
    Z[17], Z[401], Z[402] = Z[333], -Z[5], Z[80]
    K = mh.gram(Z, "relu", storage=mh.Dask(client, workers))
    assert K.pairs == mh.gram(Z, "relu", storage="packed").pairs
    assert K.pairs["equal_count"] == 2
    r = mh.min_eig(Z, "relu", storage=mh.Dask(client, workers))
    assert (r.value, r.status, r.method) == (0.0, "resolved", "structure")


def test_one_point(client, workers):
    K = mh.gram(X[:1], "relu", storage=mh.Dask(client, workers))
    np.testing.assert_allclose(K @ np.array([2.0]), [1.0], rtol=1e-15)


@pytest.mark.parametrize("case", ["unit", "norms", "normalize", "layered"])
def test_dask_arrays_stay_where_they_are(client, workers, case):
    da = pytest.importorskip("dask.array")
    Z = X.copy() if case == "unit" else X * np.linspace(0.5, 1.5, N)[:, None]
    ker = mh.gradient_kernel("tanh" if case == "layered" else "relu")
    options = {"normalize": case == "normalize"}
    K = mh.gram(da.from_array(Z, chunks=(400, 2)), ker, storage=mh.Dask(client, workers), **options)
    np.testing.assert_array_equal(
        K @ V, mh.gram(Z, ker, storage=mh.Dask(client, workers), **options) @ V
    )
    if case != "layered":  # whose diagonal takes the points
        assert K._in_core is None


@pytest.mark.parametrize("kind", ["numpy", "dask"])
def test_points_that_change_in_place_are_refused(client, workers, kind):
    """After a loss the tiles are filled again, of the same points or not at all."""
    Z = X.copy()
    da = pytest.importorskip("dask.array")
    given = Z if kind == "numpy" else da.from_array(Z, chunks=(500, D))
    K = mh.gram(given, "relu", storage=mh.Dask(client, workers[:2]))
    whole = K @ V
    K._tiles._forget(workers[1])
    if kind == "numpy":
        Z[700] = Z[3]
    else:
        K._tiles.blocks.X = da.from_array(Z[::-1].copy(), chunks=(500, D))
    with pytest.raises(ValueError, match="X is not what it was when its matrix was placed"):
        K @ V
    if kind == "numpy":
        Z[:] = X
        np.testing.assert_array_equal(K @ V, whole)


def test_workers_that_are_full_get_no_points_of_others(client, workers, monkeypatch):
    """After a loss, points go to whoever takes its place."""
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers[:2]))
    whole, sent = K @ V, []
    scatter = client.scatter

    def seen(cut, **options):
        sent.append(options.get("workers"))
        return scatter(cut, **options)

    monkeypatch.setattr(client, "scatter", seen)
    K._tiles._forget(workers[1])
    np.testing.assert_array_equal(K @ V, whole)
    assert sent == [[workers[1]]]


def test_blocks_whose_workers_are_gone_go_to_any(client, workers):
    found = Blocks(X).futures(client, ["tcp://127.0.0.1:9"])
    np.testing.assert_array_equal(np.concatenate(client.gather(found)), X)


def test_a_dask_array_that_is_computed_differently_is_refused(client, workers):
    da = pytest.importorskip("dask.array")

    def noisy(block):
        return block + np.random.default_rng().standard_normal(block.shape)

    Z = da.from_array(X, chunks=(500, D)).map_blocks(noisy, dtype=float)
    with pytest.raises(ValueError, match=r"X is not what it was .*X\.persist\(\)"):
        mh.gram(Z, "relu", storage=mh.Dask(client, workers[:2]))


# -- eigenvalues ------------------------------------------------------------------------------------


def test_the_same_eigenvalue(client, workers):
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    for method in ("lanczos", "preconditioned"):
        found = [
            mh.min_eig(X, "relu", method=method, storage=storage, rng=0)
            for storage in ("auto", mh.Dask(client, workers[:2]), mh.Dask(client, workers))
        ]
        for r in found:
            assert r.resolved and r.lower <= truth <= r.upper
            assert abs(r.value - truth) <= 1e-9 * truth
        np.testing.assert_array_equal(found[1].vector, found[2].vector)  # to the bit


def test_float32_is_corrected_by_the_workers(client, workers):
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers), dtype="float32")
    full = mh.gradient_kernel("relu")(X)
    r = mh.eigsh(K, k=2, method="lanczos", rng=0)
    np.testing.assert_allclose(r.values, np.linalg.eigvalsh(full)[:2], rtol=1e-9)
    R = full @ r.vectors - r.vectors * r.values
    # a residual may be foretold, to a hundredth of the goal (cpp/solve/refine.hpp)
    np.testing.assert_allclose(
        np.linalg.norm(R, axis=0), r.residuals, rtol=0, atol=1e-8 * r.values[0]
    )
    assert r.resolved


# -- what it costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, 2, 3])
def test_traffic_is_that_of_the_model(client, workers, many):
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers[:many]))
    for b in (1, 2, 9):
        before, cost = K.traffic, K.cost(b)
        K @ np.ones((N, b))
        after = K.traffic
        assert after.products - before.products == 1
        assert after.messages - before.messages == cost.messages == 2 * math.ceil(b / 4) * many
        assert after.bytes_out - before.bytes_out == cost.bytes_out == 8 * N * b * many
        assert after.bytes_in - before.bytes_in == cost.bytes_in
        assert after.passed_on == 0
    if many < 3:
        assert cost.bytes_in == 8 * N * 9 * many  # one sum from each
    assert K.cost(2) == mh.Dask.model(n=N, workers=many, d=D).product


def test_nodes_and_shares():
    assert nodes_of(range(64)) == [(0, 64)]
    assert nodes_of([5, 4, 6, 7, 9]) == [(4, 4), (9, 1)]
    assert nodes_of([1, 2]) == [(1, 1), (2, 1)]
    assert nodes_of([]) == []
    assert shares(64, [100, 100]) == [32, 32]
    assert shares(64, [10, 100, 100]) == [10, 27, 27]
    assert shares(64, [10, 10]) is None
    for many in range(1, 20):
        parts = cut(256, [256] * many)
        assert [leaf for part in parts for leaf in part] == list(range(256))
        sizes = [len(part) for part in parts]
        assert max(sizes) <= math.ceil(1.08 * 256 / many) and min(sizes) > 0


def test_the_model_counts_each_entry_once():
    n, b = 3000, 2
    cost = product_cost(n, b, "float64", placed(n, 3, "float64", [Room(math.inf, 1)] * 4))
    stored = mh.gram(sphere(n, 3), "relu", storage="packed").nbytes / 8
    assert cost.flops == 4.0 * b * stored
    assert cost.entries >= 8 * stored / 4


def test_memory_is_planned_before_anything_is_placed(client, workers):
    Z = sphere(24_000, 3)
    pattern = (
        r"tiles of n=24000 in float64 take 2\.3.* GB.*room for .*; .* workers like the largest"
    )
    with pytest.raises(MemoryError, match=pattern):
        mh.gram(Z, "relu", storage=mh.Dask(client, workers[:2]))
    with pytest.raises(MemoryError, match=pattern):
        mh.min_eig(Z, "relu", precision="double", storage=mh.Dask(client, workers[:2]))
    with pytest.raises(MemoryError, match="dtype='float32' fits on these workers"):
        placed(24_000, 3, "float64", [Room(8e8, 1), Room(8e8, 1)])
    with pytest.raises(MemoryError, match="memory_limit of at least"):
        placed(24_000, 3, "float64", [Room(1e6, 1)])


def test_memory_is_kept_and_freed(client, workers):
    def used():
        return sum(
            client.run(lambda dask_worker: dask_worker.monitor.get_process_memory()).values()
        )

    Z = sphere(6000, 3)
    before = used()
    K = mh.gram(Z, "relu", storage=mh.Dask(client, workers))
    K @ np.ones((6000, 2))
    held = used() - before
    from mehler.distributed.placement import beside

    assert 0.9 * K.nbytes <= held <= K.nbytes + 3 * (beside(6000, 3, 1) + 4e7)
    K.close()
    assert used() - before <= held - 0.9 * K.nbytes
    with pytest.raises(ValueError, match="freed by close"):
        K @ np.ones(6000)


# -- what may happen --------------------------------------------------------------------------------


def solve(K, hook=None):
    """Residuals to 1e-10: some hundred products; ``hook`` after some dozens of them."""
    done = []

    def callback(state):
        if hook is not None and not done and K.traffic.products >= 20:
            done.append(hook())

    r = mh.eigsh(K, method="lanczos", tol=1e-9, rng=0, callback=callback)
    assert hook is None or done
    return r


def test_a_worker_is_killed(client, workers):
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers))
    whole = solve(K)
    victim = pid_of(client, workers[1])
    r = solve(K, lambda: os.kill(victim, signal.SIGKILL))
    assert K.traffic.replaced == 1
    assert r.resolved and r.value == whole.value
    np.testing.assert_array_equal(r.vector, whole.vector)


def test_a_worker_is_slow(client, workers):
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers[:2]))
    whole = solve(K)
    slow = pid_of(client, workers[0])

    def stop():
        os.kill(slow, signal.SIGSTOP)
        threading.Timer(1.0, os.kill, (slow, signal.SIGCONT)).start()

    begun = time.perf_counter()
    r = solve(K, stop)
    assert time.perf_counter() - begun >= 1.0
    assert K.traffic.replaced == 0
    np.testing.assert_array_equal(r.vector, whole.vector)


@pytest.mark.parametrize("how", ["time_limit", "Ctrl-C"])
def test_the_end_does_not_wait_for_a_worker(client, workers, how):
    """Products of a worker that does not answer: the time limit holds, and so does Ctrl-C."""
    K = mh.gram(X, "relu", storage=mh.Dask(client, workers[:2]))
    slow = pid_of(client, workers[0])
    stopped = []

    def stop():
        os.kill(slow, signal.SIGSTOP)
        stopped.append(time.perf_counter())
        if how == "Ctrl-C":
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    try:
        with pytest.warns(mh.ConvergenceWarning):
            limit = 4.0 if how == "time_limit" else None
            done = []

            def callback(state):
                if not done and K.traffic.products >= 10:
                    done.append(stop())

            begun = time.perf_counter()
            r = mh.eigsh(K, method="lanczos", tol=1e-12, time_limit=limit, callback=callback, rng=0)
            end = time.perf_counter()
    finally:
        os.kill(slow, signal.SIGCONT)
    assert stopped
    assert end - (begun + 4.0 if limit else stopped[0] + 0.5) < 1.5
    assert r.status == "budget-limited" and r.interrupted == (how == "Ctrl-C")
    assert math.isfinite(r.upper) and r.value > 0.0


@pytest.mark.parametrize("phase", ["fill", "lanczos"])
def test_a_callback_ends_it(client, workers, phase):
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        r = mh.min_eig(
            sphere(4000, 8),
            "relu",
            method="lanczos",
            tol=1e-9,
            storage=mh.Dask(client, workers),
            callback=lambda s: s.phase == phase,
        )
    assert r.status == "budget-limited" and not r.interrupted
    assert 0.0 <= r.lower <= r.upper < math.inf


def test_gram_is_interrupted(client, workers):
    with pytest.raises(KeyboardInterrupt, match="stopped by the callback"):
        mh.gram(X, "relu", storage=mh.Dask(client, workers), callback=lambda s: True)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_the_scheduler_goes_away():
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", port]
    scheduler += ["--host", "127.0.0.1", "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"]
    worker += ["--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--memory-limit", "1GB"]
    processes = [subprocess.Popen(scheduler, **quiet), subprocess.Popen(worker, **quiet)]
    try:
        with distributed.Client(address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=20)
            K = mh.gram(X, "relu", storage=mh.Dask(client))

            def end():
                processes[0].kill()
                processes[0].wait()

            with pytest.warns(mh.ConvergenceWarning, match=rf"scheduler at {address} went away"):
                r = solve(K, end)
            assert r.status == "budget-limited" and not r.interrupted
            assert r.upper >= np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
            assert math.isfinite(r.upper) and r.vector is not None
            with pytest.raises(SchedulerLost, match="start a cluster and call again"):
                K @ np.ones(N)
    finally:
        for process in processes:
            process.kill()
            process.wait()


# -- what is refused --------------------------------------------------------------------------------


def test_bad_input(client, workers):
    storage = mh.Dask(client, workers)
    with pytest.raises(ValueError, match=r"storage must be one of .* Pass mehler\.Dask\(client\)"):
        mh.gram(X, storage=client)
    with pytest.raises(ValueError, match="storage must be one of"):
        mh.min_eig(X, storage="dask")
    with pytest.raises(ValueError, match="X must be finite"):
        mh.gram(np.full((3, 2), np.nan), storage=storage)
    with pytest.raises(ValueError, match="method must be 'auto', 'lanczos' or 'preconditioned'"):
        mh.min_eig(X, storage=storage, method="dense")
    with pytest.raises(ValueError, match="precision must be 'auto', 'single' or 'double'"):
        mh.min_eig(X, storage=storage, precision="exact")
    with pytest.raises(ValueError, match="leave out width"):
        mh.min_eig(X, storage=storage, width=50)
    with pytest.raises(ValueError, match="workers must be >= 1"):
        mh.Dask.model(n=100, workers=0)
    K = mh.gram(X, storage=storage)
    with pytest.raises(ValueError, match=r"V must have the shape \(1500,\)"):
        K @ np.ones(7)


def test_bad_dask_arrays(client, workers):
    da = pytest.importorskip("dask.array")
    storage = mh.Dask(client, workers)
    with pytest.raises(ValueError, match="X must be 2-D"):
        mh.gram(da.ones(10), storage=storage)
    with pytest.raises(TypeError, match="X must hold real numbers"):
        mh.gram(da.ones((10, 2), dtype=complex), storage=storage)
    with pytest.raises(ValueError, match="X must be finite"):
        mh.gram(da.from_array(np.where(X > 0.9, np.nan, X), chunks=500), storage=storage)
    bad = X.copy()
    bad[700, 1] = np.inf
    with pytest.raises(ValueError, match=r"at row 200, column 1.*counted from row 500 of X"):
        mh.gram(da.from_array(bad, chunks=(500, X.shape[1])), storage=storage)


def test_workers_of_its_own():
    with mh.Dask(n_workers=1, threads_per_worker=1, memory_limit="1GB") as storage:
        pid = next(iter(storage.client.run(os.getpid).values()))
        r = mh.min_eig(X, "relu", method="lanczos", storage=storage, rng=0)
        assert r.resolved
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)

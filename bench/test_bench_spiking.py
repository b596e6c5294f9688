"""Quantisers with diffused error: accuracy on permuted digits, trained through them and converted, and the rate of the kernel.

python -m pytest bench/test_bench_spiking.py
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from mehler import _core
from mehler.studies import spiking

SEEDS, EPOCHS = (0, 1, 2), 25
TARGETS = (1.0, 0.5, 0.25)


@pytest.mark.slow
@pytest.mark.benchmark(group="spiking")
def test_d4_permuted_digits(benchmark, say):
    """D4: 64 permuted pixels, order 32, 128 tanh units, 25 epochs: % right of 500 test digits, three draws of the states."""
    pytest.importorskip("sklearn")

    def run() -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for seed in SEEDS:
            data = spiking.digits(seed)
            start = spiking.network(128, 32, 64.0, 10, rng=[seed, 1])

            def trained(steps: list[float | None]) -> spiking.Network:
                return spiking.train_network(start, data, steps, rng=[seed, 2]).net  # noqa: B023

            def scored(how: str, net: spiking.Network, dt: float | None) -> None:
                share = spiking.accuracy(net, data, dt, rng=[seed, 3])  # noqa: B023
                found.setdefault(how, []).append(100.0 * share)

            plain = trained([None] * EPOCHS)
            scored("not spiking", plain, None)
            for dt in TARGETS:
                scored(f"converted, dt = {dt:g}", plain, dt)
            for dt in TARGETS:
                scored(f"through, dt = {dt:g}", trained([dt] * EPOCHS), dt)
            down = spiking.anneal(64.0, 0.5, EPOCHS).tolist()
            scored("annealed 64 to 0.5", trained(down), 0.5)
            scored(
                "annealed 64 to 0.5, then 25 at 0.5, 50 in all", trained(down + [0.5] * EPOCHS), 0.5
            )
            scored("through, dt = 0.5, 50 epochs", trained([0.5] * 2 * EPOCHS), 0.5)
        return found

    found = benchmark.pedantic(run, rounds=1)
    for how, shares in found.items():
        cells = "  ".join(f"{s:5.1f}" for s in shares)
        say(f"  {how:46} {cells}   mean {np.mean(shares):.1f}")
    shares = {how: np.array(values) for how, values in found.items()}
    plain = shares["not spiking"]
    assert np.all(plain >= 94.0)
    assert np.all(shares["through, dt = 0.5"] - shares["converted, dt = 0.5"] >= 8.0)
    assert np.all(shares["through, dt = 1"] >= plain - 4.0)


@pytest.mark.benchmark(group="spiking")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernel_against_numpy(benchmark, say, dtype):
    """The quantiser over 4,096 steps of 8,192 neurons, beside the same recursion in NumPy, a step at a time."""
    rng = np.random.default_rng(0)
    f = rng.standard_normal((4096, 8192)).astype(dtype)
    v, out = rng.random(8192).astype(dtype), np.empty_like(f)
    threads = int(_core.default_threads())

    def numpy() -> np.ndarray:
        state, spikes = v.copy(), np.empty_like(f)
        for t in range(len(f)):
            state += f[t]
            np.floor(state, out=spikes[t])
            state -= spikes[t]
        return spikes

    start = time.perf_counter()
    expected = numpy()
    slow = time.perf_counter() - start
    seconds = []
    for _ in range(5):
        state = v.copy()
        start = time.perf_counter()
        _core.quantise(f, 1.0, state, out, threads)
        seconds.append(time.perf_counter() - start)
    fast = min(seconds)
    differing = float(np.mean(out != expected))
    say(
        f"  {dtype}: {1e9 * fast / f.size:.2f} ns a step and neuron on {threads} threads, NumPy {1e9 * slow / f.size:.2f} ({slow / fast:.1f} times); "
        f"{differing:.1e} of the outputs differ by rounding"
    )
    assert differing < 1e-2
    assert np.abs(np.cumsum(out[:, :64].astype(float) - f[:, :64], axis=0)).max() < 1.01
    assert slow > fast
    benchmark.pedantic(lambda: None, rounds=1)

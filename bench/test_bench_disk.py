"""Storage 'disk': products beside the mere reading of the file; 40,000 points in 1 GB, killed twice.

The file is read past the system's page cache (O_DIRECT), by the product as by the plain loop it is compared with,
so that both wait for the disk, or for what its host caches of it.

    MEHLER_DISK          a folder for the files; default the system's for temporary ones
    MEHLER_DISK_POINTS   points of the solve; default 40,000, in 1 GB; memory in proportion
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import mehler as mh

N, D = int(os.environ.get("MEHLER_DISK_POINTS", "40000")), 50
MEMORY = 25_000 * N  # bytes
METHOD = "lanczos"
PIECE = 4 << 20
ROUNDS = 5


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("MEHLER_DISK")) as made:
        yield Path(made)


def streaming(path: Path) -> float:
    """Seconds to read the file from end to end, past the cache, one piece after another."""
    page = mmap.mmap(-1, PIECE)
    file = os.open(path, os.O_RDONLY | os.O_DIRECT)
    start = time.perf_counter()
    try:
        at, size = 0, os.path.getsize(path)
        while at < size:
            at += os.preadv(file, [page], at)
    finally:
        os.close(file)
    return time.perf_counter() - start


@pytest.mark.parametrize("b", [1, 2, 4])
@pytest.mark.benchmark(group="disk product")
def test_products_at_disk_speed(benchmark, say, folder, b):
    """A product takes at most 1.5 times what reading the file takes, runs in turn, medians."""
    X = mh.generate("sphere-random", n=16_000, d=D, rng=0)
    V = np.random.default_rng(0).standard_normal((len(X), b))
    path = folder / "tiles"
    with mh.gram(X, "relu", storage="disk", dtype="float32", path=path) as K:
        K.tiles.direct(True)
        K @ V
        reading, multiplying = [], []
        for _ in range(ROUNDS):
            reading.append(streaming(path))
            start = time.perf_counter()
            Y = K @ V
            multiplying.append(time.perf_counter() - start)
        benchmark.pedantic(lambda: K @ V, rounds=1)
        size = path.stat().st_size
    read, product = float(np.median(reading)), float(np.median(multiplying))
    say(
        f"  b={b}  {size / 1e9:.2f} GB  read {size / read / 1e9:.2f} GB/s, product {size / product / 1e9:.2f} GB/s: "
        f"{product / read:.2f} times"
    )
    exact = mh.gram(X, "relu", storage="matrix-free") @ V
    assert np.linalg.norm(Y - exact) <= 1e-6 * np.linalg.norm(exact)
    assert product <= 1.5 * read


SOLVE = """
import json, sys
import mehler as mh

def high_water():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])

n, d, path, memory, method = json.loads(sys.argv[1])
X = mh.generate("sphere-random", n=n, d=d, rng=0)
mh.min_eig(X[:1500], "relu", method="lanczos")
with open("/proc/self/clear_refs", "w") as f:
    f.write("5")  # the mark goes back to what is resident now
base = high_water()
r = mh.min_eig(X, "relu", path=path, max_memory=memory, certify="none", method=method, rng=0)
print(json.dumps([r.value, r.residual, r.status, r.method, r.message, r.applications, high_water() - base, r.seconds]))
"""


def start(path: Path) -> subprocess.Popen[str]:
    asked = json.dumps([N, D, str(path), MEMORY, METHOD])
    return subprocess.Popen([sys.executable, "-c", SOLVE, asked], stdout=subprocess.PIPE, text=True)


def kill_when(child: subprocess.Popen[str], reached) -> None:
    while not reached():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()


def tiles_done(path: Path) -> int:
    """As the slots of the file say (cpp/disk/tile_file.hpp)."""
    if not path.exists():
        return 0
    found = []
    with path.open("rb") as file:
        for slot in range(2):
            file.seek(4096 + slot * 50 * 4096)
            turn_and_done = np.frombuffer(file.read(16), "<i8")
            found.append(tuple(turn_and_done) if len(turn_and_done) == 2 else (0, 0))
    return int(max(found)[1])


@pytest.mark.slow
@pytest.mark.benchmark(group="disk solve")
def test_forty_thousand_points_in_a_gigabyte(benchmark, say, folder):
    """Killed while it fills and while it solves, it goes on, inside its memory, to the same value."""
    path, journal = folder / "tiles", folder / "tiles.lanczos"
    panels = -(-N // 256)
    tiles = panels * (panels + 1) // 2
    record = 8 * (3 + 8 + 2 * N)

    def run() -> None:
        kill_when(start(path), lambda: tiles_done(path) > tiles // 3)
        filled = tiles_done(path)
        kill_when(start(path), lambda: journal.exists() and journal.stat().st_size > 30 * record)
        found = []
        for _ in range(2):  # gone on with; and from product 0, on the finished file
            child = start(path)
            out, _ = child.communicate()
            assert child.returncode == 0
            found.append(json.loads(out))
            value, residual, status, method, message, products, grown, seconds = found[-1]
            say(
                f"  {method}: {value:.10g} +- {residual:.1e}, {status}, {products} products, {seconds:.0f} s, "
                f"{grown / 1e6:.0f} MB above interpreter and points; {message}"
            )
        say(f"  killed at {filled} of {tiles} tiles, and in mid-solve")
        once, again = found
        assert once[2] == again[2] == "resolved" and "disk" in once[3]
        assert "of an earlier run" in once[4] and not again[4]
        assert once[0] == again[0] and once[5] == again[5]
        assert max(once[6], again[6]) < MEMORY

    benchmark.pedantic(run, rounds=1)

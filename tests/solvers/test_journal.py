"""A Lanczos solve on tiles in a file goes on where a kill has ended it, to the same bits."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.operators.disk import Journal
from mehler.solvers import iterative, room

N, D, PAGE = 1000, 40, 4096
LEAST = room.needed(N, 1, 2, True, 1)  # memory for a basis of 64 vectors: restarts


def record(block: int) -> int:
    """Bytes of what a product leaves (cpp/solve/journal.hpp)."""
    return 8 * (3 + 2 * block**2 + N * block)


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return mh.generate("sphere-random", n=N, d=D, rng=3)


@pytest.fixture(scope="module")
def truth(X: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t"


def solve(X: np.ndarray, path: Path, kernel: object = "relu", **more: object) -> mh.EigenResult:
    asked = dict(method="lanczos", certify="none", threads=1) | more
    with mh.gram(X, kernel, storage="disk", path=path, dtype="float32") as K:
        return mh.eigsh(K, **asked)


def same(a: mh.EigenResult, b: mh.EigenResult) -> bool:
    """Bit for bit, with all that led there."""
    arrays = all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in ("values", "vectors", "residuals")
    )
    return arrays and a.history == b.history and a.applications == b.applications


def kept(result: mh.EigenResult) -> int:
    """Products of an earlier run, as the message says."""
    count, _, rest = result.message.partition(" ")
    assert rest.startswith("of the block products are those of an earlier run")
    return int(count)


@pytest.fixture
def journal(X: np.ndarray, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run with restarts leaves, here where journals stay."""
    monkeypatch.setattr(Journal, "remove", lambda _: None)
    solve(X, path, max_memory=LEAST)
    return Path(f"{path}.lanczos")


SOLVE = """
import sys, time, numpy as np, mehler as mh
from mehler.operators.disk import Journal
Journal.remove = lambda _: time.sleep(100)  # however quick, it does not end before it is killed
X = np.load(sys.argv[1])
with mh.gram(X, "relu", storage="disk", path=sys.argv[2], dtype="float32") as K:
    mh.eigsh(K, k=int(sys.argv[3]), method="lanczos", certify="none", threads=1)
"""


@pytest.mark.parametrize(("k", "kills"), [(1, (0, 4, 11)), (3, (11,))])
def test_killed_and_killed_again_it_ends_as_one_run(
    X: np.ndarray, truth: np.ndarray, tmp_path: Path, path: Path, k: int, kills: tuple[int, ...]
) -> None:
    np.save(tmp_path / "X.npy", X)
    once = solve(X, tmp_path / "other", k=k)
    assert not (tmp_path / "other.lanczos").exists()  # the solve has ended
    assert not once.message
    journal, seen = Path(f"{path}.lanczos"), 0
    for least in kills:
        child = subprocess.Popen(
            [sys.executable, "-c", SOLVE, str(tmp_path / "X.npy"), str(path), str(k)]
        )
        begun = time.monotonic()
        while not journal.exists() or journal.stat().st_size < PAGE + least * record(max(2, k)):
            assert child.poll() is None, "the child has ended before it was to be killed"
            assert time.monotonic() - begun < 100.0
            time.sleep(0.0005)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        left = max(0, journal.stat().st_size - PAGE) // record(max(2, k))
        assert left >= max(seen, least)  # a run that goes on keeps what there was
        seen = left
    result = solve(X, path, k=k, threads=2 if k == 1 else 1)
    assert result.resolved and kept(result) == seen >= 11
    assert same(result, once)
    assert np.allclose(result.values, truth[:k], rtol=2e-6)
    assert not journal.exists()


def test_cut_anywhere_it_goes_on_from_the_last_whole_step(
    X: np.ndarray, truth: np.ndarray, path: Path, journal: Path
) -> None:
    """A kill in mid-write leaves a journal that ends anywhere: in its header, or in a record."""
    whole = journal.read_bytes()
    size, steps = record(2), (len(whole) - PAGE) // record(2)
    assert len(whole) == PAGE + steps * size and steps > 60  # beyond the first restart
    once = solve(X, path, max_memory=LEAST)
    assert kept(once) == steps and once.resolved
    assert abs(once.value - truth[0]) <= 1e-6 * truth[0]
    for end, left in (
        (0, 0),
        (5, 0),  # of the magic
        (60, 0),
        (PAGE, 0),
        (PAGE + size - 1, 0),
        (PAGE + size, 1),
        (PAGE + 31 * size + size // 2, 31),
        (PAGE + 50 * size + 1, 50),
        (len(whole) - 8, steps - 1),
    ):
        journal.write_bytes(whole[:end])
        again = solve(X, path, max_memory=LEAST)
        assert same(again, once)
        assert kept(again) == left if left else "of an earlier run" not in again.message
        torn = end > PAGE and (end - PAGE) % size
        assert (f"steps after the first {left} in {journal} were cut" in again.message) == bool(
            torn
        )
        assert journal.read_bytes() == whole  # the same steps to the same bits


def test_altered_steps_are_made_again(X: np.ndarray, path: Path, journal: Path) -> None:
    whole, size = journal.read_bytes(), record(2)
    once = solve(X, path, max_memory=LEAST)
    first, second = (whole[PAGE + i * size : PAGE + (i + 1) * size] for i in (20, 21))
    altered = bytearray(whole)
    altered[PAGE + 20 * size + 999] ^= 1
    swapped = whole.replace(first + second, second + first)
    repeated = whole.replace(first + second, first + first)
    for wrong, left in ((bytes(altered), 20), (swapped, 20), (repeated, 21)):
        journal.write_bytes(wrong)
        again = solve(X, path, max_memory=LEAST)
        assert same(again, once) and kept(again) == left
        assert f"steps after the first {left} in {journal} were cut, altered" in again.message
        assert journal.read_bytes() == whole


def test_steps_of_another_solve_are_begun_again(
    X: np.ndarray, truth: np.ndarray, path: Path, journal: Path
) -> None:
    whole = journal.read_bytes()
    for more, word, value in (
        (dict(rng=1), "from another start (rng)", truth[0]),
        (dict(which="LA"), "of other pairs or blocks", truth[-1]),
        (dict(k=2), "of other pairs or blocks", truth[0]),
        (dict(block=3), "of other pairs or blocks", truth[0]),
    ):
        journal.write_bytes(whole)
        r = solve(X, path, **more)
        assert r.message == f"the steps in {journal} were {word}: begun again" and r.resolved
        assert abs(r.value - value) <= 1e-6 * value
    relu = mh.gradient_kernel("relu")
    for points, kernel in ((X[::-1], relu), (X, mh.ntk("relu"))):  # tiles that were made anew
        path.unlink()
        journal.write_bytes(whole)
        r = solve(points, path, kernel)
        assert "of other points, or another kernel, dtype or version: begun again" in r.message
        value = np.linalg.eigvalsh(kernel(points))[0]
        assert abs(r.value - value) <= 1e-6 * value


def test_of_another_version_they_are_begun_again(
    X: np.ndarray, path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = solve(X, path, max_memory=LEAST)
    monkeypatch.setattr("mehler.operators.disk.version", lambda: "another")
    again = solve(X, path, max_memory=LEAST)
    assert "dtype or version: begun again" in again.message and same(again, once)


def test_another_tolerance_or_bound_takes_what_serves_it(
    X: np.ndarray, truth: np.ndarray, path: Path, journal: Path
) -> None:
    """Steps are the same whatever the tolerance, and up to the first restart whatever the memory."""
    steps = (journal.stat().st_size - PAGE) // record(2)
    finer = solve(X, path, max_memory=LEAST, tol=1e-10)
    assert kept(finer) == steps and finer.resolved
    journal.unlink()
    assert same(finer, solve(X, path, max_memory=LEAST, tol=1e-10))
    roomy = solve(X, path, tol=1e-10)
    assert 25 <= kept(roomy) <= 40 and "another max_memory" in roomy.message
    journal.unlink()
    assert same(roomy, solve(X, path, tol=1e-10))
    for r in (finer, roomy):
        assert abs(r.value - truth[0]) <= 1e-9 * truth[0]


def test_out_of_products_the_next_call_goes_on(
    X: np.ndarray, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = solve(X, path)
    with monkeypatch.context() as few:
        few.setattr(iterative, "MOST_PRODUCTS", 20)
        with pytest.warns(mh.ConvergenceWarning, match="too many products: 20"):
            short = solve(X, path)
    assert short.status == "budget-limited" and Path(f"{path}.lanczos").exists()
    again = solve(X, path)
    assert kept(again) == 20 and same(again, once)
    assert not Path(f"{path}.lanczos").exists()


def test_a_file_of_something_else_is_refused(X: np.ndarray, path: Path) -> None:
    mine = Path(f"{path}.lanczos")
    mine.write_text("a text of mine")
    with pytest.raises(ValueError, match=r"found a file that is something else\. Move it\."):
        solve(X, path)
    assert mine.read_text() == "a text of mine"


def test_a_file_of_something_else_is_not_removed(X: np.ndarray, path: Path) -> None:
    """Other methods keep no journal and do not look at the file, but their end is the end of one."""
    mine = Path(f"{path}.lanczos")
    end = Journal(str(mine), b"", 1 << 24).remove
    for text in (b"a text of mine", b"N", b"MEHLTILE" + bytes(4096), bytes(4096)):
        mine.write_bytes(text)
        end()
        assert mine.read_bytes() == text
    for text in (b"", b"MEHL", b"MEHLSTEP" + bytes(4096), bytes(100)):  # as far as a kill let it
        mine.write_bytes(text)
        end()
        assert not mine.exists()
    end()


def test_what_a_link_leads_to_is_left_empty(X: np.ndarray, path: Path, tmp_path: Path) -> None:
    there, mine = tmp_path / "elsewhere", Path(f"{path}.lanczos")
    mine.symlink_to(there)
    with pytest.warns(mh.ConvergenceWarning):
        solve(X, path, time_limit=1e-3)
    assert solve(X, path).resolved
    assert not mine.is_symlink() and not (there.exists() and there.stat().st_size)


PROOF = """
import sys, time, numpy as np, mehler as mh
from mehler.certificates import factorisation
def certified(*_):
    print("proving", flush=True)
    time.sleep(100)
factorisation.certified_operator = certified
with mh.gram(np.load(sys.argv[1]), "relu", storage="disk", path=sys.argv[2], dtype="float32") as K:
    mh.eigsh(K, method="lanczos", certify="rigorous", threads=1)
"""


def test_killed_in_the_proof_its_steps_are_there(X: np.ndarray, tmp_path: Path, path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    once = solve(X, tmp_path / "other", certify="rigorous")
    assert once.lower_kind == "factorisation" and not (tmp_path / "other.lanczos").exists()
    command = [sys.executable, "-c", PROOF, str(tmp_path / "X.npy"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "proving\n"
        child.send_signal(signal.SIGKILL)
    left = (Path(f"{path}.lanczos").stat().st_size - PAGE) // record(2)
    result = solve(X, path, certify="rigorous")
    assert same(result, once) and result.lower == once.lower
    assert kept(result) == left >= 11
    assert not Path(f"{path}.lanczos").exists()


def test_where_no_journal_can_be_kept_the_solve_goes_on(X: np.ndarray, path: Path) -> None:
    once, mine = solve(X, path), Path(f"{path}.lanczos")
    with mine.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        r = solve(X, path)
    assert r.message == f"no steps are kept in {mine}: another solve is using it" and same(r, once)
    assert mine.exists()  # it is not this solve's to remove
    mine.unlink()
    mine.mkdir()
    r = solve(X, path)
    assert r.message.endswith(os.strerror(errno.EISDIR)) and same(r, once)
    mine.rmdir()
    os.mkfifo(mine)
    r = solve(X, path)
    assert "no steps are kept" in r.message and "it cannot be read" in r.message and same(r, once)
    assert mine.exists()


FULL = """
import resource, sys, numpy as np, mehler as mh
with mh.gram(np.load(sys.argv[1]), "relu", storage="disk", path=sys.argv[2], dtype="float32") as K:
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    r = mh.eigsh(K, method="lanczos", certify="none", threads=1)
    assert r.resolved and "it cannot be written" in r.message, r.message
    print(r.value.hex())
"""


def test_a_disk_that_is_full_ends_the_journal_and_not_the_solve(
    X: np.ndarray, tmp_path: Path, path: Path
) -> None:
    np.save(tmp_path / "X.npy", X)
    once = solve(X, path)
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "X.npy"), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float.fromhex(ran.stdout) == once.value
    assert not Path(f"{path}.lanczos").exists()

"""Storage 'disk': the same products, bit for bit; survives kills; refuses what it is not."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler import _core

N, D = 1500, 40
PAGE = 4096
SLOT = 50 * PAGE


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    return mh.generate("sphere-random", n=N, d=D, rng=3)


@pytest.fixture(scope="module")
def V() -> np.ndarray:
    return np.random.default_rng(5).standard_normal((N, 7))


def disk(X: np.ndarray, path: Path, kernel: object = "relu", **more: object) -> mh.Gram:
    return mh.gram(X, kernel, storage="disk", path=path, **more)


def progress(path: Path) -> int:
    """Finished tiles, read from the progress slots as the format says."""
    best = turn = 0
    data = path.read_bytes()[: PAGE + 2 * SLOT] if path.exists() else b""
    for s in range(2):
        slot = data[PAGE + s * SLOT : PAGE + s * SLOT + 16]
        if len(slot) == 16 and int.from_bytes(slot[:8], "little") > turn:
            turn, best = (int.from_bytes(slot[i : i + 8], "little") for i in (0, 8))
    return best


def data_at(path: Path, n: int = N) -> int:
    """Where the tiles begin."""
    tiles = -(-n // 256) * (-(-n // 256) + 1) // 2
    return PAGE + 2 * SLOT + -(-8 * tiles // PAGE) * PAGE


def in_child(code: str, *arguments: object) -> subprocess.Popen[bytes]:
    head = "import sys, numpy as np, mehler as mh\n"
    return subprocess.Popen([sys.executable, "-c", head + code, *map(str, arguments)])


def killed_when(child: subprocess.Popen[bytes], reached: object) -> None:
    """SIGKILL as soon as reached() holds."""
    assert callable(reached)
    start = time.monotonic()
    while not reached():
        assert child.poll() is None, "the child has ended before it was to be killed"
        assert time.monotonic() - start < 100.0
        time.sleep(0.0005)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


# -- the matrix ---------------------------------------------------------------------------------------


def test_the_checksum_is_xxh64() -> None:
    # values of the published implementation
    assert _core.checksum(b"") == 0xEF46DB3751D8E999
    assert _core.checksum(b"abc") == 0x44BC2CF5AD770999
    assert _core.checksum(b"Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("direct", [False, True])
def test_products_are_those_of_packed_storage_bit_for_bit(
    X: np.ndarray, V: np.ndarray, tmp_path: Path, dtype: str, direct: bool
) -> None:
    K = mh.gram(X, "relu", storage="packed", dtype=dtype)
    with disk(X, tmp_path / "t", dtype=dtype) as on_disk:
        on_disk.tiles.direct(direct)
        for b in (1, 2, 3, 7):
            for threads in (1, 2):
                assert np.array_equal(
                    on_disk.op.multiply(np.asfortranarray(V[:, :b]), threads), K @ V[:, :b]
                )
        assert np.array_equal(on_disk.toarray(), K.toarray())
        assert np.array_equal(on_disk.diagonal(), K.diagonal())
        assert on_disk.tiles.frobenius(2) == K.packed.frobenius(1)
        assert on_disk.pairs == K.pairs
        assert on_disk.dtype == K.dtype
        assert (tmp_path / "t").stat().st_size == on_disk.tiles.on_disk


@pytest.mark.parametrize("n", [1, 2, 15, 256, 257, 513])
def test_any_number_of_points(tmp_path: Path, n: int) -> None:
    X = np.random.default_rng(n).standard_normal((n, 3))
    V = np.random.default_rng(0).standard_normal((n, 5))
    K = mh.gram(X, "relu", storage="packed", dtype="float32")
    for _ in range(2):  # made, and found again
        with disk(X, tmp_path / "t", dtype="float32") as on_disk:
            assert np.array_equal(on_disk @ V, K @ V)
            assert np.array_equal(on_disk.toarray(), K.toarray())


def test_layered_points_and_fixed_point(tmp_path: Path) -> None:
    X = np.random.default_rng(0).standard_normal((300, 4))
    V = np.ones((300, 2))
    ker = mh.ntk("tanh", depth=2)
    K = mh.gram(X, ker, storage="packed")
    with disk(X, tmp_path / "t", ker) as on_disk:
        assert np.array_equal(on_disk @ V, K @ V)
    with pytest.raises(ValueError, match="another kernel"):
        disk(X, tmp_path / "t", mh.ntk("erf", depth=2))


def test_it_is_found_again_and_kept(X: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "t"
    with disk(X, path) as K:
        assert K.tiles.found == 0
        assert "disk float64" in repr(K) and str(path) in repr(K)
    with pytest.raises(ValueError, match=r"is closed; call gram again"):
        K @ np.ones(N)
    with pytest.raises(ValueError, match="closed"):
        K.diagonal()
    assert "closed" in repr(K)
    stamp = path.stat().st_mtime_ns
    with disk(X, path) as K:
        assert K.tiles.found == 21
        with disk(X, path) as again:  # readers share it
            assert np.array_equal(again.diagonal(), K.diagonal())
    assert path.stat().st_mtime_ns == stamp


def test_auto_takes_the_file_where_memory_does_not_suffice(X: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "t"
    assert mh.gram(X, "relu", path=path).storage == "packed"
    assert not path.exists()
    big = mh.generate("sphere-random", n=6000, d=2, rng=0)
    K = mh.gram(big, "relu", dtype="float32", path=path, max_memory="60MB", threads=1)
    assert K.storage == "disk"
    assert K.nbytes < 60e6 < mh.operators.storage.storage_bytes(6000, "packed", "float32", 1)
    K.close()


def test_a_file_that_memory_does_not_let_serve_is_named(tmp_path: Path) -> None:
    """Buffers of tiles need more than entries computed again: then the file does not hold the tiles, and the result says so."""
    points = mh.generate("sphere-random", n=1300, d=8, rng=0)
    ask = dict(method="lanczos", path=tmp_path / "t", threads=1, tol=1e-2, certify="none")
    rows = {c.method: c for c in mh.plan(points, "relu", max_memory="100kB", **ask).candidates}
    least = rows["lanczos"].nbytes  # of entries computed again
    r = mh.min_eig(points, "relu", max_memory=least, **ask)
    note = r"path= does not hold the tiles: products with them take max_memory='([\d.]+MB)'; entries are computed again"
    enough = re.search(note, r.message)
    assert enough and "matrix-free" in r.method and not list(tmp_path.iterdir())
    assert re.search(note, mh.plan(points, "relu", max_memory=least, **ask).reason)[1] == enough[1]
    r = mh.min_eig(points, "relu", max_memory=enough[1], **ask)
    assert "disk" in r.method and "path=" not in r.message and (tmp_path / "t").exists()
    assert "path=" not in mh.plan(points, "relu", max_memory=enough[1], **ask).reason
    (tmp_path / "t").unlink()
    assert (
        "path=" not in mh.min_eig(points, "relu", **ask).message
    )  # memory suffices: nothing to say
    assert not list(tmp_path.iterdir())


# -- killed -------------------------------------------------------------------------------------------

FILL = """
X = np.load(sys.argv[1])
mh.gram(X, "relu", storage="disk", path=sys.argv[2], threads=1)
"""


def test_a_fill_survives_kills_at_any_moment(tmp_path: Path) -> None:
    X = mh.generate("sphere-random", n=N, d=2500, rng=3)  # slow enough to be killed in time
    X[7] = X[1400]  # a pair that coincides, seen in some batch
    np.save(tmp_path / "X.npy", X)
    path = tmp_path / "t"
    killed_when(in_child(FILL, tmp_path / "X.npy", path), path.exists)
    seen = []
    for least in (1, 6, 12):
        killed_when(
            in_child(FILL, tmp_path / "X.npy", path), lambda least=least: progress(path) >= least
        )
        seen.append(progress(path))
    assert seen == sorted(seen) and seen[-1] < 21
    K = mh.gram(X, "relu", storage="packed")
    with disk(X, path) as on_disk:
        assert on_disk.tiles.found == seen[-1] >= 12
        on_disk.tiles.verify(2)
        assert np.array_equal(on_disk.toarray(), K.toarray())
        assert on_disk.pairs == K.pairs
        assert K.pairs["equal_count"] == 1


def test_min_eig_by_a_file(tmp_path: Path) -> None:
    X, path = mh.generate("sphere-random", n=3000, d=30, rng=1), tmp_path / "t"
    asked = dict(certify="none", method="lanczos", max_memory="24MB", threads=1)
    plan = mh.plan(X, "relu", path=path, **asked)
    r = mh.min_eig(X, "relu", path=path, rng=0, **asked)
    assert r.method.startswith("lanczos, disk") and r.status == "resolved"
    assert plan.method == "lanczos" and not plan.reason.startswith("nothing")
    assert path.exists()
    v = r.vector
    K = mh.gram(X, "relu", storage="matrix-free")
    assert np.linalg.norm(K @ v - r.value * v) <= 1e-6 * r.value
    again = mh.min_eig(X, "relu", path=path, rng=0, **asked)
    assert again.value == r.value


# -- refused ------------------------------------------------------------------------------------------


def test_files_of_something_else_are_refused(X: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "t"
    disk(X, path).close()
    with pytest.raises(ValueError, match=r"another dtype: found float64, expected float32\. Pass"):
        disk(X, path, dtype="float32")
    with pytest.raises(ValueError, match=r"other points: found n=1500, d=40, expected n=1499"):
        disk(X[:-1], path)
    moved = X.copy()
    moved[3, 5] = np.nextafter(moved[3, 5], 2.0)
    with pytest.raises(ValueError, match=r"other points: found digest"):
        disk(moved, path)
    with pytest.raises(ValueError, match=r"another kernel: found digest"):
        disk(X, path, "tanh")
    with path.open("r+b") as file:
        file.seek(8)
        file.write((2).to_bytes(8, "little"))
    with pytest.raises(ValueError, match=r"another format version: found 2, expected 1"):
        disk(X, path)
    mine = tmp_path / "mine"
    mine.write_text("a text of mine")
    with pytest.raises(ValueError, match=r"must be a file of tiles, or not exist"):
        disk(X, mine)
    assert mine.read_text() == "a text of mine"


def test_bad_paths(X: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(
        IsADirectoryError, match="must name a file for the tiles; found a directory"
    ):
        disk(X, tmp_path)
    with pytest.raises(FileNotFoundError, match="the folder of path must exist"):
        disk(X, tmp_path / "no" / "t")
    with pytest.raises(TypeError, match="path must be a text or a path; got 3"):
        disk(X, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="path must name a file"):
        disk(X, "")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="storage='disk' needs path="):
        mh.gram(X, "relu", storage="disk")
    with pytest.raises(ValueError, match="path= belongs to storage='disk' or 'auto'; got"):
        mh.gram(X, "relu", storage="packed", path=tmp_path / "t")
    with pytest.raises(ValueError, match="path= holds the tiles of"):
        mh.min_eig(X, "relu", method="dense", path=tmp_path / "t")
    with pytest.raises(ValueError, match="path= serves kernels of infinite width"):
        mh.min_eig(X, "relu", width=10, path=tmp_path / "t")
    with pytest.raises(MemoryError, match="disk float64 of n=1500 takes"):
        disk(X, tmp_path / "t", max_memory="1MB")
    assert list(tmp_path.iterdir()) == []


def test_altered_tiles_are_found_and_made_again(
    X: np.ndarray, V: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "t"
    with disk(X, path) as K:
        want = K @ V
        with path.open("r+b") as file:
            file.seek(data_at(path) + 3 * 256 * 256 * 8 + 1000)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))
        with pytest.raises(
            OSError, match=r"tile 3 of the file has been altered.*open it again"
        ) as e:
            K @ V
        assert e.value.errno == errno.EIO and e.value.filename == str(path)
    with disk(X, path) as K:
        assert np.array_equal(K @ V, want)
        K.tiles.verify(1)


def test_cut_files_and_headers(X: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "t"
    disk(X, path).close()
    whole = path.read_bytes()
    for size in (len(whole) - 1, data_at(path), PAGE + 2 * SLOT):
        path.write_bytes(whole[:size])
        with pytest.raises(
            OSError, match=f"has been cut: found {size} bytes, expected {len(whole)}"
        ):
            disk(X, path)
        assert path.stat().st_size == size
    path.write_bytes(whole[:100] + b"\xff" + whole[101:])
    with pytest.raises(OSError, match="header of the file of tiles has been altered"):
        disk(X, path)
    with disk(X, tmp_path / "u") as K:  # cut while it is in use
        os.truncate(tmp_path / "u", data_at(path) + 4096)
        with pytest.raises(OSError, match="has been cut"):
            K @ np.ones(N)


def test_one_file_is_filled_by_one_process(X: np.ndarray, tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / "t"
    with path.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="in use by another process"):
            disk(X, path)


LIMITED = """
import errno, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
try:
    mh.gram(np.load(sys.argv[1]), "relu", storage="disk", path=sys.argv[2])
except OSError as error:
    assert error.errno == errno.EFBIG and "no room for its" in str(error), error
    sys.exit(7)
"""


def test_no_room_is_met_before_the_work_and_leaves_nothing(X: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    assert in_child(LIMITED, tmp_path / "X.npy", tmp_path / "t").wait() == 7
    assert not (tmp_path / "t").exists()
    small = tmp_path / "small"
    small.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], capture_output=True
        ).returncode
    ):
        pytest.skip("only root may mount a small disk")
    try:
        with pytest.raises(OSError, match=r"the disk must have room for the tiles: found") as e:
            disk(X, small / "t")
        assert e.value.errno == errno.ENOSPC and list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


READ_ONLY = """
import os
X, path, Y = np.load(sys.argv[1]), sys.argv[2], np.load(sys.argv[3])
mh.gram(X[:9], "relu")  # imports all there is while it may
if os.getuid() == 0:
    os.setuid(65534)
K = mh.gram(X, "relu", storage="disk", path=path)
assert np.array_equal(K @ np.ones(len(X)), Y)
try:
    mh.gram(X, "relu", storage="disk", path=path + "2")
except PermissionError as error:
    assert "not finished, and it cannot be written" in str(error), error
    sys.exit(7)
"""


def test_a_finished_file_may_be_read_only(X: np.ndarray, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if os.stat(folder).st_uid == os.getuid() and folder != Path("/tmp"):
            os.chmod(folder, 0o755)
    path = tmp_path / "t"
    np.save(tmp_path / "X.npy", X)
    with disk(X, path) as K:
        np.save(tmp_path / "y.npy", K @ np.ones(N))
    half = path.read_bytes()
    (tmp_path / "t2").write_bytes(half[:PAGE] + bytes(len(half) - PAGE))  # no progress yet
    for file in (path, tmp_path / "t2"):
        os.chmod(file, 0o444)
    assert in_child(READ_ONLY, tmp_path / "X.npy", path, tmp_path / "y.npy").wait() == 7


def test_one_path_serves_every_method(tmp_path: Path) -> None:
    """Tiles and factor of one path are two files: neither is refused as the other."""
    X, path = mh.generate("sphere-random", n=3000, d=20, rng=1), tmp_path / "relu"
    asked = dict(certify="none", precision="double", max_memory="34MB", path=path, rng=0)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    by_products = mh.min_eig(X, "relu", method="lanczos", **asked)
    by_factor = mh.min_eig(X, "relu", method="shift-invert", **asked)
    assert by_products.method.startswith("lanczos, disk float64")
    assert by_factor.method.endswith("in a file")
    assert {file.name for file in tmp_path.iterdir()} == {"relu", "relu.factor"}
    for r in (by_products, by_factor):
        assert r.resolved and abs(r.value - truth) <= 1e-6 * truth
    with disk(X, path) as K:
        assert K.tiles.found == 78
    with pytest.raises(ValueError, match="must be a file of tiles"):
        disk(X, tmp_path / "relu.factor")

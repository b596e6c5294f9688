"""What a worker is planned to take, and what it takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mehler as mh
from mehler.data.points import normalize as to_unit_norm
from mehler.distributed.placement import Room, beside, fitting, leaf_sizes, making, placed
from mehler.distributed.worker import Setup, one_table

N, D = 5000, 400  # X 16 MB


def setup(normalize: bool) -> Setup:
    return Setup("", N, "float64", 1.0, None, 0.0, True, normalize, None, False)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rows_are_there_once_beside_their_blocks(normalize, dtype):
    X = np.random.default_rng(0).standard_normal((N, D)).astype(dtype)
    blocks = [X[i : i + 1024].copy() for i in range(0, N, 1024)]
    tracemalloc.start()  # the core's own are not seen by it
    try:
        points = setup(normalize).points(one_table(blocks), 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 8 * N * D <= peak < 1.4 * 8 * N * D  # and some hundred rows that are worked at
    expected = to_unit_norm(X) if normalize else X.astype(float)
    sizes = np.linalg.norm(expected, axis=1)[:, None]
    np.testing.assert_allclose(points.unit, expected / sizes, rtol=0, atol=4e-16)


def test_what_points_are_made_of_has_room():
    n, d, dtype = 3000, 5000, "float64"  # X is larger than a leaf, and than the sums of a batch
    assert making(n, d, 1) > beside(n, d, 1) + max(leaf_sizes(n, dtype)) + 8 * n * d
    below, enough = (Room(making(n, d, 1) + more, 1) for more in (-1, 0))
    assert fitting(n, d, dtype, below) == 0 < fitting(n, d, dtype, enough)
    assert fitting(n, d, dtype, below, joins=False) > 0
    with pytest.raises(MemoryError, match=r"each needs a memory_limit of at least 6[0-9]{2} MB"):
        placed(n, d, dtype, [below])
    assert mh.Dask.model(n=n, workers=64, d=d).worker_bytes == making(n, d, 1)

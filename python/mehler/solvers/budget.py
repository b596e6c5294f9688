"""Bytes that solvers work in, beside the matrix: what ``max_memory`` is checked against.

    basis(n, m) + restart(m) + product(n, threads) + vectors(n, count) + storage + points <= max_memory

A basis is held in slabs of 32 columns (cpp/solve/basis.hpp), a product in sums of its own for each of 24
shares of the tiles, at most four vectors at a time (cpp/gram/symmetric_product.hpp).
"""

from __future__ import annotations

SLAB, CHUNK = 32, 512  # columns and rows: Basis
SUMS = 24 * 4 + 4  # vectors: sums and panels of a product
THREAD = 5 * 2**19  # bytes a thread: tiles of 256 x 256 made again, and what multiplies points
HUGE = 2**21  # bytes of a page, for large buffers


def slab(n: int) -> int:
    """Bytes of 32 columns of a basis."""
    nbytes = 8 * SLAB * CHUNK * -(-n // CHUNK)
    return nbytes if nbytes < 2 * HUGE else -(-nbytes // HUGE) * HUGE


def basis(n: int, columns: int) -> int:
    """Bytes of a basis of so many columns."""
    return slab(n) * -(-columns // SLAB)


def restart(columns: int) -> int:
    """Bytes of the small matrices of a thick restart (cpp/solve/thick_restart.hpp)."""
    kept = min(0.4 * columns, 400) + min(0.2 * columns, 200)
    return int(8 * kept * (5 * columns + 3 * kept))


def columns(n: int, nbytes: int, most: int) -> int:
    """Columns of the largest basis, up to ``most``, that so many bytes hold, with its restarts."""
    count = SLAB * min(max(nbytes // slab(n), 0), -(-most // SLAB))
    while count > 0 and basis(n, count) + (restart(count) if count < n else 0) > nbytes:
        count -= SLAB
    return count


def vectors(n: int, count: int) -> int:
    """Bytes of plain vectors."""
    return 8 * n * count


def product(n: int, threads: int) -> int:
    """Bytes that products with a Gram operator work in, and keep for the next one."""
    return vectors(n, SUMS) + THREAD * threads

"""What the iterative routes take: bytes of a solver, and the storages of K that leave room for it.

storage(n) + work(n, k, block, threads) + basis(n, columns) <= max_memory
"""

from __future__ import annotations

from ..operators.storage import storage_bytes
from . import budget

MOST_BASIS = 3000  # then a restart, whatever the memory
LEAST_BASIS = 64
SEARCH_BASIS = 64  # of the search for more of a cluster, which float32 storage may ask for
BLOCK = 2  # vectors in a block, for one pair


def work(n: int, k: int, block: int, threads: int) -> int:
    """Bytes of a solver for k pairs beside its basis: products, blocks (one of a journal), refinement, guards."""
    return budget.product(n, threads) + budget.vectors(n, 3 * block + 10 + 4 * k + 3 * 16)


def least_basis(n: int, k: int, block: int, single: bool) -> int:
    """Bytes of the smallest basis that a solver for k pairs is given."""
    search = budget.basis(n, SEARCH_BASIS + block) if single else 0
    least = max(LEAST_BASIS, 2 * k + 8 * block)
    return budget.basis(n, least + block) + budget.restart(least) + search


def needed(n: int, k: int, block: int, single: bool, threads: int, images: bool = False) -> int:
    """Bytes that a solver for k pairs takes at least beside the matrix; ``images``: Davidson's, of its basis."""
    least = least_basis(n, k, block, single)
    if images:
        least = max(least, 2 * budget.basis(n, 5 * max(k, block) + 2 * block))
    return work(n, k, block, threads) + least


def most_basis(n: int, free: int, k: int, block: int, single: bool) -> int:
    """Columns of a basis for k pairs that ``free`` bytes beside ``work`` allow, at most MOST_BASIS."""
    if single:  # a quarter of the basis more, for the search
        free -= max(free // 5, budget.basis(n, SEARCH_BASIS + block))
    bound = max(MOST_BASIS, 20 * k)
    most = budget.columns(n, free, bound + block) - block
    return int(min(n, max(most, LEAST_BASIS, 2 * k + 8 * block), bound))


def beside(n: int, held: int, threads: int) -> int:
    """Bytes beside the matrix: work space, the least basis, and what is held already."""
    return work(n, 1, BLOCK, threads) + least_basis(n, 1, BLOCK, True) + held


def ladder(precision: str, size: float, single: str) -> list[str]:
    """Formats of the entries, in the order in which they are tried; parameters as for ``_candidates``."""
    steps = {"auto": [single, "float64"], "single": [single], "double": ["float64"]}[precision]
    if not 1e-25 <= size <= 1e37:  # float32 would hold zeros or infinities
        if precision == "single":
            raise ValueError(
                f"entries of K up to {size:.1e} leave the range of float32; use precision='double' "
                "or 'auto'."
            )
        return ["float64"]
    return steps


def _candidates(
    n: int, needed: int, precision: str, size: float, single: str, threads: int, disk: bool
) -> list[tuple[int, str, str]]:
    """(bytes, storage, dtype), in the order in which they are tried.

    Parameters
    ----------
    n, needed
        Order, and bytes beside the matrix.
    precision
        As in :func:`min_eig`.
    size
        The largest entry of K.
    single
        Which format of four bytes serves K (``operators.packed``).
    threads
        That work on tiles which are not stored in memory.
    disk
        Whether there is a file for tiles.
    """
    steps = ladder(precision, size, single)
    found = [("packed", t) for t in steps]
    if disk:
        found += [("disk", t) for t in steps]
    if precision == "auto":  # entries computed again
        found.append(("matrix-free", "float64"))
    return [(storage_bytes(n, s, t, threads) + needed, s, t) for s, t in found]


def stages(
    n: int,
    needed: int,
    precision: str,
    size: float,
    single: str,
    limit: int,
    threads: int,
    disk: bool = False,
) -> list[tuple[str, str]]:
    """(storage, dtype) that fit into ``limit``, in the order in which they are tried; none: [].

    Tiles lie on disk only where memory holds none, entries are computed again in every product only where
    nothing can be stored.
    """
    tried = _candidates(n, needed, precision, size, single, threads, disk)
    fits = [(s, t) for b, s, t in tried if b <= limit]
    of = {storage: [f for f in fits if f[0] == storage] for storage in ("packed", "disk")}
    return of["packed"] or of["disk"] or fits


def without_file(
    n: int, needed: int, precision: str, size: float, single: str, limit: int, threads: int
) -> int:
    """Bytes with which tiles would lie on disk, where a file is allowed but not even its buffers fit; else 0.

    Entries computed again in every product need less memory than a file of tiles does.
    """
    tried = _candidates(n, needed, precision, size, single, threads, True)
    if {s for b, s, _ in tried if b <= limit} != {"matrix-free"}:
        return 0
    return min(b for b, s, _ in tried if s == "disk")


def least(
    n: int, needed: int, precision: str, size: float, threads: int, disk: bool = False
) -> int:
    """Bytes of the smallest of them."""
    tried = _candidates(n, needed, precision, size, "float32", threads, disk)
    return min(b for b, _, _ in tried)

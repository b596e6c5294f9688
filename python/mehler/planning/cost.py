"""What a method costs, said before it runs: amounts of work, and rates that turn them into seconds.

    seconds = fixed + sum over kinds of work of amount / rate

Amounts come from a route's own module; rates are a machine's. The nominal rates below decide which
method is chosen, on every machine alike; measured ones (``rates``) say how long it will take here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Work:
    """Amounts of work, by kind.

    Attributes
    ----------
    gemm64, gemm32
        Flops of products of large blocks, in float64 and float32.
    profile
        Polynomial terms evaluated for kernel entries.
    stream
        Bytes read from memory.
    fresh
        Bytes touched for the first time, which the system clears.
    lapack
        Flops of LAPACK's symmetric eigensolver.
    disk
        Bytes written to or read from a file.
    cached
        Bytes read from a file that the system has in memory.
    fixed
        Seconds that no rate changes.
    """

    gemm64: float = 0.0
    gemm32: float = 0.0
    profile: float = 0.0
    stream: float = 0.0
    fresh: float = 0.0
    lapack: float = 0.0
    disk: float = 0.0
    cached: float = 0.0
    fixed: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Work)))

    def __mul__(self, times: float) -> Work:
        return Work(*(times * getattr(self, f.name) for f in fields(Work)))


@dataclass(frozen=True)
class Rates:
    """Work a second, by the kinds of :class:`Work`."""

    gemm64: float
    gemm32: float
    profile: float
    stream: float
    fresh: float
    lapack: float
    disk: float = 1e9  # of a solid-state disk; ``rates`` measures it where a file is meant
    cached: float = 1e9  # the same, so that what is free now does not decide which method is taken

    def seconds(self, work: Work) -> float:
        """sum of amount / rate."""
        spent = (getattr(work, f.name) / getattr(self, f.name) for f in fields(Rates))
        return work.fixed + float(sum(spent))


# Two cores with AVX2, as ``rates`` measures them: its stream lies partly in a cache, which the factors that routes
# spend beyond a count make up for. Only ratios of these decide anything.
NOMINAL = Rates(gemm64=85e9, gemm32=190e9, profile=4e10, stream=60e9, fresh=4e9, lapack=64e9)


@dataclass(frozen=True)
class Cost:
    """What a method is expected to take.

    Attributes
    ----------
    work
        Amounts, of the solve and of what it needs.
    nbytes
        Peak bytes.
    products
        Products with the matrix, or solves with its factor, each with a block of vectors.
    how
        Storage, precision, preconditioner: what the method will do, in words.
    dtype
        Precision in which the answer is expected to be found.
    status
        'resolved', or what will keep it from that: 'rounding-limited', 'budget-limited'.
    """

    work: Work
    nbytes: int
    products: int
    how: str
    dtype: str = "float64"
    status: str = "resolved"


@dataclass(frozen=True)
class Refusal:
    """A method that cannot be had.

    Attributes
    ----------
    what
        What does not fit; or, if memory is not what it lacks, what stands against it.
    needs
        The smallest memory with which it could, in bytes; 0 if memory is not what it lacks.
    instead
        What else would do, to end a sentence with; or nothing.
    """

    what: str
    needs: int = 0
    instead: str = ""

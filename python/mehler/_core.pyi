"""Types of the compiled core. Strict: C-contiguous float64 arrays, checked sizes."""

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

_Array = np.ndarray[Any, np.dtype[np.float64]]
_Indices = np.ndarray[Any, np.dtype[np.int64]]
_Ask = Callable[[str, int, int, float, float], bool] | None

class Interrupted(RuntimeError): ...

class Profile:
    def __init__(
        self,
        variable: str,
        ends: _Array,
        even: _Array,
        odd: _Array,
        pieces: _Array | None = None,
        quarters: _Array | None = None,
        cut: float = 0.5,
    ) -> None: ...
    def evaluate(self, rho: _Array) -> _Array: ...
    def at(self, sign: _Array, deficit: _Array) -> _Array: ...

class NormDual:
    @property
    def columns(self) -> int: ...
    def evaluate(self, left: _Array, right: _Array, minus: _Array, plus: _Array) -> _Array: ...

class Surface(NormDual):
    def __init__(
        self,
        root: bool,
        parity: int,
        rank: int,
        drop: _Array,
        end: _Array,
        even: list[_Array],
        odd: list[_Array],
    ) -> None: ...

class SplineDual(NormDual):
    def __init__(
        self,
        order: int,
        odd: bool,
        base: _Array,
        kinks: _Array,
        nodes: _Array,
        weights: _Array,
    ) -> None: ...

class PolynomialDual(NormDual):
    def __init__(self, parity: int, degree: int) -> None: ...

class LayerStack:
    def __init__(
        self,
        kind: str,
        weight: float,
        bias: float,
        layers: list[tuple[NormDual | None, NormDual | None]],
    ) -> None: ...

class PointLayers:
    def __init__(self, stack: LayerStack, tables: list[list[_Array]], diagonal: _Array) -> None: ...

class Points:
    def __init__(
        self,
        X: _Array,
        exponent: float,
        unit: bool,
        threads: int,
        layers: PointLayers | None = None,
    ) -> None: ...
    @property
    def layered(self) -> bool: ...
    def diagonal(self) -> _Array: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def d(self) -> int: ...
    @property
    def unit(self) -> _Array: ...
    def norms(self) -> _Array: ...

class Operator:
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def multiply(self, V: _Array, threads: int) -> _Array: ...

class Packed64(Operator):
    def __init__(
        self,
        points: Points,
        profile: Profile,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def unit(self) -> float: ...
    def diagonal(self) -> _Array: ...
    def frobenius(self, threads: int) -> float: ...
    def pairs(self) -> dict[str, Any]: ...
    def dense(self, threads: int) -> _Array: ...

class Packed32(Operator):
    def __init__(
        self,
        points: Points,
        profile: Profile,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def unit(self) -> float: ...
    def diagonal(self) -> _Array: ...
    def frobenius(self, threads: int) -> float: ...
    def pairs(self) -> dict[str, Any]: ...
    def dense(self, threads: int) -> np.ndarray[Any, np.dtype[np.float32]]: ...

class PackedFixed32(Operator):
    def __init__(
        self,
        points: Points,
        profile: Profile,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def unit(self) -> float: ...
    def diagonal(self) -> _Array: ...
    def frobenius(self, threads: int) -> float: ...
    def pairs(self) -> dict[str, Any]: ...
    def dense(self, threads: int) -> _Array: ...

def packed_many(
    points: Points,
    profiles: Sequence[Profile],
    dtype: str,
    threads: int,
    ask: _Ask = None,
    tops: Sequence[float] = ...,
) -> list[Packed64 | Packed32 | PackedFixed32]: ...

class Leaf64:
    def __init__(
        self,
        points: Points,
        profile: Profile,
        n: int,
        leaf: int,
        held: bool,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def pairs(self) -> dict[str, Any]: ...
    def squares(self, threads: int) -> float: ...
    @staticmethod
    def rows(n: int, leaf: int) -> int: ...
    @staticmethod
    def bytes_for(n: int, leaf: int) -> int: ...

class Leaf32:
    def __init__(
        self,
        points: Points,
        profile: Profile,
        n: int,
        leaf: int,
        held: bool,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def pairs(self) -> dict[str, Any]: ...
    def squares(self, threads: int) -> float: ...
    @staticmethod
    def rows(n: int, leaf: int) -> int: ...
    @staticmethod
    def bytes_for(n: int, leaf: int) -> int: ...

class LeafFixed32:
    def __init__(
        self,
        points: Points,
        profile: Profile,
        n: int,
        leaf: int,
        held: bool,
        threads: int,
        ask: _Ask = None,
        top: float = 0.0,
    ) -> None: ...
    @property
    def nbytes(self) -> int: ...
    def pairs(self) -> dict[str, Any]: ...
    def squares(self, threads: int) -> float: ...
    @staticmethod
    def rows(n: int, leaf: int) -> int: ...
    @staticmethod
    def bytes_for(n: int, leaf: int) -> int: ...

def leaf_count(n: int) -> int: ...
def node_products(
    nodes: Sequence[Sequence[Leaf64 | Leaf32 | LeafFixed32]],
    V: _Array,
    threads: int,
    ask: _Ask = None,
) -> list[_Array]: ...

class Recomputed(Operator):
    def __init__(self, points: Points, profile: Profile) -> None: ...

class DenseOperator(Operator):
    def __init__(self, A: _Array) -> None: ...

class CallableOperator(Operator):
    def __init__(self, product: Callable[[_Array], Any], n: int) -> None: ...

class Solver:
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def shift(self) -> float: ...
    def solve(self, B: _Array, threads: int, ask: _Ask = None) -> _Array: ...

class Cholesky64(Solver):
    @overload
    def __init__(
        self, points: Points, profile: Profile, shift: float, threads: int, ask: _Ask = None
    ) -> None: ...
    @overload
    def __init__(self, A: _Array, shift: float, threads: int, ask: _Ask = None) -> None: ...
    @staticmethod
    def bytes_for(n: int) -> int: ...
    @staticmethod
    def edge_for(n: int) -> int: ...
    def block(self, first: int, count: int) -> Cholesky64: ...
    def lower(self, by: float) -> None: ...
    def pair_bound(self, threads: int, ask: _Ask = None) -> float: ...
    @property
    def panels(self) -> int: ...
    def factor(self, threads: int, ask: _Ask = None) -> bool: ...
    @property
    def complete(self) -> bool: ...
    @property
    def column(self) -> int | None: ...
    @property
    def pivot(self) -> float: ...
    @property
    def frobenius(self) -> float: ...
    def pairs(self) -> dict[str, Any]: ...
    def dense(self) -> _Array: ...

def factor_of(
    K: Packed64 | Packed32, threads: int, ask: _Ask = None
) -> Cholesky64 | Cholesky32: ...

class Cholesky32(Solver):
    @overload
    def __init__(
        self, points: Points, profile: Profile, shift: float, threads: int, ask: _Ask = None
    ) -> None: ...
    @overload
    def __init__(self, A: _Array, shift: float, threads: int, ask: _Ask = None) -> None: ...
    @staticmethod
    def bytes_for(n: int) -> int: ...
    @staticmethod
    def edge_for(n: int) -> int: ...
    def block(self, first: int, count: int) -> Cholesky32: ...
    def lower(self, by: float) -> None: ...
    def pair_bound(self, threads: int, ask: _Ask = None) -> float: ...
    @property
    def panels(self) -> int: ...
    def factor(self, threads: int, ask: _Ask = None) -> bool: ...
    @property
    def complete(self) -> bool: ...
    @property
    def column(self) -> int | None: ...
    @property
    def pivot(self) -> float: ...
    @property
    def frobenius(self) -> float: ...
    def pairs(self) -> dict[str, Any]: ...
    def dense(self) -> np.ndarray[Any, np.dtype[np.float32]]: ...

def shift_invert(
    factor: Solver,
    exact: Operator | None,
    wanted: int,
    guards: int,
    block: int,
    most_basis: int,
    inner_tol: float,
    tol: float,
    floor: float,
    rounds: int,
    seed: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...
def walsh_hadamard(X: _Array, threads: int, ask: _Ask = None) -> _Array: ...
def sketch_rows(
    B: _Array, picked: _Indices, seed: int, threads: int, ask: _Ask = None
) -> _Array: ...
def sketch_products(
    A: _Array, X: _Array, picked: _Indices, seed: int, threads: int, ask: _Ask = None
) -> _Array: ...
def sketch_tensor(
    A: _Array, X: _Array, p: _Indices, q: _Indices, seed: int, threads: int, ask: _Ask = None
) -> _Array: ...
def build_info() -> dict[str, Any]: ...
def default_threads() -> int: ...
def dense_gram(
    points: Points, profile: Profile, dtype: str, threads: int, ask: _Ask = None
) -> tuple[np.ndarray[Any, Any], dict[str, Any]]: ...
def cross_gram(X: Points, Y: Points, profile: Profile, threads: int) -> _Array: ...

class Deflated(Operator):
    def __init__(self, K: Operator, V: _Array, size: float) -> None: ...

class DeflatedSolver(Solver):
    def __init__(self, factor: Solver, V: _Array) -> None: ...

def lanczos(
    fast: Operator,
    exact: Operator,
    wanted: int,
    block: int,
    most_basis: int,
    tol: float,
    goal: float,
    floor: float,
    floor_relative: float,
    below: float,
    seed: int,
    largest: bool,
    most_applications: int,
    error: float,
    window: float,
    rounds: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...
def quadrature(
    K: Operator,
    V: _Array,
    probes: int,
    steps: int,
    seed: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...
def quadrature_bytes(n: int, probes: int, steps: int) -> int: ...
def measure_bounds(
    alpha: _Array, beta: _Array, low: _Array, high: _Array, threads: int, ask: _Ask = None
) -> tuple[_Array, _Array]: ...
def davidson(
    fast: Operator,
    exact: Operator,
    inverse: Operator,
    wanted: int,
    block: int,
    most_basis: int,
    tol: float,
    goal: float,
    floor: float,
    floor_relative: float,
    below: float,
    seed: int,
    most_applications: int,
    error: float,
    window: float,
    rounds: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...

class Woodbury(Operator):
    chunk: int
    def __init__(
        self,
        C: np.ndarray[Any, np.dtype[np.float32]],
        n: int,
        M: _Array | None,
        tau: float,
        scale: _Array | None,
        threads: int,
        ask: _Ask = None,
    ) -> None: ...

class TriangularFactor:
    def __init__(self, n: int, height: int) -> None: ...
    def push(self, A: _Array, threads: int, ask: _Ask = None) -> None: ...
    def factor(self, threads: int, ask: _Ask = None) -> _Array: ...

def jacobi_svd(A: _Array, threads: int, ask: _Ask = None) -> dict[str, Any]: ...
def products(W: _Array, X: _Array, threads: int) -> _Array: ...
def add_squares(A: _Array, S: _Array, threads: int) -> None: ...
def quantise(
    f: np.ndarray[Any, Any],
    dt: float,
    v: np.ndarray[Any, Any],
    out: np.ndarray[Any, Any],
    threads: int,
    ask: _Ask = None,
) -> None: ...
def bench_gemm(m: int, n: int, k: int, dtype: str, threads: int) -> float: ...
def bench_stream(bytes: int, threads: int) -> float: ...

class SparseInverse(Operator):
    def __init__(
        self,
        points: Points,
        profile: Profile,
        low: list[float],
        C: _Array,
        order: np.ndarray[Any, np.dtype[np.int64]],
        m: int,
        threads: int,
        ask: _Ask = None,
        shift: float = 0.0,
    ) -> None: ...
    @property
    def neighbours(self) -> int: ...
    @property
    def raised(self) -> int: ...
    def pairs(self) -> dict[str, Any]: ...
    @staticmethod
    def bytes_for(n: int, m: int) -> int: ...

class SparseFactor(Operator):
    def __init__(self, whole: SparseInverse, transposed: bool) -> None: ...

class Composition(Operator):
    def __init__(self, factors: list[Operator]) -> None: ...

class Identity(Operator):
    def __init__(self, n: int) -> None: ...

class LowRankChange(Operator):
    def __init__(self, A: Operator, scale: float, shift: float, G: _Array, M: _Array) -> None: ...

def random_bound(
    A: Operator,
    V: _Array,
    most: int,
    delta: float,
    enough: float,
    target: float,
    seed: int,
    count: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...

_Pair = tuple[float, float]  # hi, lo

class ExtendedSeries:
    def __init__(
        self,
        even_hi: _Array,
        even_lo: _Array,
        odd_hi: _Array,
        odd_lo: _Array,
        a: _Pair,
        b: _Pair,
        slope: _Pair,
        mean: _Pair,
    ) -> None: ...
    def at(self, hi: float, lo: float) -> _Pair: ...

class ExtendedPoints:
    def __init__(self, X: _Array, exponent: int, threads: int) -> None: ...
    @property
    def nbytes(self) -> int: ...

class ExtendedMatrix:
    @overload
    def __init__(
        self, points: ExtendedPoints, series: ExtendedSeries, threads: int, ask: _Ask = None
    ) -> None: ...
    @overload
    def __init__(self, hi: _Array, lo: _Array, threads: int) -> None: ...
    @staticmethod
    def bytes_for(n: int) -> int: ...
    @staticmethod
    def spectrum_bytes_for(n: int) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def dense(self) -> tuple[_Array, _Array]: ...
    def multiply(self, hi: _Array, lo: _Array, threads: int) -> tuple[_Array, _Array]: ...
    def spectrum(self, threads: int, ask: _Ask = None) -> tuple[_Array, _Array]: ...

class ExtendedCholesky:
    def __init__(
        self, matrix: ExtendedMatrix, shift: _Pair, threads: int, ask: _Ask = None
    ) -> None: ...
    @property
    def size(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def column(self) -> int: ...
    def dense(self) -> tuple[_Array, _Array]: ...
    def solve(self, hi: _Array, lo: _Array) -> tuple[_Array, _Array]: ...

def quadratic_descent(
    X: _Array,
    y: _Array,
    W: _Array,
    step: _Array,
    steps: int,
    tol: float,
    threads: int,
    ask: _Ask = None,
) -> tuple[_Array, _Array, np.ndarray[Any, np.dtype[np.int64]]]: ...
def extended_pair(
    matrix: ExtendedMatrix,
    factor: ExtendedCholesky,
    most: int,
    tol: float,
    floor: float,
    seed: int,
    threads: int,
    ask: _Ask = None,
) -> dict[str, Any]: ...
def coarse_gradient_sums(
    v: _Array,
    w: _Array,
    v_star: _Array,
    w_star: _Array,
    draws: int,
    seed: int,
    threads: int,
    ask: _Ask = None,
) -> tuple[_Array, _Array]: ...

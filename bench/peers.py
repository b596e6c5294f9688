"""Others under one interface: points in, smallest eigenvalue of the ReLU G-matrix out.

    G_ij = rho_ij (1/4 + asin(rho_ij) / 2 pi),    rho = X X^T

Each run is a process of its own, so that its peak memory is its own, and is timed from the points
to the number. Run one by hand:

    python bench/peers.py scipy-cholesky --kind sphere --n 2000 --d 50

A peer lives in the interpreter that runs the benches, or in another one that
``MEHLER_BENCH_PYTHON_<NAME>`` names (neural-tangents needs an older NumPy and JAX):

    MEHLER_BENCH_PYTHON_NEURAL_TANGENTS=peer/bin/python python -m pytest bench

One that cannot run is named in the output with its error: that is a result too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

# A peer's interpreter knows no package called bench.
sys.path.insert(0, str(Path(__file__).resolve().parent))
from cases import Case

TOL = 1e-6
PREFIX = "mehler-bench-run "


@dataclass(frozen=True)
class Answer:
    """What a peer hands back: the number, and how many times it multiplied by the matrix."""

    value: float
    products: int | None
    note: str = ""


@dataclass(frozen=True)
class Run:
    """One measured run: seconds from points to number, peak bytes of its process."""

    name: str
    value: float = float("nan")
    seconds: float = float("nan")
    products: int | None = None
    peak_bytes: int = 0
    base_bytes: int = 0
    note: str = ""
    error: str = ""


# --- Gram matrices ---------------------------------------------------------------------------


def numpy_gram(X: np.ndarray) -> np.ndarray:
    """The closed form by NumPy, with as few temporaries as a careful user would make."""
    R = X @ X.T
    np.clip(R, -1.0, 1.0, out=R)
    np.fill_diagonal(R, 1.0)
    K = np.arcsin(R)
    K /= 2.0 * np.pi
    K += 0.25
    K *= R
    return K


def neural_tangents_gram(X: np.ndarray) -> np.ndarray:
    """``ntk - nngp`` of one hidden layer: what training the hidden layer alone leaves."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from neural_tangents import stax

    _, _, kernel_fn = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
    kernel = kernel_fn(X * np.sqrt(X.shape[1]), None, ("nngp", "ntk"))
    return np.array(kernel.ntk) - np.array(kernel.nngp)


class Counted:
    """``K`` that counts its products."""

    def __init__(self, K: np.ndarray) -> None:
        self.K, self.products = K, 0

    def __call__(self, v: np.ndarray) -> np.ndarray:
        self.products += 1 if v.ndim == 1 else v.shape[1]
        return self.K @ v

    def operator(self):
        from scipy.sparse.linalg import LinearOperator

        return LinearOperator(self.K.shape, matvec=self, matmat=self, dtype=self.K.dtype)


# --- peers -----------------------------------------------------------------------------------

PEERS: dict[str, Callable[[np.ndarray], Answer]] = {}
SLOW = {"scipy-eigsh"}  # minutes at the sizes of cases.py


def peer(name: str):
    def enter(solve: Callable[[np.ndarray], Answer]) -> Callable[[np.ndarray], Answer]:
        PEERS[name] = solve
        return solve

    return enter


@peer("mehler")
def mehler(X: np.ndarray) -> Answer:
    import mehler as mh

    result = mh.min_eig(X, "relu", tol=TOL)
    return Answer(result.value, result.applications, f"{result.method}, {result.status}")


def cholesky_shift_invert(K: np.ndarray) -> Answer:
    """Factor once, then Lanczos on the inverse; each of its products is a pair of solves."""
    from scipy.linalg import cho_factor, cho_solve
    from scipy.sparse.linalg import LinearOperator, eigsh

    solves = 0
    # K.T is the same matrix in the column order that LAPACK overwrites without a copy.
    factor = cho_factor(K.T, lower=True, overwrite_a=True, check_finite=False)

    def inverse(v: np.ndarray) -> np.ndarray:
        nonlocal solves
        solves += 1
        return cho_solve(factor, v, check_finite=False)

    op = LinearOperator(K.shape, matvec=inverse, dtype=K.dtype)
    w = eigsh(op, k=1, which="LA", tol=TOL, return_eigenvectors=False, v0=start(len(K)))
    return Answer(1.0 / float(w[0]), solves, "solves")


@peer("scipy-cholesky")
def scipy_cholesky(X: np.ndarray) -> Answer:
    return cholesky_shift_invert(numpy_gram(X))


@peer("scipy-sigma0")
def scipy_sigma0(X: np.ndarray) -> Answer:
    from scipy.sparse.linalg import eigsh

    K = numpy_gram(X)
    w = eigsh(K, k=1, sigma=0.0, tol=TOL, return_eigenvectors=False, v0=start(len(K)))
    return Answer(float(w[0]), None, "dense LU inside")


def eigsh_smallest(X: np.ndarray, ncv: int | None) -> Answer:
    from scipy.sparse.linalg import eigsh

    K = Counted(numpy_gram(X))
    v0 = start(len(X))
    w = eigsh(K.operator(), k=1, which="SA", tol=TOL, ncv=ncv, return_eigenvectors=False, v0=v0)
    return Answer(float(w[0]), K.products)


@peer("scipy-eigsh-150")
def scipy_eigsh_150(X: np.ndarray) -> Answer:
    return eigsh_smallest(X, 150)


@peer("scipy-eigsh")
def scipy_eigsh(X: np.ndarray) -> Answer:
    return eigsh_smallest(X, None)


@peer("primme")
def primme_smallest(X: np.ndarray) -> Answer:
    import primme

    K = Counted(numpy_gram(X))
    w = primme.eigsh(K.operator(), k=1, which="SA", tol=1e-9, return_eigenvectors=False)
    return Answer(float(w[0]), K.products, "tol is relative to |K| there")


@peer("neural-tangents")
def neural_tangents(X: np.ndarray) -> Answer:
    return cholesky_shift_invert(neural_tangents_gram(X))


def start(n: int) -> np.ndarray:
    """The same random start for every SciPy peer: a run can be repeated."""
    return np.random.default_rng(1).standard_normal(n)


# --- running one, and many -------------------------------------------------------------------


def peak_bytes() -> int:
    """High-water mark of this process's memory.

    ``ru_maxrss`` survives fork and exec, and so may be the parent's: Linux' VmHWM starts afresh.
    """
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def run_here(name: str, case: Case) -> Run:
    """Run a peer in this process: the child's side."""
    X = case.points()
    base = peak_bytes()
    if name == "neural-tangents":
        neural_tangents_gram(X[:4])  # its import and its compiler are not the work
    elif name == "mehler":
        import mehler  # noqa: F401
    else:
        import scipy.linalg
        import scipy.sparse.linalg  # noqa: F401
    begin = time.perf_counter()
    answer = PEERS[name](X)
    seconds = time.perf_counter() - begin
    return Run(name, answer.value, seconds, answer.products, peak_bytes(), base, answer.note)


def run(name: str, case: Case, threads: int | None = None) -> Run:
    """Run a peer in a process of its own: the parent's side."""
    variable = "MEHLER_BENCH_PYTHON_" + name.upper().replace("-", "_")
    environment = dict(os.environ)
    if threads:
        for limit in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[limit] = str(threads)
    words = [environment.get(variable, sys.executable), __file__, name, "--kind", case.kind]
    words += ["--n", str(case.n), "--d", str(case.d), "--seed", str(case.seed)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    for line in done.stdout.splitlines():
        if line.startswith(PREFIX):
            return Run(**json.loads(line[len(PREFIX) :]))
    last = (done.stderr.strip().splitlines() or ["no output"])[-1]
    return Run(name, error=last if done.returncode == 1 else f"exit {done.returncode}: {last}")


def middle(runs: list[Run]) -> Run:
    """Median time, largest memory; the rest of the first run that worked."""
    good = [r for r in runs if not r.error]
    if not good:
        return runs[0]
    summary = asdict(good[0])
    summary["seconds"] = median(r.seconds for r in good)
    summary["peak_bytes"] = max(r.peak_bytes for r in good)
    return Run(**summary)


def compare(names: list[str], case: Case, rounds: int = 3) -> dict[str, Run]:
    """All peers in turn, ``rounds`` times over (slow ones once), so that load hits all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for k in range(rounds):
        for name in names:
            if k == 0 or not (name in SLOW or runs[name][-1].error):
                runs[name].append(run(name, case))
    return {name: middle(found) for name, found in runs.items()}


def table(runs: dict[str, Run], truth: float) -> str:
    """A Markdown table: time, error, products, memory, and ratios to the first row."""
    first = next(iter(runs.values()))
    rows = [
        "| | seconds | ratio | products | relative error | peak memory | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, r in runs.items():
        if r.error:
            rows.append(f"| {name} | not run: {r.error} | | | | | |")
            continue
        rows.append(
            f"| {name} | {r.seconds:.2f} | {r.seconds / first.seconds:.1f} "
            f"| {'' if r.products is None else f'{r.products:,}'} {r.note and f'({r.note})'} "
            f"| {abs(r.value - truth) / truth:.1e} "
            f"| {r.peak_bytes / 2**20:,.0f} MiB | {r.peak_bytes / first.peak_bytes:.1f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("--kind", default="sphere", choices=("sphere", "fashion-mnist"))
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--d", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    o = parser.parse_args()
    result = run_here(o.name, Case(o.kind, o.n, o.d, o.seed))
    print(PREFIX + json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()

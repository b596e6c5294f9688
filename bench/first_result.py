"""From nothing to the first number: what a newcomer waits for, with mehler and with others.

    python bench/first_result.py                     # every peer; ten minutes, some GB fetched
    python bench/first_result.py mehler scipy        # these alone
    python bench/first_result.py --wheel dist/wheel/mehler-0.1.0-*.whl

An environment of its own for each, without pip's cache: seconds to install (NumPy and all else
included; the download depends on the line), megabytes on disk, seconds to import, and seconds from
there to the smallest eigenvalue of the ReLU G-matrix of 2,000 points on the sphere in 50
dimensions: the first one, compilers and warm-up included. Median of three fresh processes. In
brackets the seconds of processor time, all cores together: a busy machine stretches those of the
clock, and with ``--threads 1``, where no thread waits for another, hardly these. The value is compared with a dense solve before its time is shown; what cannot be installed or run is
shown with its error: that is a result too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cases import SMALL
from peers import numpy_gram

ROOT = Path(__file__).resolve().parents[1]
HERE = str(ROOT / "bench")

GRAM = """
R = np.clip(X @ X.T, -1.0, 1.0)
np.fill_diagonal(R, 1.0)
K = R * (0.25 + np.arcsin(R) / (2.0 * np.pi))
"""


@dataclass(frozen=True)
class Peer:
    """What is installed, what is imported, and ``value`` from points ``X``."""

    requirements: tuple[str, ...]
    imports: str
    solve: str
    note: str = ""


PEERS = {
    "mehler": Peer(
        ("{wheel}",), "import mehler as mh", 'value = mh.min_eig(X, "relu").value', "the wheel"
    ),
    "mehler-source": Peer(
        (str(ROOT),), "import mehler as mh", 'value = mh.min_eig(X, "relu").value', "compiled there"
    ),
    "scipy": Peer(
        ("scipy",),
        "from scipy.sparse.linalg import eigsh",
        GRAM + 'value = eigsh(K, k=1, which="SA", tol=1e-6, return_eigenvectors=False)[0]',
        'NumPy Gram, `eigsh(which="SA")`',
    ),
    "scipy-sigma": Peer(
        ("scipy",),
        "from scipy.sparse.linalg import eigsh",
        GRAM + "value = eigsh(K, k=1, sigma=0.0, return_eigenvectors=False)[0]",
        "NumPy Gram, `eigsh(sigma=0)`",
    ),
    "primme": Peer(
        ("numpy", "scipy", "primme"),
        "import primme",
        GRAM + 'value = primme.eigsh(K, k=1, which="SA", tol=1e-9, return_eigenvectors=False)[0]',
        "NumPy Gram",
    ),
    "scikit-learn": Peer(
        ("scikit-learn",),
        "from sklearn.decomposition import KernelPCA",
        GRAM + 'value = KernelPCA(kernel="precomputed").fit(K).eigenvalues_[-1]',
        "NumPy Gram, `KernelPCA`: of the centred matrix",
    ),
    "gpytorch": Peer(
        ("torch==2.13.0", "gpytorch"),
        "import torch, gpytorch; from linear_operator import to_linear_operator",
        GRAM + "value = float(to_linear_operator(torch.from_numpy(K)).eigvalsh()[0])",
        "NumPy Gram, `linear_operator`",
    ),
    "neural-tangents": Peer(
        ("neural-tangents",),
        "import jax; jax.config.update('jax_enable_x64', True); from neural_tangents import stax",
        "NT",
        "as it comes",
    ),
    "neural-tangents-pinned": Peer(
        ("neural-tangents==0.6.5", "jax[cpu]==0.4.30", "numpy<2", "scipy<1.14"),
        "import jax; jax.config.update('jax_enable_x64', True); from neural_tangents import stax",
        "NT",
        "with JAX 0.4.30, NumPy 1; `eigvalsh`",
    ),
}
NT = """
_, _, kernel = stax.serial(stax.Dense(1), stax.Relu(), stax.Dense(1))
found = kernel(X * np.sqrt(X.shape[1]), None, ("nngp", "ntk"))
value = np.linalg.eigvalsh(np.asarray(found.ntk) - np.asarray(found.nngp))[0]
"""

FIRST = """
import json, sys, time
def now():
    return np.array([time.perf_counter(), time.process_time()])
begin = [time.perf_counter(), time.process_time()]
import numpy as np
{imports}
imported = now()
sys.path.insert(0, {here!r})
from cases import SMALL
X = SMALL.points()
ready = now()
{solve}
first = now() - ready
print(json.dumps([*(imported - begin), *first, float(value)]))
"""


Seconds = tuple[float, float]  # of a clock, of processors
NONE: Seconds = (float("nan"), float("nan"))


def processors() -> float:
    """Seconds of all processes that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@dataclass(frozen=True)
class Row:
    name: str
    note: str
    install: Seconds = NONE
    megabytes: float = float("nan")
    imports: Seconds = NONE
    first: Seconds = NONE
    error: str = ""


def last_line(text: str) -> str:
    """The line that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if "rror" in line and "note:" not in line]
    return (lines or text.strip().splitlines() or ["no message"])[-1][:160]


def measure(
    name: str, peer: Peer, wheel: Path | None, truth: float, rounds: int, threads: int | None
) -> Row:
    if "{wheel}" in peer.requirements and wheel is None:
        return Row(name, peer.note, error="no wheel; python tools/wheel.py --no-tests makes one")
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "OMP_", "OPENBLAS_NUM"))
    }
    if threads is not None:
        environment |= {f"{one}_NUM_THREADS": str(threads) for one in ("OMP", "OPENBLAS")}
    folder = Path(tempfile.mkdtemp(prefix="first-"))
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = folder / "bin" / "python"
        empty = size(folder)
        wanted = [str(wheel) if one == "{wheel}" else one for one in peer.requirements]
        begin, before = time.perf_counter(), processors()
        done = subprocess.run(
            [
                python,
                "-m",
                "pip",
                "install",
                "-q",
                "--no-cache-dir",
                "--disable-pip-version-check",
                *wanted,
            ],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
        install = (time.perf_counter() - begin, processors() - before)
        if done.returncode:
            return Row(name, peer.note, install, error="install: " + last_line(done.stderr))
        megabytes = size(folder) - empty
        solve = NT if peer.solve == "NT" else peer.solve
        code = FIRST.format(imports=peer.imports, solve=solve, here=HERE)
        runs = []
        for _ in range(rounds):
            done = subprocess.run(
                [python, "-c", code],
                check=False,
                capture_output=True,
                text=True,
                cwd=folder,
                env=environment,
            )
            if done.returncode:
                return Row(
                    name, peer.note, install, megabytes, error="run: " + last_line(done.stderr)
                )
            runs.append(json.loads(done.stdout.splitlines()[-1]))
        imports, first = (
            (
                statistics.median(run[i] for run in runs),
                statistics.median(run[i + 1] for run in runs),
            )
            for i in (0, 2)
        )
        value = runs[0][4]
        wrong = "" if abs(value / truth - 1.0) < 1e-6 else f"gives {value:.6g}, not {truth:.6g}"
        return Row(name, peer.note, install, megabytes, imports, first, wrong)
    finally:
        shutil.rmtree(folder)


def size(folder: Path) -> float:
    """Megabytes of the files below."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_symlink()) / 1e6


def table(rows: list[Row]) -> str:
    """Markdown; an error stands where the numbers would."""

    def text(row: Row) -> str:
        known = [
            "{:.1f} ({:.1f})".format(*row.install),
            f"{row.megabytes:,.0f}",
            "{:.2f} ({:.2f})".format(*row.imports),
            "{:.2f} ({:.2f})".format(*row.first),
        ]
        shown = ["" if "nan" in one else one for one in known]
        error = f"**{row.error}**" if row.error else ""
        return "| " + " | ".join([row.name, row.note, *shown, error]) + " |"

    head = [
        "| | how | install, s | MB | import, s | first value, s | |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    return "\n".join(head + [text(row) for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=", ".join(PEERS))
    parser.add_argument("--wheel", type=Path, help="mehler's; default the newest below dist/wheel")
    parser.add_argument("--rounds", type=int, default=3, help="processes each, medians shown")
    parser.add_argument(
        "--threads", type=int, help="of OpenMP and OpenBLAS (JAX takes what it finds); default all"
    )
    options = parser.parse_args()
    unknown = set(options.peers) - set(PEERS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    made = sorted((ROOT / "dist" / "wheel").glob("mehler-*.whl"), key=lambda p: p.stat().st_mtime)
    wheel = options.wheel.resolve() if options.wheel else (made[-1] if made else None)
    truth = float(np.linalg.eigvalsh(numpy_gram(SMALL.points()))[0])
    rows = []
    for name in options.peers or PEERS:
        rows.append(measure(name, PEERS[name], wheel, truth, options.rounds, options.threads))
        print(f"{rows[-1]}", file=sys.stderr, flush=True)
    print(f"{SMALL}: lambda_min {truth:.8g}\n\n{table(rows)}")


if __name__ == "__main__":
    main()

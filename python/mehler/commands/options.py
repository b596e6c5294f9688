"""Options that several commands take: of the data, of the kernel, of the question."""

from __future__ import annotations

import argparse
from typing import Any

from ..question import CERTIFICATES, METHODS, PRECISIONS

KERNELS = ("gradient", "nngp", "ntk")


def data(sub: argparse.ArgumentParser) -> None:
    """DATA, and how much of it."""
    sub.add_argument(
        "data",
        metavar="DATA",
        help=".npy, .npz, .csv or IDX file, the last two also gzipped; - reads CSV from stdin",
    )
    sub.add_argument("--rows", type=int, metavar="N", help="take the first N rows only")
    sub.add_argument("--key", metavar="NAME", help="array to take from an .npz file")
    sub.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")


def kernel(sub: argparse.ArgumentParser) -> None:
    """An activation and the network it stands in."""
    sub.add_argument(
        "--activation",
        default="relu",
        metavar="NAME",
        help='name, with parameters as in "elu(0.5)" or "elu(alpha=0.5)"; default relu',
    )
    layers(sub)
    norms(sub)


def parameters(sub: argparse.ArgumentParser) -> None:
    """Of an activation."""
    sub.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the activation that is not in parentheses; may be repeated",
    )


def layers(sub: argparse.ArgumentParser) -> None:
    """The network."""
    parameters(sub)
    which(sub)
    sub.add_argument("--depth", type=int, default=1, help="hidden layers; default 1")
    sub.add_argument("--weight-var", type=float, default=1.0, help="variance of weights; default 1")


def which(sub: argparse.ArgumentParser) -> None:
    """What is trained."""
    sub.add_argument(
        "--kernel",
        choices=KERNELS,
        default="gradient",
        help="gradient: train the last hidden layer; nngp: the read-out; ntk: everything; default gradient",
    )
    sub.add_argument("--bias-var", type=float, default=0.0, help="variance of biases; default 0")


def norms(sub: argparse.ArgumentParser) -> None:
    """Norms as they are, or one."""
    sub.add_argument(
        "--normalize",
        action="store_true",
        help="divide every point by its norm; without it norms are taken as they are, and where they differ, activations other "
        "than ReLU, leaky ReLU, |z| and powers take longer, up to double precision, by dense, lanczos or shift-invert",
    )


def threads(sub: argparse.ArgumentParser) -> None:
    """How many of them."""
    sub.add_argument("--threads", type=int, metavar="N", help="threads; default OpenMP's")


def question(sub: argparse.ArgumentParser, certify: str = "auto") -> None:
    """How well, by which method, and within what."""
    sub.add_argument("--tol", type=float, default=1e-6, help="largest relative error; default 1e-6")
    sub.add_argument(
        "--method",
        choices=(*METHODS, "factored"),
        default="auto",
        help="auto: the one that plan expects to be quickest; dense: all eigenpairs, by LAPACK; lanczos: "
        "products; shift-invert: a Cholesky factor, then few solves; preconditioned: fewer products, with "
        "an approximate inverse; sparse-inverse: an estimate without products, of activations with a kink "
        "in few dimensions; with --width, factored: by the features; default auto",
    )
    sub.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="of the matrix; extended and exact (no kinks) go below double; default auto",
    )
    sub.add_argument(
        "--certify",
        choices=CERTIFICATES,
        default=certify,
        help="how the lower bound is proved. rigorous: a Cholesky factorisation, n^3/3 flops, rounding allowed "
        "for; preconditioned: some dozens of products, of activations with a kink, wrong with probability "
        "1e-10 at most; theory: Hermite tail, loose; none: 0; auto: rigorous where it costs no more than the "
        f"solve, else preconditioned where that is sharp, else theory; default {certify}",
    )
    threads(sub)
    memory(sub)


def memory(sub: argparse.ArgumentParser) -> None:
    """How much of it."""
    sub.add_argument(
        "--max-memory",
        metavar="SIZE",
        help="as in 512MiB or 10GB; default 80%% of what is free",
    )


def path(sub: argparse.ArgumentParser) -> None:
    """Where that goes which memory does not hold."""
    sub.add_argument(
        "--path",
        metavar="FILE",
        help="a file for what does not fit into --max-memory (the matrix, or its factor in FILE.factor); it "
        "stays, and the same command goes on with it after a kill",
    )


def time_limit(sub: argparse.ArgumentParser) -> None:
    """How long."""
    sub.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="then end with what is known (exit 3)"
    )


def asked(options: argparse.Namespace) -> dict[str, Any]:
    """What min_eig and plan share, as the library takes it."""
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "tol", "method", "precision")
    return {n: getattr(options, n) for n in (*names, "certify", "threads", "max_memory")}

"""The command line, ``python -m mehler``: the library's own words.

Results go to stdout, everything else to stderr. Exit codes: 0 ok, 2 usage or bad input, 3 not
resolved, 130 interrupted.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import math
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ConvergenceWarning, PrecisionWarning

OK, BAD, UNRESOLVED, INTERRUPTED = 0, 2, 3, 130
KERNELS = ("gradient", "nngp", "ntk")
IN_SHELL = (  # the library's words in messages, as options
    (r"normalize=True", "--normalize"),
    (r"\b(method|certify|precision)=((?:'[-a-z]+'(?:, | or )?)+)", r"--\1 \2"),
    (r"\bmax_memory='([^']+)'", r"--max-memory \1"),
    (r"\bmax_memory=", "--max-memory "),
    (r"\bmax_memory\b", "--max-memory"),
    (r"pass width= or weights= too", "pass --width too"),
    (r"\(width= or weights=\)", "(--width)"),
    (r"\btime_limit\b", "--time-limit"),
    (r"\btol=", "--tol "),
    (r"\bor tol\b", "or --tol"),
    (r",? or None for OpenMP's default", ""),
    (r", or None\b", ""),
)


def in_shell(text: str) -> str:
    """A message of the library in the words of the command line: method='dense' is --method dense.

    Parameters
    ----------
    text
        The message.
    """
    for words, option in IN_SHELL:
        text = re.sub(words, option, text)
    return re.sub(
        r"--(?:method|certify|precision) (?:'[-a-z]+'(?:, | or )?)+",
        lambda found: found[0].replace("'", ""),
        text,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv
        Arguments; those of the process when None.
    """
    options = _parser().parse_args(argv)
    say = _silent if getattr(options, "quiet", False) else _say
    try:
        with warnings.catch_warnings():
            for ours in (ConvergenceWarning, PrecisionWarning):
                warnings.simplefilter("always", ours)
            warnings.showwarning = lambda message, *rest: say(f"warning: {in_shell(str(message))}")
            code: int = options.run(options, say)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of stdout left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as problem:
        _say(f"error: {in_shell(str(problem)) or type(problem).__name__}")
        return BAD
    return code


def _say(line: str) -> None:
    print(f"mehler: {line}", file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    return None


Say = Callable[[str], None]


# -- commands --------------------------------------------------------------------------------------


def _min_eig(options: argparse.Namespace, say: Say) -> int:
    import mehler

    from .activations import activation
    from .eigen import min_eig

    name, given = parse_activation(options.activation, options.param)
    act = activation(name, **given)
    X = _points(options, say)
    if options.width is None:
        _say_norms(X, options.normalize, say)
    result = min_eig(
        X,
        act,
        **_asked(options),
        width=options.width,
        time_limit=options.time_limit,
        rng=options.seed,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    if options.json:
        names = (
            "data",
            "rows",
            "normalize",
            "kernel",
            "depth",
            "weight_var",
            "bias_var",
            "certify",
            "seed",
        )
        asked = {name: getattr(options, name) for name in names}
        asked |= {"max_memory": options.max_memory, "time_limit": options.time_limit}
        asked |= {"width": options.width}
        asked |= {"activation": _call(act), "mehler": mehler.__version__}
        found = result.to_dict()
        if not options.history:
            del found["history"]
        _json(asked | found)
    else:
        print(in_shell(str(result)))
    if result.interrupted:
        return INTERRUPTED
    return OK if result.status == "resolved" else UNRESOLVED


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """What min_eig and plan share."""
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "tol", "method", "precision")
    return {n: getattr(options, n) for n in (*names, "certify", "threads", "max_memory")}


def _plan(options: argparse.Namespace, say: Say) -> int:
    import mehler

    from .activations import activation

    name, given = parse_activation(options.activation, options.param)
    act = activation(name, **given)
    X = _points(options, say)
    _say_norms(X, options.normalize, say)
    found = mehler.plan(X, act, **_asked(options))
    if options.json:
        names = (
            "data",
            "rows",
            "normalize",
            "kernel",
            "depth",
            "weight_var",
            "bias_var",
            "tol",
            "precision",
        )
        asked = {name: getattr(options, name) for name in (*names, "certify", "threads")}
        _json(asked | {"activation": _call(act), "mehler": mehler.__version__} | found.to_dict())
    elif found.method is not None:
        print(in_shell(str(found)))
    else:
        print(found.table(), file=sys.stderr)
    if found.method is None:
        _say(f"error: {in_shell(found.reason)}")
        return BAD
    return OK


def _bounds(options: argparse.Namespace, say: Say) -> int:
    import mehler

    from .activations import activation

    name, given = parse_activation(options.activation, options.param)
    act = activation(name, **given)
    X = _points(options, say)
    _say_norms(X, options.normalize, say)
    names = ("kernel", "depth", "weight_var", "bias_var", "normalize", "threads")
    asked = {key: getattr(options, key) for key in names}
    found = mehler.bounds(X, act, **asked, measure=not options.no_measure)
    if options.json:
        _json({"data": options.data, "activation": _call(act)} | asked | found.to_dict())
    else:
        print(found)
    return OK


def _explain(options: argparse.Namespace, say: Say) -> int:
    from .activations import activation
    from .question import kernel_of

    name, given = parse_activation(options.name, options.param)
    variances = options.weight_var, options.bias_var
    kernel = kernel_of(activation(name, **given), options.kernel, options.depth, *variances)
    found = kernel.explain()
    if options.json:
        _json(found.to_dict())
    else:
        print(found)
    return OK


def _say_norms(X: Any, normalize: bool, say: Say) -> None:
    """A word when points are far from unit norm, as raw pixels are."""
    if normalize or X.ndim != 2 or X.size == 0:
        return
    norms = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
    low, high = float(norms.min()), float(norms.max())
    if np.isfinite(high) and (low < 0.5 or high > 2.0):
        say(f"points of norm {low:.3g} to {high:.3g}, taken as they are; --normalize makes them 1")


def _sweep(options: argparse.Namespace, say: Say) -> int:
    import mehler

    from .activations import activation

    acts: list[Any] = []
    for text in split_list(options.activations):
        name, given = parse_activation(text)
        acts.append(activation(name, **given) if given else name)
    if options.csv is not None and Path(options.csv).is_dir():  # said before the work, not after it
        raise ValueError(f"--csv must be the name of a file; {options.csv} is a folder.")
    X = _points(options, say)
    _say_norms(X, options.normalize, say)
    names = ("kernel", "bias_var", "normalize", "precision", "tol", "certify", "method")
    asked = {n: getattr(options, n) for n in (*names, "max_memory", "threads", "resume")}
    found = mehler.sweep(
        X,
        acts,
        depths=_numbers(options.depths, "--depths", int),
        scales=_numbers(options.scales, "--scales", float),
        widths=_numbers(options.widths, "--widths", int, infinite=True),
        n=None if options.sizes is None else _numbers(options.sizes, "--sizes", int),
        rng=options.seed,
        progress=not options.quiet and sys.stderr.isatty(),
        **asked,
    )
    if options.csv is not None:
        found.to_csv(options.csv)
        say(f"wrote {options.csv}")
    if options.json:
        _json({"data": options.data, "mehler": mehler.__version__} | asked | found.to_dict())
    else:
        print(in_shell(str(found)))
    if found.interrupted:
        return INTERRUPTED
    return OK if found.resolved else UNRESOLVED


def split_list(text: str) -> list[str]:
    """The parts of a list with commas, but not those in parentheses: "relu,elu(alpha=0.5)".

    Parameters
    ----------
    text
        The list.
    """
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _numbers(text: str, option: str, kind: Callable[[str], Any], infinite: bool = False) -> Any:
    """1,3,5 as a list of numbers; 'inf' is None where that is allowed."""
    try:
        return [None if infinite and part == "inf" else kind(part) for part in split_list(text)]
    except ValueError:
        more = ", or inf" if infinite else ""
        raise ValueError(
            f"{option} takes numbers with commas between{more}; got {text!r}."
        ) from None


def _describe(options: argparse.Namespace, say: Say) -> int:
    from .data.points import describe

    summary = describe(_points(options, say))
    if options.json:
        _json({"data": options.data} | summary.to_dict())
    else:
        print(summary)
    return OK


def _study(options: argparse.Namespace, say: Say) -> int:
    from .studies.activations import run_study, save

    folder = Path(options.out)
    if folder.exists() and not folder.is_dir():  # said before the work, not after it
        raise ValueError(f"--out must be a folder, or a name that is free; {folder} is a file.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OSError(f"--out must be a folder that can be written; {problem}.") from None
    if not os.access(folder, os.W_OK):
        raise OSError(f"--out must be a folder that can be written; {folder} is not.")
    study = run_study(
        n=options.n, seed=options.seed, quick=options.quick, threads=options.threads, report=say
    )
    files, missing = save(study, folder)
    if options.json:
        _json(study.to_dict() | {"files": [str(f) for f in files]})
    else:
        print(study)
    say(f"{study.seconds:.1f} s; wrote {', '.join(map(str, files))}")
    if missing:
        _say(missing)
    return OK


def _info(options: argparse.Namespace, say: Say) -> int:
    import mehler

    info = mehler.build_info()
    if options.json:
        _json(info)
    else:
        print("\n".join(f"{key:18} {value}" for key, value in info.items()))
    return OK


def _activations(options: argparse.Namespace, say: Say) -> int:
    from .activations import activations
    from .activations.lookup import ALIASES, ENTRIES

    rows = []
    for name in activations():
        parameters = inspect.signature(ENTRIES[name]).parameters.values()
        needed = [p.name for p in parameters if p.default is p.empty]
        entry = ENTRIES[name](**{k: (0.0, 1.0) if k == "coefficients" else 1 for k in needed})
        words = [p.name if p.name in needed else f"{p.name}={p.default:g}" for p in parameters]
        text = {key: str(entry.get(key, "")) for key in ("formula", "source")}
        other = [
            alias + "".join(f" ({k}={v:g})" for k, v in given.items())
            for alias, (target, given) in ALIASES.items()
            if target == name
        ]
        rows.append(
            {"name": name, "parameters": ", ".join(words), "aliases": ", ".join(other)} | text
        )
    if options.json:
        _json(rows)
        return OK
    first, second = (max(len(row[key]) for row in rows) for key in ("name", "parameters"))
    for row in rows:
        also = f"   [{row['aliases']}]" if row["aliases"] else ""
        print(f"{row['name']:{first}}  {row['parameters']:{second}}  {row['formula']}{also}")
    return OK


# -- input and output ------------------------------------------------------------------------------


def _points(options: argparse.Namespace, say: Say) -> Any:
    """The points of DATA; '-' is delimited text on stdin."""
    from .data.files import _count, load, read_text

    start = time.perf_counter()
    if options.data == "-":
        lines = sys.stdin.read().splitlines(keepends=True)
        rows = None if options.rows is None else _count(options.rows)
        X = read_text(lambda: lines, "stdin", rows)
    else:
        X = load(options.data, rows=options.rows, key=options.key)
    seconds = time.perf_counter() - start
    say(f"read {' x '.join(f'{s:,}' for s in X.shape)} {X.dtype} in {seconds:.1f} s")
    return X


def _json(value: Any) -> None:
    print(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    """What JSON knows: no arrays, no NumPy numbers, no NaN."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _call(act: Any) -> str:
    words = ", ".join(f"{key}={value!r}" for key, value in act.params)
    return f"{act.name}({words})" if words else str(act.name)


def parse_activation(text: str, params: Sequence[str] = ()) -> tuple[str, dict[str, Any]]:
    """Name and parameters of ``"leaky_relu(negative_slope=0.1)"`` and of ``["alpha=0.5"]``.

    Parameters
    ----------
    text
        A name, with keyword arguments in parentheses if any.
    params
        More parameters, each 'name=value'.
    """
    name, bracket, inside = text.strip().partition("(")
    given: dict[str, Any] = {}
    if bracket:
        try:
            call = ast.parse(f"f({inside}", mode="eval").body
            if not isinstance(call, ast.Call) or call.args or not text.strip().endswith(")"):
                raise ValueError
            given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        except (ValueError, SyntaxError):
            raise ValueError(
                f"cannot read the activation {text!r}; expected a name with keyword numbers, as in "
                '"leaky_relu(negative_slope=0.1)".'
            ) from None
    for item in params:
        key, equals, value = item.partition("=")
        try:
            given[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            equals = ""
        if not equals or not key.strip().isidentifier():
            raise ValueError(f"--param takes name=number, as in alpha=0.5; got {item!r}.")
    return name.strip(), given


# -- options ---------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mehler",
        description="How small is the smallest eigenvalue of the Gram matrix that an activation "
        "function and a data set give a neural network?",
        epilog="Exit codes: 0 ok, 2 usage or bad input, 3 not resolved, 130 interrupted.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="print JSON")
        return sub

    def data(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "data",
            metavar="DATA",
            help=".npy, .npz, .csv or IDX file, the last two also gzipped; - reads CSV from stdin",
        )
        sub.add_argument("--rows", type=int, metavar="N", help="take the first N rows only")
        sub.add_argument("--key", metavar="NAME", help="array to take from an .npz file")
        sub.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")

    from .question import CERTIFICATES, METHODS, PRECISIONS

    def kernel(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--activation",
            default="relu",
            metavar="NAME",
            help='name, with parameters as in "elu(alpha=0.5)"; default relu',
        )
        layers(sub)
        norms(sub)

    def layers(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--param",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a parameter of the activation; may be repeated",
        )
        which(sub)
        sub.add_argument("--depth", type=int, default=1, help="hidden layers; default 1")
        sub.add_argument(
            "--weight-var", type=float, default=1.0, help="variance of weights; default 1"
        )

    def which(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--kernel",
            choices=KERNELS,
            default="gradient",
            help="gradient: train the last hidden layer; nngp: the read-out; ntk: everything; default gradient",
        )
        sub.add_argument(
            "--bias-var", type=float, default=0.0, help="variance of biases; default 0"
        )

    def norms(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--normalize", action="store_true", help="divide every point by its norm")

    def question(sub: argparse.ArgumentParser, certify: str = "auto") -> None:
        sub.add_argument(
            "--tol", type=float, default=1e-6, help="largest relative error; default 1e-6"
        )
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
        sub.add_argument("--threads", type=int, metavar="N", help="threads; default OpenMP's")
        sub.add_argument(
            "--max-memory",
            metavar="SIZE",
            help="as in 512MiB or 10GB; default 80%% of what is free",
        )

    sub = command("min-eig", _min_eig, "Smallest eigenvalue of a kernel matrix, with bounds.")
    data(sub)
    kernel(sub)
    question(sub)
    sub.add_argument(
        "--time-limit", type=float, metavar="SECONDS", help="then end with what is known (exit 3)"
    )
    sub.add_argument(
        "--width",
        type=int,
        metavar="M",
        help="neurons of a network of finite width, weights drawn by the seed; default infinite",
    )
    sub.add_argument(
        "--seed", type=int, default=0, help="of the random start, and of weights; default 0"
    )
    sub.add_argument(
        "--history",
        action="store_true",
        help="(products, value, residual) of every test, in JSON",
    )

    sub = command("plan", _plan, "What min-eig will do and take, method by method, before it does.")
    data(sub)
    kernel(sub)
    question(sub)

    sub = command(
        "sweep",
        _sweep,
        "Smallest eigenvalue for every activation, depth, variance, width and size.",
    )
    data(sub)
    sub.add_argument(
        "--activations",
        default="relu",
        metavar="LIST",
        help='names with commas between, as in "relu,elu(alpha=0.5)"; default relu',
    )
    sub.add_argument("--depths", default="1", metavar="LIST", help="hidden layers; default 1")
    sub.add_argument(
        "--scales", default="1", metavar="LIST", help="variances of weights; default 1"
    )
    sub.add_argument(
        "--widths",
        default="inf",
        metavar="LIST",
        help="neurons; inf is infinite width; default inf",
    )
    sub.add_argument(
        "--sizes", metavar="LIST", help="numbers of points, the first so many; default all"
    )
    which(sub)
    norms(sub)
    question(sub, certify="theory")
    sub.add_argument(
        "--seed", type=int, default=0, help="of the random start, and of weights; default 0"
    )
    sub.add_argument("--csv", metavar="FILE", help="write the table as CSV")
    sub.add_argument(
        "--resume",
        metavar="FILE",
        help="append finished rows to this CSV file, and take those that it has",
    )

    sub = command(
        "bounds", _bounds, "What theory says of the smallest eigenvalue, from both sides."
    )
    data(sub)
    kernel(sub)
    sub.add_argument("--no-measure", action="store_true", help="theory alone, no eigensolver")
    sub.add_argument("--threads", type=int, metavar="N", help="threads; default OpenMP's")

    sub = command(
        "explain", _explain, "Formula, parity and smoothness of a kernel, and what they mean."
    )
    sub.add_argument(
        "name", metavar="ACTIVATION", help='name, with parameters as in "elu(alpha=0.5)"'
    )
    layers(sub)

    data(command("describe", _describe, "Size, rank, norms and nearest pairs of a data set."))

    sub = command("study", _study, "How activation and dimension decide the smallest eigenvalue.")
    sub.add_argument(
        "--out",
        default="mehler-study",
        metavar="DIR",
        help="folder for study.csv and study.png; default ./mehler-study",
    )
    from .studies.activations import POINTS, QUICK_POINTS, SEED

    sub.add_argument("--n", type=int, help=f"points; default {POINTS}, {QUICK_POINTS} when quick")
    sub.add_argument("--seed", type=int, default=SEED, help=f"of the points; default {SEED}")
    sub.add_argument("--quick", action="store_true", help="fewer points and dimensions")
    sub.add_argument("--threads", type=int, metavar="N", help="threads; default OpenMP's")
    sub.add_argument("--quiet", action="store_true", help="no progress on stderr")

    command("activations", _activations, "The catalogue of activations.")
    command("info", _info, "What was built, and what it runs on.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

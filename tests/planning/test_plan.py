"""plan: what min_eig will do and take; auto takes what it says; every refusal says what works."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from problems import GB, asked

import mehler as mh
from mehler import planning
from mehler.__main__ import main
from mehler.planning import answers, choose
from mehler.planning.cost import NOMINAL, Cost, Rates, Refusal
from mehler.planning.plan import duration
from mehler.planning.rates import given
from mehler.question import METHODS
from spectra import sphere

ACTIVATIONS = ("relu", "selu", "elu", "tanh", "swish")


# -- the value -------------------------------------------------------------------------------------


def test_a_plan_is_a_value_with_a_row_a_method():
    p = mh.plan(sphere(1500, 10), "relu", max_memory="1GB", certify="none")
    assert isinstance(p, mh.Plan)
    assert {c.method for c in p.candidates} == set(METHODS) - {"auto"}
    chosen = next(c for c in p.candidates if c.method == p.method)
    assert (p.seconds, p.nbytes, p.products) == (chosen.seconds, chosen.nbytes, chosen.products)
    assert chosen.nominal == min(c.nominal for c in p.candidates)
    assert p.reason.startswith(f"{p.method}: about ") and "the next, would take" in p.reason
    assert (p.n, p.d, p.max_memory) == (1500, 10, GB)
    with pytest.raises(AttributeError):
        p.method = "dense"


def test_printed_it_is_a_small_table():
    lines = str(mh.plan(sphere(600, 5), max_memory="20MB")).splitlines()
    assert lines[0].split() == ["method", "seconds", "memory", "products", "what", "it", "does"]
    assert sum("<-" in line for line in lines) == 1
    assert lines[-2] == "" and lines[-1].endswith(".")
    assert max(map(len, lines[:-1])) < 105
    refused = str(mh.plan(sphere(600, 5), max_memory="2MB"))
    assert re.search(r"dense +- +needs 14\.4 MB +- +no: the array and its eigenvectors", refused)


def test_a_file_is_named_where_it_would_be_quicker_or_is_all_there_is():
    X = sphere(30_000, 50)
    with given(replace(NOMINAL, disk=1e11, cached=1e11)):
        slow = mh.plan(X, "relu", max_memory="300MB", certify="none")
        none = mh.plan(X, "relu", max_memory="200MB", certify="none", precision="single")
    assert slow.method and re.search(
        r" With path=FILE on a disk, [-a-z]+ takes about \d+", slow.reason
    )
    assert "path=FILE" not in none.reason  # float32 alone does not go to a file
    assert "path=FILE" not in mh.plan(X[:3000], "relu", max_memory="10MB").reason  # seconds
    least = mh.plan(X, "relu", max_memory="200MB", certify="none")
    assert least.reason.startswith("lanczos: nothing else fits") and "path=FILE" in least.reason


def test_reasons_compare_as_the_table_does():
    """Seconds of the sentence are those of the column, whatever rates decide by."""
    X = sphere(4000, 20)
    for odd in (NOMINAL, replace(NOMINAL, stream=1e13), replace(NOMINAL, gemm32=1e9, gemm64=1e9)):
        with given(odd):
            p = mh.plan(X, "relu", certify="none")
        rows = {c.method: c for c in p.candidates if c.fits and c.status == "resolved"}
        others = sorted((c.seconds, m) for m, c in rows.items() if m != p.method)
        seconds, second = others[0]
        times = seconds / rows[p.method].seconds
        assert second in p.reason
        said = re.search(r"take[s]? (\S+) (?:times|of its)", p.reason)
        assert said is None or float(said[1]) == pytest.approx(times, rel=0.06)
        assert ("which decide" in p.reason) == (times < 0.9)


def test_it_is_json():
    for memory in ("1GB", "1kB"):
        p = mh.plan(sphere(300, 4), max_memory=memory)
        again = json.loads(json.dumps(p.to_dict(), allow_nan=False))
        assert again["method"] == p.method and len(again["candidates"]) == len(p.candidates)
    assert again["seconds"] is None and again["candidates"][0]["fits"] is False


def test_seconds_follow_the_machine_and_the_choice_does_not():
    X = sphere(1200, 20)
    plain = mh.plan(X, "elu")
    slow = Rates(*(getattr(NOMINAL, f) / 10.0 for f in Rates.__dataclass_fields__))
    with given(slow):
        late = mh.plan(X, "elu")
    assert late.method == plain.method and late.seconds > 4.0 * plain.seconds
    odd = Rates(1e7, 1e7, 1e12, 1e12, 1e12, 1e12)  # no flops, but memory without end
    with given(odd):
        other = mh.plan(X, "elu", certify="none")
    assert other.method == plain.method
    if min(other.candidates, key=lambda c: c.seconds).method != other.method:
        assert "at nominal rates, which decide" in other.reason


# -- the choice ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n", "d", "method"),
    [
        ("relu", 200, 3, "dense"),
        ("relu", 1500, 3, "shift-invert"),
        ("elu", 2500, 5, "shift-invert"),
    ],
)
def test_auto_takes_what_the_plan_says(name, n, d, method):
    X = sphere(n, d)
    assert mh.plan(X, name).method == method
    assert mh.min_eig(X, name, rng=0, certify="none").method.startswith(method)


def test_the_choice_is_the_same_every_time():
    X = sphere(900, 12)
    assert len({choose(asked(X, name)) for name in ("relu",) for _ in range(3)}) == 1
    assert len({mh.plan(X, "gelu", threads=t).method for t in (1, 2)}) == 1


def test_kinks_and_dimensions_of_large_sets():
    """What took minutes to measure (docs/how-mehler-chooses.md): twice as quick as the next, or nearly a tie."""
    assert choose(asked(sphere(20_000, 50), "relu")) == "preconditioned"
    assert choose(asked(sphere(8_000, 3), "relu")) == "preconditioned"
    assert choose(asked(sphere(10_000, 50), "elu")) in ("preconditioned", "shift-invert")


def test_every_choice_gives_the_same_number():
    X = sphere(600, 12, seed=1)
    truth = np.linalg.eigvalsh(mh.gradient_kernel("relu")(X))[0]
    methods = set()
    least = mh.plan(X, "relu", max_memory="100kB").nbytes  # of one method; each thread needs some
    for memory in ("1GB", least):
        r = mh.min_eig(X, "relu", max_memory=memory, rng=0)
        assert r.resolved and r.value == pytest.approx(truth, rel=1e-6)
        methods.add(r.method.split(" ")[0].rstrip(","))
    assert len(methods) > 1


def test_a_certificate_is_planned():
    X = sphere(800, 5)
    plain = mh.plan(X, "relu", certify="none")
    sure = mh.plan(X, "relu", certify="rigorous")
    assert sure.method == plain.method and sure.seconds > plain.seconds
    row = next(c for c in sure.candidates if c.method == sure.method)
    assert row.certificate > 0.0 and sure.seconds == row.seconds + row.certificate


@pytest.mark.parametrize("certify", ["rigorous", "preconditioned"])
def test_a_certificate_that_does_not_fit_is_refused_as_min_eig_does(certify):
    X = sphere(2000, 3)
    needed = {"rigorous": mh.plan(X, "relu", certify=certify).nbytes, "preconditioned": 4e6}
    for memory in (int(0.5 * needed[certify]), int(0.99 * needed["rigorous"])):
        p = mh.plan(X, "relu", certify=certify, max_memory=memory)
        if p.method is not None:
            assert certify == "preconditioned"
            continue
        with pytest.raises(MemoryError) as refused:
            mh.min_eig(X, "relu", certify=certify, max_memory=memory)
        assert p.reason == str(refused.value) and f"certify='{certify}'" in p.reason
        least = re.search(r"or max_memory='([^']+)'", p.reason)
        assert least
        assert mh.plan(X, "relu", certify=certify, max_memory=least[1]).method is not None
        assert mh.min_eig(X, "relu", certify=certify, max_memory=least[1]).resolved
        if certify == "rigorous":
            assert p.nbytes == needed[certify]
        assert mh.min_eig(X, "relu", certify=certify, max_memory=p.nbytes).resolved


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::mehler.ConvergenceWarning")  # the least basis may be full
@pytest.mark.parametrize("method", ["dense", "lanczos", "shift-invert", "preconditioned"])
@pytest.mark.parametrize("precision", ["auto", "double"])
def test_a_refusal_says_what_works(method, precision):
    """The max_memory that the message names works, and a hundredth less does not."""
    X = sphere(1000, 6)
    with pytest.raises(MemoryError, match=r"Nothing fits; the least that does is") as refused:
        mh.min_eig(X, "relu", method=method, precision=precision, max_memory="100kB")
    text = str(refused.value)
    assert re.match(
        rf"method='{method}'.* at n=1000 takes .* MB, more than max_memory=100 kB, for the ", text
    )
    memory, other = re.search(r"max_memory='([^']+)', with method='([^']+)'", text).groups()
    r = mh.min_eig(
        X, "relu", method=other, precision=precision, max_memory=memory, tol=1e-3, certify="none"
    )
    assert r.n == 1000
    less = 0.99 * float(memory.removesuffix("MB")) * 1e6
    with pytest.raises(MemoryError, match="Nothing fits"):
        mh.min_eig(X, "relu", precision=precision, max_memory=less)


def test_a_refusal_names_the_methods_that_fit():
    X = sphere(1000, 6)
    with pytest.raises(
        MemoryError,
        match=r"method='dense' at n=1000 takes 40 MB, more than max_memory=30 MB, for the array "
        r"and its eigenvectors\. What fits: method='lanczos' or .*; or max_memory='40\.0MB'\.",
    ):
        mh.min_eig(X, "relu", method="dense", max_memory="30MB")
    p = mh.plan(X, "relu", method="dense", max_memory="30MB")
    assert p.method is None and "What fits: method='lanczos'" in p.reason


def test_where_nothing_fits_the_plan_says_what_would():
    p = mh.plan(sphere(1000, 6), max_memory="100kB")
    assert p.method is None and math.isnan(p.seconds) and p.status == ""
    assert p.nbytes == min(c.nbytes for c in p.candidates) > 100_000
    assert "Nothing fits" in p.reason and not any(c.fits for c in p.candidates)


def test_memory_changes_the_choice():
    X = sphere(3000, 5)
    assert mh.plan(X, "elu", max_memory="1GB").method == "shift-invert"
    least = mh.plan(X, "elu", method="shift-invert", max_memory=1)
    row = next(c for c in least.candidates if c.method == "shift-invert")
    tight = mh.plan(X, "elu", max_memory=row.nbytes - 1)
    assert tight.method in ("lanczos", "preconditioned")
    assert next(c for c in tight.candidates if c.method == "shift-invert").fits is False


def test_the_only_method_that_fits_needs_no_probe():
    X = sphere(1000, 6)
    fits = [
        mh.plan(X, method=m, max_memory=1, threads=1).nbytes for m in ("lanczos", "preconditioned")
    ]
    problem = asked(X, limit=sum(fits) // 2)
    left = [r.NAME for r in planning.ROUTES if r.refusal(problem) is None]
    assert left == ["lanczos"] and choose(problem) == "lanczos"
    assert "probe" not in problem.__dict__


def test_routes_answer_costs_or_refusals():
    for limit in (GB, 1000):
        for answer in answers(asked(sphere(300, 4), limit=limit)).values():
            assert isinstance(answer, Cost if limit == GB else Refusal)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"method": "magic"}, ValueError, "method must be one of"),
        ({"precision": "half"}, ValueError, "precision must be one of"),
        ({"certify": True}, ValueError, "certify must be one of"),
        ({"tol": 2.0}, ValueError, "tol must satisfy 0 < tol < 1"),
        ({"max_memory": "much"}, ValueError, "max_memory must be bytes or a text"),
        ({"threads": 0}, ValueError, "threads must be >= 1"),
        ({"normalize": "yes"}, TypeError, "normalize must be True or False"),
        ({"kernel": "cnn"}, ValueError, "kernel must be one of"),
        ({"depth": 0}, ValueError, "depth must satisfy"),
    ],
)
def test_bad_options_are_refused_as_min_eig_does(options, error, words):
    for verb in (mh.plan, mh.min_eig):
        with pytest.raises(error, match=words):
            verb(sphere(20, 3), "tanh", **options)


def test_points_of_unequal_norm_as_for_min_eig():
    with pytest.raises(
        ValueError, match=r"points must have unit norm .* precision='exact'; .* normalize=True"
    ):
        mh.plan(2.0 * sphere(20, 3), "tanh", precision="exact")
    assert mh.plan(2.0 * sphere(20, 3), "tanh").method == "dense"
    p = mh.plan(sphere(300, 3) * np.linspace(0.5, 2.0, 300)[:, None], "elu")
    assert p.method in ("dense", "shift-invert", "lanczos")
    refused = {c.method: c.how for c in p.candidates if not c.fits}
    assert "takes points of unit norm" in refused["preconditioned"]
    assert "takes points of unit norm" in refused["sparse-inverse"]


def test_points_of_any_scale():
    """Exact powers of two are taken out: the plan is the same, the value scales."""
    X = sphere(700, 8)
    one, many = mh.plan(X, "relu"), mh.plan(2.0**40 * X, "relu")
    assert many.method == one.method and many.products == one.products
    assert many.lowest == pytest.approx(2.0**80 * one.lowest, rel=0.1)


# -- the command -----------------------------------------------------------------------------------


def test_command_prints_the_table_and_json(tmp_path, capsys):
    path = tmp_path / "points.npy"
    np.save(path, sphere(300, 4))
    assert main(["plan", str(path), "--quiet"]) == 0
    assert "<-" in capsys.readouterr().out
    assert main(["plan", str(path), "--quiet", "--json", "--activation", "elu(alpha=0.5)"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] in METHODS and found["activation"] == "elu(alpha=0.5)"
    assert {"seconds", "nbytes", "reason", "candidates"} <= set(found)
    assert main(["plan", str(path), "--quiet", "--max-memory", "1kB"]) == 2
    printed = capsys.readouterr()
    assert "Nothing fits" in printed.err and printed.out == ""


@pytest.mark.parametrize(
    "seconds, text",
    [(0.0123, "0.012 s"), (99.6, "100 s"), (7_100.0, "7100 s"), (7_200.0, "2 h"), (100_000.0, "28 h"), (300_000.0, "3.5 days"), (np.nan, "- s")],
)  # fmt: skip
def test_long_durations_are_hours_and_days(seconds: float, text: str):
    assert duration(seconds) == text


def test_the_table_names_hours_and_the_json_has_seconds():
    found = mh.plan(np.eye(5), "relu")
    slow = replace(found.candidates[0], fits=True, seconds=36_000.0, certificate=30.0)
    long = replace(found, seconds=36_000.0, candidates=(slow,))
    assert "  10 h + 30  " in long.table() and long.to_dict()["seconds"] == 36_000.0

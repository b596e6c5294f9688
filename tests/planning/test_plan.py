"""plan: what min_eig will do and take; auto takes what it says; every refusal says what works."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import mehler as mh
from mehler import planning
from mehler.__main__ import main
from mehler.operators.points import core_points
from mehler.planning import answers, choose, rates
from mehler.planning.cost import NOMINAL, Cost, Rates, Refusal, Work
from mehler.planning.plan import duration
from mehler.planning.problem import order, probe, problem_of
from mehler.planning.rates import given, measure
from mehler.question import METHODS
from mehler.solvers.outcome import entry_error, rounding_of
from spectra import sphere

ACTIVATIONS = ("relu", "selu", "elu", "tanh", "swish")
GB = 10**9


def asked(X, name="relu", precision="auto", certify="none", limit=100 * GB, disk=False):
    ker = mh.gradient_kernel(name)
    points = core_points(X, ker, 1)
    return problem_of(X, points, ker, precision, 1e-6, certify, limit, 1, disk=disk)


@pytest.fixture(autouse=True)
def machine():
    """A machine of known rates: nothing here depends on the clock."""
    with given(NOMINAL):
        yield


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


def test_rates_are_measured_fast_and_positive():
    found = measure(1)
    for name in Rates.__dataclass_fields__:
        assert getattr(found, name) > 1e5, name


def test_rates_of_threads_that_wait_for_one_another_are_those_of_one_alone():
    """On a machine with other work two threads may take ten times as long as one."""
    asked: list[int] = []

    def measured(threads: int) -> float:
        asked.append(threads)
        return 10.0 / threads**4

    assert rates._best(measured, 2, 20.0) == 20.0 and set(asked) == {1, 2}
    assert rates._best(measured, 4, 1e3, 2) == 20.0
    asked.clear()
    assert rates._best(measured, 2, 1.0) == 0.625 and set(asked) == {2}  # as fast as is usual
    assert rates._best(measured, 1, 1e3) == 10.0


def test_work_adds_and_rates_divide():
    work = Work(gemm64=3e9, stream=2e9, fixed=0.5) + Work(gemm64=1e9) * 2.0
    slow = Rates(1e9, 1.0, 1.0, 1e9, 1.0, 1.0)
    assert slow.seconds(work) == pytest.approx(0.5 + 5.0 + 2.0)


# -- the model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_more_points_take_longer_and_more_memory(name):
    """Of one set, so that the probe's points differ little."""
    X = sphere(6000, 20)
    before = None
    for n in (400, 800, 2000, 3500, 6000):
        found = answers(asked(X[:n], name))
        size = {
            m: (NOMINAL.seconds(c.work), c.nbytes) for m, c in found.items() if isinstance(c, Cost)
        }
        if before is not None:
            for m in size:
                assert size[m][0] > before[m][0] and size[m][1] > before[m][1], (m, n)
        before = size


def test_a_fine_tolerance_is_out_of_reach_where_rounding_hides_the_value():
    easy, hard = asked(sphere(1000, 10), "tanh"), asked(sphere(1000, 3), "tanh")
    assert not easy.out_of_reach and hard.out_of_reach
    p = mh.plan(sphere(1000, 3), "tanh")
    assert p.status == "rounding-limited"
    assert "below what double precision resolves to tol=1e-06" in p.reason


@pytest.mark.parametrize(
    ("name", "nu"),
    [("relu", 1), ("leaky_relu", 1), ("selu", 1), ("elu", 3), ("tanh", math.inf)],
)
def test_order_of_the_singularity(name, nu):
    """A jump of phi' leaves |x - y|, one of phi'' leaves |x - y|^3; a smooth phi nothing."""
    assert order(mh.gradient_kernel(name)) == nu


def test_the_probe_sees_what_it_says():
    X, ker = sphere(200, 7), mh.gradient_kernel("relu")
    seen, h = probe(X, ker), float(ker.h.ends[0])
    values = np.linalg.eigvalsh(ker(X))
    assert seen.m == 200  # all points: no extrapolation
    assert seen.lowest(200) * h == pytest.approx(values[0], rel=1e-2)  # three digits are kept
    assert seen.condition(200) == pytest.approx(values[-1] / values[0], rel=0.15)  # one digit
    assert seen.dimension == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_lowest_is_right_to_an_order_of_magnitude(name):
    X, ker = sphere(1500, 10), mh.gradient_kernel(name)
    truth = np.linalg.eigvalsh(ker(X))[0] / float(ker.h.ends[0])
    assert 0.1 < probe(X, ker).lowest(1500) / truth < 10.0


@pytest.mark.parametrize("name", ["relu", "tanh"])
@pytest.mark.parametrize("method", ["lanczos", "shift-invert", "preconditioned"])
def test_bytes_are_those_that_results_name(name, method):
    """Within 20 %: the part that the number of products decides is the smaller one."""
    X = sphere(4000, 10)
    p = mh.plan(X, name, method=method, certify="none")
    r = mh.min_eig(X, name, method=method, certify="none", rng=0)
    assert p.method == method and p.nbytes == pytest.approx(r.nbytes, rel=0.2)


def test_products_are_right_within_a_factor():
    X = sphere(1500, 20)
    for method in ("lanczos", "shift-invert"):
        p = mh.plan(X, "relu", method=method, certify="none")
        r = mh.min_eig(X, "relu", method=method, certify="none", rng=0)
        assert 1 / 2.5 < p.products / r.applications < 2.5


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


def test_a_shift_is_expected_where_the_value_falls_slowly(monkeypatch):
    """The route's own rule, on what the probe says."""
    from mehler.planning import shift_invert
    from mehler.solvers import placing

    expected = {
        (50, "relu", 2100): (0.6, 0.8),
        (10, "relu", 2100): (0.3, 0.6),  # falls
        (50, "relu", 2000): (0.0, 0.0),  # too few points
        (3, "tanh", 2100): (0.0, 0.0),  # below rounding
        (5, "swish", 2100): (0.0, 0.0),  # falls steeply
    }
    for (d, name, n), (least, most) in expected.items():
        share = shift_invert.placed(asked(sphere(n, d), name), "float64")
        assert least <= share <= most, (d, name, n, share)
    problem = asked(sphere(2100, 50))
    monkeypatch.setattr(placing, "APART", 1e-9)  # of a value that float32 blurs
    assert shift_invert.placed(problem, "float32") == 0.0 < shift_invert.placed(problem, "float64")


def test_a_placed_shift_leaves_fewer_solves(monkeypatch):
    from mehler.planning import shift_invert

    problem = asked(sphere(2100, 50))
    near = shift_invert.cost(problem)
    monkeypatch.setattr(shift_invert, "placed", lambda *_: 0.0)
    plain = shift_invert.cost(problem)
    assert near.products < 0.7 * plain.products
    assert NOMINAL.seconds(near.work) < NOMINAL.seconds(plain.work)


def test_a_file_is_read_from_the_disk_unless_the_system_can_keep_it(monkeypatch):
    """What is free beyond the limit says how fast it will be, and never which method is taken."""
    from mehler.planning import problem, shift_invert

    ask = dict(method="shift-invert", precision="double", max_memory="40MB", path="nowhere")
    machine = replace(NOMINAL, cached=1e11)
    X, plans, costs = sphere(3200, 50), [], []
    for free in (2**40, 60 * 10**6):  # the file takes 41 MB
        monkeypatch.setattr(problem, "free_memory", lambda free=free: free)
        with given(machine):
            plans.append(mh.plan(X, "relu", **ask))
        costs.append(
            shift_invert.cost(
                asked(X, "relu", precision="double", limit=40 * 10**6, disk=True)
            ).work
        )
    kept, read = costs
    assert kept.cached == read.disk - kept.disk > 0.0 == read.cached
    assert {p.candidates[2].how for p in plans} == {"factor float64 in a file"}
    assert plans[0].seconds < 0.5 * plans[1].seconds and plans[0].products == plans[1].products
    assert NOMINAL.seconds(kept) == pytest.approx(NOMINAL.seconds(read), rel=1e-12)


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


# -- where rounding limits the value ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
def test_what_auto_does_beyond_double_is_counted():
    X, tried = sphere(500, 3), "Then precision='extended' is tried, about "
    p, double = mh.plan(X, "tanh"), mh.plan(X, "tanh", precision="double")
    assert p.status == double.status == "rounding-limited"
    assert tried in p.reason and tried not in double.reason
    assert p.seconds > 1.2 * double.seconds
    r = mh.min_eig(X, "tanh")
    assert r.dtype == "extended" and r.nbytes <= p.nbytes < 1.5 * r.nbytes
    for name, options in (
        ("elu", {}),  # a kink: double-double does not know it
        ("tanh", {"method": "lanczos"}),
        ("tanh", {"max_memory": 0.9 * r.nbytes}),
    ):
        assert tried not in mh.plan(X, name, **options).reason, (name, options)


def test_setting_near_points_apart_is_counted(monkeypatch):
    from mehler.planning import near_points

    n = 2000
    problem = asked(sphere(n, 3), "elu")
    found = answers(problem)
    monkeypatch.setattr(near_points, "expected", lambda problem: False)
    for name, bare in answers(problem).items():
        if name == "sparse-inverse":
            assert found[name] == bare  # an estimate is left as it is
            continue
        assert bare.status == "rounding-limited"
        # the rest's factor, and another at a shift that is known to be below
        assert found[name].work.gemm64 - bare.work.gemm64 > 2 * n**3 / 3
        assert found[name].nbytes >= max(bare.nbytes, 4 * n * n)


@pytest.mark.parametrize("d, n, name", [(3, 3000, "elu"), (3, 3000, "tanh")])
def test_pairs_that_rounding_hides_are_counted_to_a_factor(d, n, name):
    """By the formula, against all pairs."""
    from mehler.planning import near_points

    X = sphere(n, d)
    problem = asked(X, name)
    top = float(problem.ker.h.ends[0])
    floor = rounding_of(
        n, problem.probe.top * n * top, entry_error(problem.sight.given, problem.ker)
    )
    deficits = 1.0 - (X @ X.T)[np.triu_indices(n, 1)]
    count = int(np.sum(problem.ker.h.drop(deficits) <= 100.0 * floor / problem.tol))
    assert count > 8
    assert count / 3.0 <= near_points.pairs(problem) <= 3.0 * count


def test_where_nothing_is_set_apart():
    from mehler.planning import near_points

    few, many = sphere(1000, 3), sphere(8000, 3)
    assert near_points.expected(asked(few, "elu"))
    assert not near_points.expected(asked(many, "elu"))  # too many near pairs
    assert not near_points.expected(asked(sphere(1000, 50), "elu"))  # none
    assert not near_points.expected(asked(few, "elu", precision="single"))
    assert not near_points.expected(asked(few, "elu", limit=4 * 1000**2))  # no room for a factor

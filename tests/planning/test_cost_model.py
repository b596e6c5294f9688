"""What a run takes, foretold: the probe, the counts, the rates of the machine."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from problems import asked

import mehler as mh
from mehler.planning import answers, rates
from mehler.planning.cost import NOMINAL, Cost, Rates, Work
from mehler.planning.problem import order, probe
from mehler.planning.rates import given, measure
from spectra import sphere

ACTIVATIONS = ("relu", "selu", "elu", "tanh", "swish")


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


def test_a_shift_is_expected_where_the_value_falls_slowly(monkeypatch):
    """The route's own rule, on what the probe says."""
    from mehler.planning import shift_invert

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
    monkeypatch.setattr(shift_invert, "APART", 1e-9)  # of a value that float32 blurs
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

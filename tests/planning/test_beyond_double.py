"""What is foretold where rounding in double limits the value: more digits, and near points set apart."""

from __future__ import annotations

import numpy as np
import pytest
from problems import asked

import mehler as mh
from mehler.planning import answers
from mehler.solvers.outcome import entry_error, rounding_of
from spectra import sphere


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


@pytest.mark.filterwarnings("ignore::mehler.PrecisionWarning")
def test_norms_that_differ_are_part_of_what_is_expected():
    """No eigenvalue of K lies above its least diagonal entry."""
    X = sphere(1200, 20)
    for scale in (1e-3, 1e-6):
        Y = X.copy()
        Y[7] *= scale
        p = mh.plan(Y, "relu")
        assert p.lowest <= 0.5 * scale**2 * 1.01
    half = X.copy()
    half[::2] *= 1e-3
    p, r = mh.plan(half, "relu"), mh.min_eig(half, "relu", rng=0)
    assert 0.1 < p.lowest / r.value < 10.0
    plain, large = mh.plan(X, "relu"), mh.plan(2.0**20 * X, "relu")
    assert large.method == plain.method and large.lowest == pytest.approx(
        2.0**40 * plain.lowest, rel=0.3
    )

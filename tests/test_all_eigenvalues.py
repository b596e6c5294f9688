"""mh.eigvalsh: every value with bounds and a status, in every precision."""

from __future__ import annotations

import numpy as np
import pytest

import mehler as mh


def test_double_is_lapack():
    X = mh.generate("sphere-random", n=60, d=10, rng=0)
    s = mh.eigvalsh(X, "relu", precision="double")
    expected = np.linalg.eigvalsh(mh.gram(X, "relu").toarray())
    assert s.resolved and s.precision == "double" and len(s) == 60
    assert np.allclose(np.asarray(s), expected, rtol=1e-12)
    assert np.all(s.lower <= s.values) and np.all(s.values <= s.upper)


def test_each_precision_holds_the_next():
    pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=40, d=2, rng=1)
    d, x, e = (mh.eigvalsh(X, "gelu", precision=p) for p in ("double", "extended", "exact"))
    assert e.resolved and np.all(e.upper - e.lower <= 2e-6 * e.values)
    for less in (d, x):
        assert np.all(less.lower <= e.upper) and np.all(e.lower <= less.upper)
        known = np.array([s == "resolved" for s in less.status])
        assert np.all(np.abs(less.values - e.values)[known] <= 1e-6 * e.values[known])
        assert 0 < known.sum() < 40
    counts = [sum(s == "resolved" for s in spectrum.status) for spectrum in (d, x, e)]
    assert counts[0] < counts[1] < counts[2] == 40
    assert e.values[0] == pytest.approx(mh.min_eig(X, "gelu", precision="exact").value, rel=1e-6)


def test_copies_and_the_trace():
    pytest.importorskip("flint")
    X = mh.generate("circle-full", n=21, d=2)  # eigenvalues in pairs
    s = mh.eigvalsh(X, "tanh", precision="exact", tol=1e-9)
    assert s.resolved
    # rounded points split the pairs by 1e-16 times a modest condition
    assert np.allclose(s.values[1::2], s.values[2::2], rtol=1e-12)
    assert np.sum(s.values) == pytest.approx(
        21 * float(mh.gradient_kernel("tanh").h.ends[0]), rel=1e-14
    )


def test_auto_climbs():
    pytest.importorskip("flint")
    X = mh.generate("circle-full", n=31, d=2)
    s = mh.eigvalsh(X, "swish")
    assert s.resolved and s.precision == "extended" and "double: " in s.message
    assert s.values[0] == pytest.approx(1.500e-16, rel=1e-3)
    assert mh.eigvalsh(X, "relu").precision == "double"


def test_what_is_not_known_is_said():
    X = mh.generate("circle-full", n=51, d=2)
    s = mh.eigvalsh(X, "swish", precision="double")
    assert not s.resolved and s.status[0] == "rounding-limited" and s.status[-1] == "resolved"
    text = str(s)
    assert "<= " in text and "rounding-limited" in text and "precision='extended'" in text
    assert s.lower[0] == 0.0


def test_zeros_end():
    pytest.importorskip("flint")
    X = mh.generate("sphere-random", n=5, d=2, rng=0)
    s = mh.eigvalsh(X, "identity", precision="exact")  # rank two
    assert s.status == ("rounding-limited",) * 3 + ("resolved",) * 2
    assert np.all(s.upper[:3] < 1e-290) and "not told from zero" in s.message


def test_refusals():
    X = mh.generate("sphere-random", n=300, d=3, rng=0)
    with pytest.raises(ValueError, match=r"precision must be one of .*; got 'single'"):
        mh.eigvalsh(X, "tanh", precision="single")
    with pytest.raises(ValueError, match="activations without kinks"):
        mh.eigvalsh(X, "relu", precision="extended")
    for precision in ("double", "extended", "exact"):
        with pytest.raises(MemoryError, match=f"n=300 points in precision='{precision}' need"):
            mh.eigvalsh(X, "tanh", precision=precision, max_memory="1MB")
    with pytest.raises(KeyboardInterrupt):
        mh.eigvalsh(X[:60], "tanh", precision="exact", callback=lambda state: True)


def test_bounds_hold_between_doubles():
    """A value of 32 digits, given as a double, is off by up to half an ulp: its bounds are apart."""
    X = mh.generate("circle-full", n=11, d=2)
    s = mh.eigvalsh(X, "tanh", precision="extended")
    assert np.all(s.lower < s.values) and np.all(s.values < s.upper)
    e = mh.eigvalsh(X, "tanh", precision="exact")
    assert np.all(s.lower <= e.upper) and np.all(e.lower <= s.upper)

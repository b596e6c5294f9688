"""EigenResult as a value: printed, serialised, pickled, copied, never changed."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import math
import pickle
import time

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator

import mehler as mh
from mehler.result import EigenResult
from spectra import circle, sphere, with_spectrum

A = with_spectrum(np.arange(1.0, 31.0))


def make(**changes) -> EigenResult:
    """A result by hand: what is printed depends on these fields only."""
    fields = {
        "value": 0.012345678912,
        "lower": 0.01,
        "upper": 0.013,
        "lower_kind": "theory",
        "status": "resolved",
        "residual": 1e-9,
        "vector": np.array([1.0, 0.0]),
        "method": "dense",
        "applications": 7,
        "floor": 1e-16,
        "tol": 1e-6,
        "n": 2,
        "dtype": "float64",
        "threads": 1,
        "seconds": 0.25,
        "nbytes": 32,
        "values": np.array([0.012345678912]),
        "vectors": np.array([[1.0], [0.0]]),
        "residuals": np.array([1e-9]),
    }
    return EigenResult(**{**fields, **changes})


def structural():
    return mh.min_eig(circle(10), "tanh")


@functools.cache
def stopped():
    """By its callback, which is asked ten times a second: the products take their time."""

    def product(V):
        time.sleep(0.02)
        return np.arange(1.0, 1201.0)[:, None] * V.reshape(1200, -1)

    slow = LinearOperator((1200, 1200), matvec=product, matmat=product, dtype=float)
    with pytest.warns(mh.ConvergenceWarning, match="stopped by the callback"):
        return mh.eigsh(slow, tol=1e-14, rng=0, callback=lambda state: True)


def limited():
    with pytest.warns(mh.PrecisionWarning):
        return mh.min_eig(circle(51), "tanh", precision="double")


RESULTS = {
    "by hand": make,
    "dense": lambda: mh.min_eig(sphere(20, 3), "relu"),
    "lanczos": lambda: mh.min_eig(sphere(60, 3), "relu", method="lanczos", rng=0),
    "single": lambda: mh.min_eig(sphere(60, 3), method="lanczos", precision="single", rng=0),
    "several": lambda: mh.eigsh(A, k=3, method="lanczos", rng=0),
    "largest": lambda: mh.eigsh(A, k=2, which="LA"),
    "structure": structural,
    "stopped": stopped,
    "rounding-limited": limited,
    "not known": lambda: make(
        value=math.nan, residual=math.inf, lower=-math.inf, upper=math.inf, vector=None,
        vectors=None, values=np.array([math.nan]), residuals=np.array([math.inf]),
    ),
}  # fmt: skip


@pytest.fixture(params=RESULTS)
def result(request):
    return RESULTS[request.param]()


def equal(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, True)
    return a == b or (a != a and b != b)


def test_round_trips(result):
    for twin in (
        pickle.loads(pickle.dumps(result)),
        copy.copy(result),
        copy.deepcopy(result),
        dataclasses.replace(result),
    ):
        assert type(twin) is EigenResult and twin is not result
        for field in dataclasses.fields(result):
            assert equal(getattr(result, field.name), getattr(twin, field.name)), field.name
        assert str(twin) == str(result)
    assert copy.deepcopy(result).values is not result.values


def test_frozen(result):
    for field in dataclasses.fields(result):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, field.name, None)
    with pytest.raises(AttributeError):
        result.resolved = True
    assert result.resolved == (result.status == "resolved")


def test_json(result):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    for vectors in (False, True):
        plain = result.to_dict(vectors=vectors)
        again = json.loads(json.dumps(plain, allow_nan=False), parse_constant=refuse)
        names = {f.name for f in dataclasses.fields(result)}
        assert set(again) == (names if vectors else names - {"vector", "vectors"})
        for name, value in again.items():
            original = getattr(result, name)
            if isinstance(original, float) and not math.isfinite(original):
                assert value is None
            elif isinstance(original, (str, int, float)):
                assert value == original  # floats to the bit
    if result.vector is not None:
        np.testing.assert_array_equal(np.array(again["vector"]), result.vector)
        assert np.shape(again["vectors"]) == (result.n, len(again["values"]))
    assert again["history"] == [list(entry) for entry in result.history]


def test_numpy_scalars_become_plain():
    plain = make(n=np.int64(2), seconds=np.float32(0.5), interrupted=np.True_).to_dict()
    assert [type(plain[k]) for k in ("n", "seconds", "interrupted")] == [int, float, bool]


def test_shapes_agree(result):
    assert result.value == result.values[0] or math.isnan(result.value)
    assert result.residual == result.residuals[0]
    assert result.values.shape == result.residuals.shape
    if result.vector is not None:
        assert result.vectors.shape == (result.n, len(result.values))
        np.testing.assert_array_equal(result.vector, result.vectors[:, 0])
        assert result.vector.flags.c_contiguous
    assert all(
        type(x) is t for h in result.history for x, t in zip(h, (int, float, float), strict=True)
    )


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-8])
@pytest.mark.parametrize("method", ["dense", "lanczos"])
@pytest.mark.parametrize("which", ["SA", "LA"])
def test_bounds_enclose(which, method, tol):
    """A diagonal matrix has its eigenvalues to the bit; a coarse tol must not spoil the bounds."""
    spectrum = np.linspace(2.0, 50.0, 97)
    r = mh.eigsh(np.diag(spectrum), which=which, method=method, tol=tol, rng=0)
    truth = 2.0 if which == "SA" else 50.0
    assert r.lower <= truth <= r.upper and abs(r.value - truth) <= 2 * tol * truth


def lines(result) -> dict[str, str]:
    rows = [line.split(maxsplit=1) for line in str(result).splitlines()]
    return {row[0]: row[1] for row in rows}


def test_print_has_one_line_a_thing(result):
    rows = lines(result)
    wanted = "value status lower upper residual method products n time memory".split()
    assert [w for w in rows if w in wanted] == wanted
    assert rows["status"] == result.status and rows["products"] == str(result.applications)
    assert ("note" in rows) == bool(result.message) and ("values" in rows) == (
        len(result.values) > 1
    )
    assert "nan" not in str(result)


@pytest.mark.parametrize(
    ("changes", "row", "text"),
    [
        ({}, "value", "0.012345679"),
        ({}, "lower", "0.01 (theory)"),
        ({}, "n", "2 (float64)"),
        ({}, "time", "0.25 s, 1 thread"),
        ({"threads": 2}, "time", "0.25 s, 2 threads"),
        ({"nbytes": 3.2e9}, "memory", "3.2 GB of matrix and basis"),
        ({"lower": -math.inf, "lower_kind": "none"}, "lower", "-"),
        (
            {"lower": 1.23456789e-3},
            "lower",
            "0.0012345678 (theory: loose, certify='rigorous' is sharp)",
        ),
        ({"upper": 1.23456781e-1}, "upper", "0.12345679"),
        ({"upper": math.inf}, "upper", "-"),
        ({"value": math.nan}, "value", "not known"),
        (
            {"status": "budget-limited", "residual": 1e-4},
            "value",
            "0.0123",
        ),  # the last digit to one
        ({"status": "budget-limited", "residual": 1e-6}, "value", "0.012346"),
        ({"status": "rounding-limited", "floor": 1e-5}, "value", "0.01235"),
        (
            {"status": "rounding-limited", "floor": 0.1},
            "value",
            "<= 0.013 (rounding floor 1.0e-01)",
        ),
        ({"status": "budget-limited", "residual": math.inf}, "value", "0.012345679"),
        ({"values": np.array([1.0, 2.5])}, "values", "1 2.5"),
        ({"message": "stopped by the callback"}, "note", "stopped by the callback"),
    ],
)
def test_print(changes, row, text):
    assert lines(make(**changes))[row] == text


def test_equality_is_identity():
    """Arrays have no single truth value: results are compared by their fields."""
    r = make()
    assert r == r and r != copy.copy(r) and len({r, copy.copy(r)}) == 2

"""Kernels inside scikit-learn: the same numbers as arrays of kernels and closed-form solves."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import mehler as mh
from mehler.interop.sklearn import NetworkKernel

X = mh.generate("sphere-random", 40, 4, rng=0)
Z = mh.generate("sphere-random", 25, 4, rng=1)
y = np.sin(3.0 * X[:, 0]) + X[:, 1]


def test_kernel_ridge_solves_its_linear_system():
    kernel = mh.ntk("relu", depth=3)
    predicted = KernelRidge(kernel=kernel, alpha=0.1).fit(X, y).predict(Z)
    expected = kernel(Z, X) @ np.linalg.solve(kernel(X) + 0.1 * np.eye(len(X)), y)
    np.testing.assert_allclose(predicted, expected, rtol=1e-12, atol=1e-13)


def test_kernel_ridge_without_the_module_goes_pair_by_pair():
    """In a process of its own: importing the module registers kernels for good."""
    code = """
import numpy as np, mehler as mh
from sklearn.kernel_ridge import KernelRidge
X = mh.generate("sphere-random", 12, 3, rng=0)
y = X[:, 0] ** 2
kernel = mh.ntk("relu", depth=2)
slow = KernelRidge(kernel=kernel, alpha=0.1).fit(X, y).predict(X[:5])
import mehler.interop.sklearn
fast = KernelRidge(kernel=kernel, alpha=0.1).fit(X, y).predict(X[:5])
print(float(np.max(np.abs(slow - fast))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1e-13


def test_support_vectors_take_a_kernel():
    labels = y > np.median(y)
    kernel = mh.nngp("relu", depth=2)
    direct = SVC(kernel=kernel, C=5.0).fit(X, labels)
    precomputed = SVC(kernel="precomputed", C=5.0).fit(kernel(X), labels)
    np.testing.assert_array_equal(direct.predict(Z), precomputed.predict(kernel(Z, X)))


@pytest.mark.parametrize("kind", ["nngp", "ntk", "gradient"])
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_values_are_those_of_the_kernel(kind: str, activation: str):
    K = NetworkKernel(activation, kind, depth=2, weight_var=1.5, bias_var=0.2, normalized=True)
    make = {"nngp": mh.nngp, "ntk": mh.ntk, "gradient": mh.gradient_kernel}[kind]
    ker = make(activation, depth=2, weight_var=1.5, bias_var=0.2, normalized=True)
    assert K.kernel == ker
    np.testing.assert_array_equal(K(X), ker(X))
    np.testing.assert_array_equal(K(X, Z), ker(X, Z))
    np.testing.assert_array_equal(K.diag(X), ker.diag(X))
    assert not K.is_stationary()


def test_theta_bounds_and_clone():
    K = NetworkKernel("relu", "ntk", weight_var=2.0, bias_var=0.5, bias_var_bounds=(0.1, 3.0))
    names = [h.name for h in K.hyperparameters]
    assert names == ["bias_var", "weight_var"]
    np.testing.assert_allclose(np.exp(K.theta), [0.5, 2.0])
    np.testing.assert_allclose(np.exp(K.bounds), [[0.1, 3.0], [1e-2, 1e2]])
    twin = clone(K)
    assert twin is not K and twin == K and twin.get_params() == K.get_params()
    moved = K.clone_with_theta(np.log([0.25, 3.0]))
    assert (moved.bias_var, moved.weight_var) == pytest.approx((0.25, 3.0))
    assert pickle.loads(pickle.dumps(K)) == K
    assert "weight_var=2" in repr(K)
    # no bias: nothing to take the logarithm of
    assert [h.name for h in NetworkKernel().hyperparameters if not h.fixed] == ["weight_var"]
    assert NetworkKernel(weight_var_bounds="fixed").theta.shape == (0,)


@pytest.mark.parametrize("kind", ["nngp", "ntk", "gradient"])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("activation", ["relu", ["relu", "rectified_power", "abs"]], ids=str)
def test_gradient_of_a_homogeneous_kernel_is_exact(activation, normalized: bool, kind: str):
    """K ~ weight_var^e: what the values at two variances say, and what the differences say."""
    kernel = NetworkKernel(activation, kind, weight_var=1.7, normalized=normalized)
    K, slopes = kernel(X, eval_gradient=True)
    assert slopes.shape == (40, 40, 1)
    there = NetworkKernel(activation, kind, weight_var=3.4, normalized=normalized)(X)
    power = np.log2(there[0, 0] / K[0, 0])
    assert power == pytest.approx(round(power), abs=1e-12)
    np.testing.assert_allclose(slopes[..., 0], round(power) * K, rtol=1e-14)
    np.testing.assert_allclose(slopes[..., 0], kernel._slope(X, "weight_var"), atol=1e-7 * K.max())


def test_gradient_of_the_error_function_is_that_of_the_closed_form():
    """2/pi asin(2 c / (1 + 2 q)), c = w rho + b, q = w + b (Williams 1997)."""
    w, b = 1.3, 0.4
    _, slopes = NetworkKernel("erf", "nngp", weight_var=w, bias_var=b)(X, eval_gradient=True)
    rho = X @ X.T
    c, q = w * rho + b, w + b
    s = 2.0 * c / (1.0 + 2.0 * q)
    outer = 2.0 / np.pi / np.sqrt(1.0 - s * s)

    def slope(dc: np.ndarray, dq: float) -> np.ndarray:
        return outer * (2.0 * dc / (1.0 + 2.0 * q) - 4.0 * c * dq / (1.0 + 2.0 * q) ** 2)

    # the order of hyperparameters is that of their names
    np.testing.assert_allclose(slopes[..., 0], slope(b * np.ones_like(rho), b), atol=1e-8)
    np.testing.assert_allclose(slopes[..., 1], slope(w * rho, w), atol=1e-8)


def test_gradient_is_that_of_one_set_of_points():
    with pytest.raises(ValueError, match=r"gradient is that of K\(X, X\); leave Y out"):
        NetworkKernel()(X, Z, eval_gradient=True)


def test_a_gaussian_process_fits_the_variances():
    start = NetworkKernel("erf", weight_var=0.1, weight_var_bounds=(0.01, 10.0))
    process = GaussianProcessRegressor(start, alpha=1e-3).fit(X, y)
    before = GaussianProcessRegressor(start, alpha=1e-3, optimizer=None).fit(X, y)
    gained = process.log_marginal_likelihood_value_ - before.log_marginal_likelihood_value_
    assert gained > 1.0 and process.kernel_.weight_var != 0.1
    mean, deviation = process.predict(Z, return_std=True)
    truth = np.sin(3.0 * Z[:, 0]) + Z[:, 1]
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.15
    assert deviation.shape == (25,) and np.all(deviation >= 0.0)
    # at the optimum, inside the bounds, the slope of the likelihood vanishes
    _, slope = process.log_marginal_likelihood(process.kernel_.theta, eval_gradient=True)
    assert np.all(np.abs(process.kernel_.bounds - process.kernel_.theta) > 0.1)
    assert np.all(np.abs(slope) < 0.01)


def test_it_adds_up_with_other_kernels_and_is_searched():
    total = NetworkKernel("relu", "ntk", depth=2) + WhiteKernel(0.1)
    np.testing.assert_allclose(total(X), mh.ntk("relu", depth=2)(X) + 0.1 * np.eye(40))
    grid = {"kernel": [mh.ntk("relu", depth=1), mh.ntk("relu", depth=3)]}
    found = GridSearchCV(KernelRidge(alpha=0.1), grid, cv=3).fit(X, y)
    assert found.best_params_["kernel"] in grid["kernel"]

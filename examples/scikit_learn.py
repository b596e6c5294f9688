"""Kernels of wide networks in scikit-learn: ridge regression, support vectors, a Gaussian process.

    python examples/scikit_learn.py

A kernel is a callable of two arrays, which is what SVC wants, and KernelRidge once mehler.interop.sklearn is imported (before, it
goes pair by pair). Needs scikit-learn.
"""

import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import mehler as mh
from mehler.interop.sklearn import NetworkKernel

X, y = load_digits(return_X_y=True)
X = X / np.linalg.norm(X, axis=1, keepdims=True)
train, test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
labels = np.eye(10)[y_train] - 0.1
kernel = mh.ntk("relu", depth=3)
print(f"digits: {len(train)} to learn from, {len(test)} to test on; {kernel}\n")


def report(name: str, accuracy: float, start: float) -> None:
    print(f"{name:25} accuracy {accuracy:.4f}  {time.perf_counter() - start:6.2f} s")
    assert accuracy > 0.97


start = time.perf_counter()
svc = SVC(kernel=kernel, C=10.0).fit(train, y_train)
report("SVC(kernel=ntk)", svc.score(test, y_test), start)

start = time.perf_counter()
ridge = KernelRidge(kernel=kernel, alpha=1e-3).fit(train, labels)
hits = ridge.predict(test).argmax(axis=1) == y_test
report("KernelRidge(kernel=ntk)", float(np.mean(hits)), start)

print("\nHow well posed the ridge regression is:")
print(mh.min_eig(train, kernel), "\n")

# a Gaussian process finds the variances of weights and biases itself
process = GaussianProcessRegressor(
    NetworkKernel("relu", "nngp", depth=2, weight_var=2.0, bias_var_bounds="fixed", bias_var=0.1),
    alpha=0.1,
).fit(train[:200], y_train[:200] == 0)
print(
    f"Gaussian process: {process.kernel_}, log likelihood {process.log_marginal_likelihood():.1f}"
)

"""Images as sequences, a pixel a step in one random order: the digits of scikit-learn, or images of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._arrays import Array, as_array, generator_from

SIDE = 8  # pixels of a side at most: 64 steps
STEPS = SIDE * SIDE
TEST_SHARE, DIGITS_TEST = 0.25, 500
CLASSES = 100


@dataclass(frozen=True, eq=False)
class Sequences:
    """Training and test set.

    Attributes
    ----------
    x, y
        (T, 1, N) values in [0, 1] or [-1, 1], and classes (N,) from 0 on.
    x_test, y_test
        The same of the test set.
    classes
        How many.
    text
        What they are.
    """

    x: Array
    y: Any
    x_test: Array
    y_test: Any
    classes: int
    text: str


def digits(rng: Any = None) -> Sequences:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn brings along, pixels in one random order, 500 of them for the test.

    Parameters
    ----------
    rng
        Of the order of pixels and of the split.

    Returns
    -------
    Sequences

    Raises
    ------
    ImportError
        scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise ImportError(
            "the digits come with scikit-learn, which is not installed; python -m pip install scikit-learn, or pass images and "
            "labels of your own."
        ) from None
    data = load_digits()
    return permuted(data.data, data.target, DIGITS_TEST, "8 x 8 digits of scikit-learn", rng)


def images(X: Any, labels: Any, text: str = "images", rng: Any = None) -> Sequences:
    """Images of one's own at no more than 8 x 8 pixels, in one random order; a quarter of them is the test set.

    Parameters
    ----------
    X
        (N, d), an image a row. If d is a square, the image is made of at most 8 x 8 cells, each the mean of its pixels; other rows
        of at most 64 cells.
    labels
        (N,), integers: classes.
    text
        What the images are.
    rng
        Of the order of pixels and of the split.

    Returns
    -------
    Sequences

    Raises
    ------
    TypeError, ValueError
        Labels that are no classes, or fewer than two; fewer than four images.
    """
    A = np.asarray(as_array(X, "X"), dtype=np.float64)
    if A.ndim != 2 or len(A) < 4 or not A.size:
        raise ValueError(f"X must hold at least four images, one a row; got shape {A.shape}.")
    y = as_array(labels, "labels")
    if y.shape != (len(A),):
        raise ValueError(
            f"labels must be one class for each of the {len(A):,} images; got shape {y.shape}."
        )
    if not np.all(np.asarray(y, dtype=np.float64) == np.rint(y)):
        raise ValueError(
            "labels must be integers, which are classes: the network is trained to tell them apart."
        )
    kinds, place = np.unique(y, return_inverse=True)
    if not 2 <= len(kinds) <= CLASSES:
        raise ValueError(f"labels must be of 2 to {CLASSES} classes; got {len(kinds)}.")
    return permuted(reduced(A), place, max(1, round(TEST_SHARE * len(A))), text, rng)


def reduced(A: Array) -> Array:
    """At most 64 cells of each row, means of their pixels."""
    side = round(A.shape[1] ** 0.5)
    if side * side != A.shape[1]:
        return _means(A, STEPS, 1)
    rows = _means(A.reshape(len(A), side, side), SIDE, 1)
    return np.ascontiguousarray(_means(rows, SIDE, 2).reshape(len(A), -1))


def _means(A: Array, most: int, axis: int) -> Array:
    """Means over runs of one length, if there are more than 3/4 of ``most`` (28 = 7 x 4), else over ``most`` of nearly one."""
    length = A.shape[axis]
    if length <= most:
        return A
    run = -(-length // most)
    ends = np.linspace(0, length, most + 1).astype(np.int64)
    if length % run == 0 and length // run > 0.75 * most:
        ends = np.arange(0, length + 1, run)
    sums = np.add.reduceat(A, ends[:-1], axis=axis)
    shape = [1] * A.ndim
    shape[axis] = -1
    return np.asarray(sums / np.diff(ends).reshape(shape))


def permuted(A: Array, y: Any, test: int, text: str, rng: Any) -> Sequences:
    """Scaled by the largest |pixel|, pixels in one order, the last ``test`` of a random order of rows for the test."""
    random = generator_from(rng)
    top = float(np.abs(A).max())
    pixels, rows = random.permutation(A.shape[1]), random.permutation(len(A))
    x = (A[rows][:, pixels] / (top or 1.0)).T[:, None, :]
    labels = np.asarray(y, dtype=np.int64)[rows]
    cut = len(A) - test
    return Sequences(
        np.ascontiguousarray(x[:, :, :cut]), labels[:cut],
        np.ascontiguousarray(x[:, :, cut:]), labels[cut:], int(labels.max()) + 1,
        f"{cut:,} {text} and {test:,} for the test, {A.shape[1]} pixels in one random order, a pixel a step",
    )  # fmt: skip

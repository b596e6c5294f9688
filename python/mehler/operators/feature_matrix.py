"""FeatureGram: a Gram matrix of features or of Jacobian rows, G = J J^T, whatever form holds it.

Invariant: what is said of an eigenvalue counts the rounding of features, given in ``rounding``; and of a factor
G itself is never formed to find eigenvalues.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from .._arrays import Array, as_array, size_text, thread_count
from ..eigenvalues import Spectrum, statuses
from ..kernels import Kernel
from .forms import Factor
from .scheme import Limit
from .stream import Made

TOL = 1e-6  # of a spectrum


class FeatureGram:
    """A Gram matrix of features. Make one with :func:`feature_gram` or :func:`gram_from_rows`.

    Attributes
    ----------
    made
        The form of the matrix, and what is known of its rounding and rank.
    kernel
        The kernel whose network this is; None of Jacobian rows.
    limit
        (kernel, factor): factor times the kernel's matrix is that of infinite width; or in words why there is none.
    width
        Number of neurons, m; None of Jacobian rows.
    storage
        'factor', 'dense', 'packed', 'features' or 'matrix-free'.
    form
        What holds the matrix.
    factor
        R, upper triangular, G = R^T R / m (m = 1 of Jacobian rows); None of other storages.
    rounding
        Relative error of each column of the features in the factor, of 'factor'; of entries, of others.
    threads
        As given: None asks OpenMP at each product.
    rank, source
        That G cannot exceed, and why.
    seconds
        That it took to make.

    Examples
    --------
    >>> X = mh.generate("circle-full", n=11, d=2)
    >>> G = mh.feature_gram(X, "elu", width=1000, rng=0)
    >>> G.storage, G.shape
    ('factor', (11, 11))
    >>> entries = G.toarray()
    >>> np.allclose(G @ np.ones(11), entries.sum(axis=1))
    True
    >>> np.allclose(G.diagonal(), np.diag(entries))
    True
    >>> s = G.spectrum()  # by singular values of the factor: each small one to its own digits
    >>> np.allclose(s.values, np.linalg.eigvalsh(entries))
    True
    >>> spectrum, V = G.pairs()
    >>> np.allclose(entries @ V, V * spectrum.values)
    True
    >>> G.as_linear_operator().shape  # for SciPy's solvers
    (11, 11)
    """

    def __init__(
        self,
        made: Made,
        kernel: Kernel | None = None,
        limit: Limit | str = "a Jacobian has no width",
        threads: int | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.kernel, self.limit, self.threads, self.seconds = kernel, limit, threads, seconds
        self.storage, self.form, self.rounding, self.rank, self.width, self.source = made
        n = self.form.n
        self.shape = (n, n)
        self.dtype = np.dtype(np.float64)
        self.factor = self.form.R if isinstance(self.form, Factor) else None
        self._spectrum: tuple[Spectrum, Array] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the factor, the entries or the features."""
        return self.form.nbytes

    def toarray(self) -> Array:
        """The entries.

        Returns
        -------
        ndarray
            G, (n, n), float64, symmetric to the bit; a copy.
        """
        return self.form.toarray(thread_count(self.threads))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """For ``np.asarray``."""
        G = self.toarray()
        return G if dtype is None else G.astype(dtype)

    def diagonal(self) -> Array:
        """G_ii.

        Returns
        -------
        ndarray
            (n,), float64.
        """
        return self.form.diagonal()

    def __matmul__(self, V: Any) -> Array:
        """G V.

        Parameters
        ----------
        V
            (n,) or (n, b).

        Returns
        -------
        ndarray
            Of the shape of V.
        """
        A = as_array(V, "V")
        if A.ndim not in (1, 2) or A.shape[0] != self.shape[0]:
            raise ValueError(
                f"V must have the shape ({self.shape[0]},) or ({self.shape[0]}, b); got {A.shape}."
            )
        block = A.reshape(len(A), -1).astype(np.float64, copy=False)
        if block.shape[1] == 0:
            return np.zeros(A.shape)
        return self.form.multiply(block, thread_count(self.threads)).reshape(A.shape)

    def as_linear_operator(self) -> Any:
        """For SciPy's solvers; needs SciPy.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            With a product of blocks.
        """
        from scipy.sparse.linalg import LinearOperator

        def product(V: Array) -> Array:
            return self @ V

        def single(v: Array) -> Array:
            return self @ np.ravel(v)

        return LinearOperator(
            self.shape,
            matvec=single,
            matmat=product,
            rmatvec=single,
            rmatmat=product,
            dtype=self.dtype,
        )

    def spectrum(self, tol: float = TOL) -> Spectrum:
        """Every eigenvalue: of a factor sigma_i^2 / m, each small one to its own digits.

        Parameters
        ----------
        tol
            Relative accuracy at which a value counts as resolved.

        Returns
        -------
        Spectrum
            ``values``, ascending, with ``lower`` and ``upper`` for each. Of all storages but 'factor' the
            errors are those of LAPACK, eps of the largest.
        """
        return self.pairs()[0].at(tol)

    def pairs(self, ask: Any = None, threads: int | None = None) -> tuple[Spectrum, Array]:
        """The spectrum and its eigenvectors.

        Parameters
        ----------
        ask
            Listener of the rotations, or None.
        threads
            Number of threads; None: as the matrix was made.

        Returns
        -------
        spectrum, vectors
            A :class:`Spectrum`, and the eigenvectors, (n, n), one a column, in its order.
        """
        if self._spectrum is None:
            from ..solvers.factored import dense_spectrum, factored_spectrum

            start = time.perf_counter()
            count = thread_count(self.threads if threads is None else threads)
            find = factored_spectrum if self.storage == "factor" else dense_spectrum
            values, lower, upper, V = find(self, count, ask)
            status = statuses(values, lower, upper, TOL)
            said = "" if all(s == "resolved" for s in status) else self._remedy()
            took = time.perf_counter() - start
            spectrum = Spectrum(values, lower, upper, status, "double", TOL, took, said)
            self._spectrum = spectrum, V
        return self._spectrum

    def _remedy(self) -> str:
        if self.storage == "factor":
            return "the rest lies below the rounding of features, about eps^2 of the largest"
        return "the rest lies below eps of the largest; storage='factor' sees down to eps^2"

    def __repr__(self) -> str:
        n, size = self.shape[0], size_text(self.nbytes)
        if self.width is None:
            return f"<FeatureGram {n} x {n}, {self.source}, {self.storage}, {size}>"
        return (
            f"<FeatureGram {n} x {n}, width {self.width}, {self.storage}, {size}, {self.kernel!r}>"
        )

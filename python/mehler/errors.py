"""Warnings of mehler. Errors are the built-in ones: ValueError, TypeError, MemoryError."""


class ConvergenceWarning(UserWarning):
    """Patience ran out before the answer was resolved; the result's status says so.

    Examples
    --------
    >>> import warnings
    >>> X = mh.generate("sphere-random", n=4000, d=3, rng=0)
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     r = mh.min_eig(X, "elu", method="lanczos", time_limit=1e-4)
    >>> r.status, seen[0].category is mh.ConvergenceWarning
    ('budget-limited', True)
    """


class PrecisionWarning(UserWarning):
    """A kernel or a result is known less precisely than asked for.

    Examples
    --------
    >>> import warnings
    >>> C = mh.generate("circle-full", n=51, d=2)
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     r = mh.min_eig(C, "tanh", precision="double")  # 9.38e-16 is below its rounding
    >>> r.status, seen[0].category is mh.PrecisionWarning
    ('rounding-limited', True)
    """

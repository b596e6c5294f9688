"""Warnings of mehler. Errors are the built-in ones: ValueError, TypeError, MemoryError."""


class ConvergenceWarning(UserWarning):
    """Patience ran out before the answer was resolved; the result's status says so."""


class PrecisionWarning(UserWarning):
    """A kernel or a result is known less precisely than asked for."""

"""Preconditioners: approximate inverses of a Gram matrix.

``choice.py`` takes one for a kernel and points, ``sparse.py`` the sparse inverse of the tail,
``features.py`` low-rank parts.
"""

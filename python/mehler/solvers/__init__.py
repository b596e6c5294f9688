"""Solvers: one route a file, each from an operator to an ``EigenResult``.

``dense.py`` LAPACK, ``iterative.py`` Lanczos and preconditioned Davidson, ``shift_invert.py`` Cholesky (``cholesky.py`` its factor, ``inverse.py`` Lanczos around it, ``placing.py`` its shift),
``sparse_inverse.py`` no dense product, ``factored.py`` finite width, ``extended.py`` double-double,
``exact.py`` balls, ``ladder.py`` up through the precisions. ``outcome.py`` is what they share, ``room.py`` and
``budget.py`` what memory they take.
"""

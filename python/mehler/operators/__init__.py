"""Operators: what can multiply blocks of vectors.

``gram.py`` kernel matrices of points (dense, packed tiles, matrix-free), ``finite_width.py`` those of
sampled neurons: ``scheme.py`` says which network, ``drawn.py`` and ``neurons.py`` draw and evaluate it,
``stream.py`` passes over it into one of ``forms.py``, ``space.py`` knows what that takes, and
``feature_matrix.py`` is the operator. ``foreign.py``: the user's own.
"""

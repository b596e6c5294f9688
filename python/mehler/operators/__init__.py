"""Operators: what can multiply blocks of vectors.

``gram.py`` kernel matrices of points (dense, packed tiles, matrix-free), ``finite_width.py`` those of
sampled neurons (``neurons.py`` draws, ``stream.py`` passes over them), ``foreign.py`` the user's own.
"""

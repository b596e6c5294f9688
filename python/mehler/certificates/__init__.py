"""Certificates: what proves that no smaller eigenvalue was missed.

``factorisation.py`` rigorous, ``deflated.py`` without n^3 and probabilistic, ``tail_bound.py`` theory,
``structure.py`` zeros that points force, ``definite.py`` yes or no; ``allowance.py`` is what rounding can hide.
"""

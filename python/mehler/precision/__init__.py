"""Numbers beyond double: decimals (``digits.py``), balls (``balls.py``), and what kernels are in them.

``analytic.py`` activations for numbers of any kind, ``coefficients.py`` power series with bounds.
"""

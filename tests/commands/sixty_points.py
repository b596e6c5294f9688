"""Sixty points in six dimensions, which the commands are asked about."""

from __future__ import annotations

import numpy as np

POINTS = np.random.default_rng(3).standard_normal((60, 6))

"""Problems of points, as the plan of a call poses them."""

from __future__ import annotations

import mehler as mh
from mehler.operators.points import core_points
from mehler.planning.problem import problem_of

GB = 10**9


def asked(X, name="relu", precision="auto", certify="none", limit=100 * GB, disk=False):
    ker = mh.gradient_kernel(name)
    points = core_points(X, ker, 1)
    return problem_of(X, points, ker, precision, 1e-6, certify, limit, 1, disk=disk)

"""Lower bounds of lambda_min(K), K_ij = sum_p A_p cos_ij^p with all A_p >= 0.

Hermite tail     T_N (1 - (n-1) c^N),  T_N = sum_{p >= N} A_p                (``certificates.tail_bound``)
Hadamard powers  sum_p A_p lambda_min((U U^t)^{o p})                          (Weyl; U the unit vectors)
separation       a closed form in the smallest angle, for homogeneous phi     (Becchetti, Russo, Skorupinski)
"""

from __future__ import annotations

import math

import numpy as np

from .._arrays import Array
from ..kernels import Kernel

EPS = float(np.finfo(np.float64).eps)
WEYL_UP_TO = 3000  # points: an eigenvalue problem a power
ENOUGH = 0.005  # of the sum: what further powers may add


def powers(n: int) -> list[int]:
    """Those whose lambda_min is computed; between two of them the smaller one serves."""
    step = 1.0 + 0.04 * max(1.0, n / 500.0)
    out, p = [], 1.0
    while p < 20000.0:
        out.append(round(p))
        p = max(p + 1.0, p * step)
    return out


def smallest(H: Array, p: int, d: int) -> float:
    """A lower bound of lambda_min(H^{o p}), H of unit diagonal: a Cholesky factor that completes proves it.

    Rump (2006): it does not where an eigenvalue lies below -(n + 2) eps tr / (1 - (n + 2) eps). Entries are off
    by p (d + 3) eps at most.
    """
    n = len(H)
    power = H**p
    np.fill_diagonal(power, 1.0)
    lost = (n + 2.0) * EPS * n / (1.0 - (n + 2.0) * EPS) + p * (d + 3.0) * EPS * n
    value = float(np.linalg.eigvalsh(power)[0])
    shift = value - 2.0 * lost
    if shift <= lost:
        return 0.0
    try:
        np.linalg.cholesky(power - shift * np.eye(n))
    except np.linalg.LinAlgError:
        return 0.0
    return (shift - lost) * (1.0 - 4.0 * EPS)


def hadamard_powers(ker: Kernel, U: Array) -> tuple[float, int]:
    """(sum_p A_p lambda_min((U U^t)^{o p}), the last p looked at), from below.

    lambda_min of Hadamard powers does not fall with p, as lambda_min(A o B) >= lambda_min(A) min_i B_ii (Schur).
    So, by parts, with lambda_0 = 0 and p_1 < p_2 < ... the powers looked at:

        sum_p A_p lambda_p >= sum_i (lambda_{p_i} - lambda_{p_{i-1}}) T_{p_i}
    """
    n, d = U.shape
    H = np.clip(U @ U.T, -1.0, 1.0)
    total, before, last = 0.0, 0.0, 0
    if n == 1:
        return float(ker.tail(0)), 0
    most = ker.last_tail
    for p in powers(n):
        if p > most:
            break
        tail = float(ker.tail(p))
        if tail == 0.0 or (1.0 - before) * tail <= ENOUGH * total:
            break
        # a space of polynomials of degree p has too few dimensions, or not
        if math.comb(min(d, 60) + p - 1, p) < n:
            continue
        found = max(smallest(H, p, d), before)
        total += (found - before) * tail
        before, last = found, p
    return total * (1.0 - 1e-12), last


def homogeneous(ker: Kernel, angle: float, n: int) -> float | None:
    """The closed form for c_+ (z)_+^q + c_- (-z)_+^q in the separation angle, or None.

    lambda_min >= Gamma(q+1)^2 (c_+ - (-1)^q c_-)^2 angle^(2q+1)
                  / (2^(2q+9/2) pi^(3/2) (q+1/2) (q+5)^(q+1/2) log(2n)^(q+1/2))

    A gradient kernel is rho times such a kernel of phi', and lambda_min(A o B) >= lambda_min(A) min_i B_ii.
    """
    q = ker.homogeneity
    if q is None or ker.depth > 1 or ker.kind == "ntk" or ker.bias_var or n < 2:
        return None
    act = ker.layers[0]
    f = act.phi
    variance = ker.weight_var
    plus, minus = (float(f(np.array([z]))[0]) for z in (1.0, -1.0))
    if ker.kind == "gradient":  # phi' is homogeneous of degree q - 1
        plus, minus, q = q * plus, -q * minus, q - 1.0
    if q != round(q):
        return None
    size = math.gamma(q + 1.0) ** 2 * (plus - (-1.0) ** round(q) * minus) ** 2
    below = 2.0 ** (2.0 * q + 4.5) * math.pi**1.5 * (q + 0.5) * (q + 5.0) ** (q + 0.5)
    value = size / below * angle ** (2.0 * q + 1.0) / math.log(2.0 * n) ** (q + 0.5)
    value *= variance ** (q + (ker.kind == "gradient"))
    if ker.normalized:
        from ..kernels.layers import layer_dual

        layer = layer_dual(act, False, variance)
        value /= layer.even_end + layer.odd_end
    return float(value) * (1.0 - 1e-9)

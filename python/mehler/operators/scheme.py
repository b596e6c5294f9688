"""Networks of one hidden layer, as papers initialise and differentiate them: a table, three numbers.

    f_p(x) = tau sum_k a_kp phi(w_k . x + b_k),   w_k ~ N(0, s I),  b_k ~ N(0, bias_var),  E a_kp^2 = 1

    K_(ip)(jq) = (1/m) sum_k [ a_kp a_kq phi'_ki phi'_kj (linear <x_i, x_j> + constant)
                               + feature delta_pq phi_ki phi_kj ]

                                       'ntk'                             'standard'
    init      s             tau^2      linear    constant       feature  linear  constant  feature
    unit      weight_var    1/m        s         bias_var       1        1       1         1
    fan-in    weight_var/d  1/m        s         bias_var       1        1       1         m
    fan-out   weight_var/m  1/c        s m/c     bias_var m/c   m/c      m/c     m/c       m

'ntk' differentiates by Gaussians of variance one, w = sqrt(s) g; 'standard' by w, b and tau a themselves, but for
'unit', whose 1/sqrt(m) is a factor of the network and no part of the weights (Du et al. 2019). Invariant: the
constant is 0 unless biases are trained.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

from .._arrays import choice, flag
from ..kernels import Kernel

INITS = ("unit", "fan-in", "fan-out")
PARAMETERIZATIONS = ("ntk", "standard")


class Coefficients(NamedTuple):
    """Of the gradient part, (linear <x, x'> + constant), and of the read-out part."""

    linear: float
    constant: float
    feature: float


class Limit(NamedTuple):
    """The matrix at infinite width: ``factor`` times that of ``kernel``."""

    kernel: Kernel
    factor: float


@dataclass(frozen=True)
class Scheme:
    """How a network is initialised and differentiated.

    Parameters
    ----------
    init, parameterization
        A row and a half of the table above.
    weight_var, bias_var
        Variances.
    train_bias
        Whether there is a derivative by biases.
    """

    init: str = "unit"
    parameterization: str = "ntk"
    weight_var: float = 1.0
    bias_var: float = 0.0
    train_bias: bool = False

    @property
    def biased(self) -> bool:
        """Whether neurons have biases, of whatever variance."""
        return self.bias_var > 0.0 or self.train_bias

    def variance(self, d: int, m: int) -> float:
        """s, of the hidden weights."""
        return self.weight_var / {"unit": 1, "fan-in": d, "fan-out": m}[self.init]

    def coefficients(self, d: int, m: int, c: int) -> Coefficients:
        """Of d coordinates, m neurons and c outputs."""
        tau = m / c if self.init == "fan-out" else 1.0  # m tau^2
        if self.parameterization == "ntk":
            s, b, feature = tau * self.variance(d, m), tau * self.bias_var, tau
        else:
            s, b, feature = tau, tau, 1.0 if self.init == "unit" else float(m)
        return Coefficients(s, b if self.train_bias else 0.0, feature)

    @property
    def nested(self) -> bool:
        """Whether a wider network begins with the neurons of a narrower one."""
        return self.init != "fan-out"

    def limit(self, ker: Kernel, d: int) -> Limit | str:
        """What ``ker``'s part of the network tends to, or why it is no multiple of a kernel."""
        if self.init == "fan-out":
            return "the weights of a fan-out network tend to zero with its width"
        s = self.variance(d, 1)
        c = self.coefficients(d, 1, 1)
        grows = self.parameterization == "standard" and self.init != "unit"
        limit = dataclasses.replace(ker, weight_var=s)  # not compiled before somebody asks
        if ker.kind != "gradient" and grows:
            return "the read-out part grows with the width in this parameterisation"
        if ker.kind == "nngp":
            return Limit(limit, 1.0)
        factor = c.linear / s
        if abs(c.constant - factor * self.bias_var) > 1e-14 * c.constant or (
            self.bias_var > 0.0 and not self.train_bias
        ):
            return "biases are drawn and differentiated at different scales"
        if ker.kind == "ntk" and abs(factor - 1.0) > 1e-14:
            return "the gradient part and the read-out part stand at different scales"
        return Limit(limit, factor)


def scheme_of(ker: Kernel, init: str, parameterization: str, train_bias: bool | None) -> Scheme:
    """The scheme of a kernel's variances and the user's options; refuses what is none."""
    choice("init", init, INITS)
    choice("parameterization", parameterization, PARAMETERIZATIONS)
    if train_bias is None:
        train_bias = ker.bias_var > 0.0
    elif flag("train_bias", train_bias) and ker.kind == "nngp":
        raise ValueError(
            "train_bias has no part in the nngp kernel, whose hidden layer is frozen; leave it None."
        )
    elif train_bias and ker.bias_var == 0.0 and parameterization == "ntk":
        raise ValueError(
            "train_bias=True has nothing to train at bias_var=0 with parameterization='ntk', where biases are "
            "sqrt(bias_var) times a Gaussian. Pass bias_var > 0, or parameterization='standard'."
        )
    trained = train_bias and ker.kind != "nngp"
    return Scheme(init, parameterization, ker.weight_var, ker.bias_var, trained)

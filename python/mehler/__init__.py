"""Smallest eigenvalues of the Gram matrices that activation functions and data give neural networks.

>>> import mehler as mh
>>> X = mh.generate("sphere-random", n=500, d=10, rng=0)
>>> r = mh.min_eig(X, "relu")
>>> r.status
'resolved'
"""

from typing import TYPE_CHECKING

from ._build import build_info
from .activations import Activation, activation, activations
from .all_eigenvalues import eigvalsh
from .bounds import Bound, Bounds, bounds
from .certificates.definite import Definiteness, check_psd
from .data.files import load
from .data.generated import generate
from .data.points import DataSummary, describe, normalize
from .distributed import Dask
from .eigen import min_eig
from .eigenpairs import eigsh
from .eigenvalues import Spectrum
from .errors import ConvergenceWarning, PrecisionWarning
from .kernels import Kernel, gradient_kernel, nngp, ntk
from .operators.feature_matrix import FeatureGram
from .operators.finite_width import feature_gram
from .operators.gram import gram
from .operators.jacobian import gram_from_rows
from .operators.kernel_matrix import Gram
from .planning import Plan
from .planning.ask import plan
from .plots import plot_dimension, plot_spectrum
from .result import EigenResult
from .solution import Solution
from .solve import solve

# The density of the spectrum, diagnosis, training and studies are imported when first asked for, and so is the version: an
# eigenvalue needs none of them, and our part of `import mehler` would take nearly twice as long.
if TYPE_CHECKING:
    __version__: str
    from .density import Interval, SpectralDensity, spectrum
    from .diagnosis import (
        Attribution,
        AttributionRow,
        DataDiagnosis,
        Diagnosis,
        Smoothness,
        attribute,
        diagnose,
    )
    from .studies.laws import Fit
    from .studies.rate_table import RateRow, Rates
    from .studies.rates import rates
    from .studies.report import StudyReport
    from .studies.study import study
    from .studies.sweep import sweep
    from .studies.table import Sweep, SweepRow
    from .studies.width_table import WidthRow, WidthStudy
    from .studies.widths import width_study
    from .training.predict import predict_training
    from .training.prediction import Iterations, TrainingPrediction
    from .training.table import Training, TrainingRow
    from .training.train import train
else:
    _LATER = {
        "density": "Interval SpectralDensity spectrum",
        "diagnosis": "Attribution AttributionRow DataDiagnosis Diagnosis Smoothness attribute diagnose",
        "studies.laws": "Fit",
        "studies.rate_table": "RateRow Rates",
        "studies.rates": "rates",
        "studies.report": "StudyReport",
        "studies.study": "study",
        "studies.sweep": "sweep",
        "studies.table": "Sweep SweepRow",
        "studies.width_table": "WidthRow WidthStudy",
        "studies.widths": "width_study",
        "training.predict": "predict_training",
        "training.prediction": "Iterations TrainingPrediction",
        "training.table": "Training TrainingRow",
        "training.train": "train",
    }
    _HOME = {name: module for module, names in _LATER.items() for name in names.split()}
    _PACKAGES = ("density", "diagnosis", "studies", "training")

    def __getattr__(name):
        from importlib import import_module

        if name == "__version__":
            from ._build import version

            found = version()
        elif name in _HOME:
            found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        elif name in _PACKAGES:
            found = import_module(f"{__name__}.{name}")
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__():
        return sorted({*globals(), *_HOME, *_PACKAGES, "__version__"})


__all__ = [
    "Activation",
    "Attribution",
    "AttributionRow",
    "Bound",
    "Bounds",
    "ConvergenceWarning",
    "Dask",
    "DataDiagnosis",
    "DataSummary",
    "Definiteness",
    "Diagnosis",
    "EigenResult",
    "FeatureGram",
    "Fit",
    "Gram",
    "Interval",
    "Iterations",
    "Kernel",
    "Plan",
    "PrecisionWarning",
    "RateRow",
    "Rates",
    "Smoothness",
    "Solution",
    "SpectralDensity",
    "Spectrum",
    "StudyReport",
    "Sweep",
    "SweepRow",
    "Training",
    "TrainingPrediction",
    "TrainingRow",
    "WidthRow",
    "WidthStudy",
    "activation",
    "activations",
    "attribute",
    "bounds",
    "build_info",
    "check_psd",
    "describe",
    "diagnose",
    "eigsh",
    "eigvalsh",
    "feature_gram",
    "generate",
    "gradient_kernel",
    "gram",
    "gram_from_rows",
    "load",
    "min_eig",
    "nngp",
    "normalize",
    "ntk",
    "plan",
    "plot_dimension",
    "plot_spectrum",
    "predict_training",
    "rates",
    "solve",
    "spectrum",
    "study",
    "sweep",
    "train",
    "width_study",
]

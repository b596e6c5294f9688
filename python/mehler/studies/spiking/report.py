"""``spiking``: what a quantiser with diffused error does to noise, to a Gram matrix and to a recurrent network."""

from __future__ import annotations

import time

from ..ask import Ask
from ..report import StudyReport

NAME = "spiking"
OPTIONS = ("labels",)
TEXT = "activations as quantisers with diffused error: noise, Gram matrix, a recurrent network on permuted images"


def run(ask: Ask) -> StudyReport:
    """The study.

    Parameters
    ----------
    ask
        What is asked.
    """
    from . import measure
    from .words import conclusions, sections

    if ask.X is not None and ask.labels is None:
        raise ValueError(
            "the study of spiking networks learns classes; got points without labels. Pass labels (--labels) too, or leave X (--data) out: "
            "the digits of scikit-learn are learned then."
        )
    start = time.perf_counter()
    found = measure.Found()
    cut = False
    data = measure.sequences(ask)  # refuses what are no classes, before any work
    try:
        measure.noise(found, ask)
        measure.grams(found, ask)
        measure.networks(found, data, ask)
    except KeyboardInterrupt:
        cut = True
    units, order, parameters, epochs = found.sizes
    return StudyReport(
        which=NAME,
        title="What does an activation lose, and gain, when it may only speak in whole spikes?",
        conclusions=conclusions(found),
        sections=sections(found),
        records={
            "": found.gram,
            "trace": found.trace,
            "spectrum": found.spectrum,
            "windows": found.windows,
            "network": found.network,
            "losses": found.losses,
        },
        asked=ask.asked(
            found.points or "none yet", sequences=data.text, units=units or None, order=order or None,
            parameters=parameters or None, epochs=epochs or None,
        ),
        seconds=time.perf_counter() - start,
        interrupted=cut,
    )  # fmt: skip

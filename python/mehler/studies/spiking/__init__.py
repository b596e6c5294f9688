"""Activations as quantisers with temporally diffused error: the quantiser, its noise, its Gram matrix, and a recurrent network of it."""

from .gram import PHASES, SpikingGram, sampled_gram, spiking_gram
from .memory import legendre_memory, zero_order_hold
from .network import Network, backward, cross_entropy, forward, network
from .noise import decibels_per_decade, error_spectrum, stochastic_rounding, window_rms
from .quantiser import Activity, activity, anneal, quantise, quantise_gradient
from .sequences import Sequences, digits, images
from .training import Trained, accuracy, hidden_activity, train_network

__all__ = [
    "PHASES",
    "Activity",
    "Network",
    "Sequences",
    "SpikingGram",
    "Trained",
    "accuracy",
    "activity",
    "anneal",
    "backward",
    "cross_entropy",
    "decibels_per_decade",
    "digits",
    "error_spectrum",
    "forward",
    "hidden_activity",
    "images",
    "legendre_memory",
    "network",
    "quantise",
    "quantise_gradient",
    "sampled_gram",
    "spiking_gram",
    "stochastic_rounding",
    "train_network",
    "window_rms",
    "zero_order_hold",
]

"""Recurrent networks: systems that step, one family a file."""

from neurorec.networks.callable import CallableSystem
from neurorec.networks.catalogue import NETWORKS, build_network
from neurorec.networks.conceptor import (
    ConceptorNetwork,
    adapt_aperture,
    and_conceptors,
    conceptor,
    conceptor_of_correlations,
    not_conceptor,
    or_conceptors,
    quota,
)
from neurorec.networks.connectivity import Constrained, LowRank, block_mask, dale_signs, plain_weights
from neurorec.networks.convolutional import Convolutional
from neurorec.networks.delays import DelayFeedforward, TappedDelay
from neurorec.networks.dense_memory import DenseMemory
from neurorec.networks.drives import (
    DriveShares,
    SpikingRun,
    SpikingShares,
    drive_shares,
    run_spiking,
    spiking_shares,
)
from neurorec.networks.elman import Elman
from neurorec.networks.encoder_decoder import EncoderDecoder
from neurorec.networks.gru import GRU
from neurorec.networks.hopfield import Hopfield
from neurorec.networks.jordan import Jordan
from neurorec.networks.leaky import Leaky
from neurorec.networks.lstm import LSTM
from neurorec.networks.network import Cell, Network, with_readout
from neurorec.networks.predictive_coding import PredictiveCoding
from neurorec.networks.recalling import Recalled, recall
from neurorec.networks.reservoir import Reservoir, reservoir_weights
from neurorec.networks.reservoir_kernels import reservoir_states
from neurorec.networks.second_order import SecondOrder
from neurorec.networks.settling import SettledPredictions, settle_predictions
from neurorec.networks.simulating import simulate
from neurorec.networks.sorn import SORN
from neurorec.networks.spiking import (
    FollowNetwork,
    FollowRun,
    InputSpikes,
    LIFNetwork,
    LIFRun,
    Liquid,
    MatchedRates,
    Population,
    SettledRates,
    ShortTerm,
    Synapses,
    count_spikes,
    join_at_random,
    lif_rate,
    liquid_state,
    poisson_inputs,
    random_liquid,
    run_follow,
    run_lif,
    simulate_follow,
    simulate_spiking,
    sort_synapses,
    spikes_of_inputs,
)
from neurorec.networks.stacked import Stacked
from neurorec.networks.system import System, jacobian, noise_scale, noisy_step, prepare, run
from neurorec.networks.torch_import import from_torch
from neurorec.networks.tuned_integrator import TunedIntegrator
from neurorec.networks.weights import forward_weights, recurrent_weights

__all__ = [
    "GRU",
    "LSTM",
    "NETWORKS",
    "SORN",
    "CallableSystem",
    "Cell",
    "ConceptorNetwork",
    "Constrained",
    "Convolutional",
    "DelayFeedforward",
    "DenseMemory",
    "DriveShares",
    "Elman",
    "EncoderDecoder",
    "FollowNetwork",
    "FollowRun",
    "Hopfield",
    "InputSpikes",
    "Jordan",
    "LIFNetwork",
    "LIFRun",
    "Leaky",
    "Liquid",
    "LowRank",
    "MatchedRates",
    "Network",
    "Population",
    "PredictiveCoding",
    "Recalled",
    "Reservoir",
    "SecondOrder",
    "SettledPredictions",
    "SettledRates",
    "ShortTerm",
    "SpikingRun",
    "SpikingShares",
    "Stacked",
    "Synapses",
    "System",
    "TappedDelay",
    "TunedIntegrator",
    "adapt_aperture",
    "and_conceptors",
    "block_mask",
    "build_network",
    "conceptor",
    "conceptor_of_correlations",
    "count_spikes",
    "dale_signs",
    "drive_shares",
    "forward_weights",
    "from_torch",
    "jacobian",
    "join_at_random",
    "lif_rate",
    "liquid_state",
    "noise_scale",
    "noisy_step",
    "not_conceptor",
    "or_conceptors",
    "plain_weights",
    "poisson_inputs",
    "prepare",
    "quota",
    "random_liquid",
    "recall",
    "recurrent_weights",
    "reservoir_states",
    "reservoir_weights",
    "run",
    "run_follow",
    "run_lif",
    "run_spiking",
    "settle_predictions",
    "simulate",
    "simulate_follow",
    "simulate_spiking",
    "sort_synapses",
    "spikes_of_inputs",
    "spiking_shares",
    "with_readout",
]

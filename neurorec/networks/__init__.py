"""Recurrent networks: systems that step, one family a file."""

from neurorec.networks.connectivity import Constrained, LowRank, block_mask, dale_signs, plain_weights
from neurorec.networks.elman import Elman
from neurorec.networks.leaky import Leaky
from neurorec.networks.network import Cell, Network, with_readout
from neurorec.networks.system import System, jacobian, prepare, run
from neurorec.networks.weights import forward_weights, recurrent_weights

__all__ = [
    "Cell",
    "Constrained",
    "Elman",
    "Leaky",
    "LowRank",
    "Network",
    "System",
    "block_mask",
    "dale_signs",
    "forward_weights",
    "jacobian",
    "plain_weights",
    "prepare",
    "recurrent_weights",
    "run",
    "with_readout",
]

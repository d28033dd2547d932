"""Spiking networks: leaky integrate-and-fire units, their synapses, and what theory says of their rates."""

from neurorec.networks.spiking.follow import FollowNetwork
from neurorec.networks.spiking.follow_running import FollowRun, run_follow, simulate_follow
from neurorec.networks.spiking.lif import LIFNetwork
from neurorec.networks.spiking.liquid import (
    Liquid,
    liquid_state,
    random_liquid,
)
from neurorec.networks.spiking.mean_field import MatchedRates, SettledRates, lif_rate
from neurorec.networks.spiking.population import Population, ShortTerm
from neurorec.networks.spiking.recordings import simulate_spiking
from neurorec.networks.spiking.running import (
    InputSpikes,
    LIFRun,
    count_spikes,
    poisson_inputs,
    run_lif,
    spikes_of_inputs,
)
from neurorec.networks.spiking.synapses import Synapses, join_at_random, sort_synapses

__all__ = [
    "FollowNetwork",
    "FollowRun",
    "InputSpikes",
    "LIFNetwork",
    "LIFRun",
    "Liquid",
    "MatchedRates",
    "Population",
    "SettledRates",
    "ShortTerm",
    "Synapses",
    "count_spikes",
    "join_at_random",
    "lif_rate",
    "liquid_state",
    "poisson_inputs",
    "random_liquid",
    "run_follow",
    "run_lif",
    "simulate_follow",
    "simulate_spiking",
    "sort_synapses",
    "spikes_of_inputs",
]

"""Subspaces that activity moves in: of recordings and of systems, by the same functions."""

from neurorec.dynamics.subspaces.conditions import average_trials, condition_averages, trial_activity
from neurorec.dynamics.subspaces.demixed import (
    Demixed,
    DemixingPenalty,
    choose_demixing_penalty,
    demixed_components,
    marginalise,
)
from neurorec.dynamics.subspaces.dimensionality import Dimensionality, participation_ratio
from neurorec.dynamics.subspaces.exchanging import DemixingTest, compare_parts
from neurorec.dynamics.subspaces.labelled import (
    demixed_subspace,
    dimensionality_of_averages,
    rotational_subspace,
    tangling_by_condition,
    targeted_subspace,
)
from neurorec.dynamics.subspaces.loops import Loops, circular_coordinate, persistent_loops
from neurorec.dynamics.subspaces.principal import (
    Aligned,
    HeldOutVariance,
    PrincipalComponents,
    align_scores,
    held_out_variance,
    in_components,
    principal_components,
    principal_subspace,
    project,
    variance_by,
)
from neurorec.dynamics.subspaces.ring import Ring, find_ring, ring_of_population
from neurorec.dynamics.subspaces.rotations import Rotations, rotational_dynamics
from neurorec.dynamics.subspaces.tangling import trajectory_tangling
from neurorec.dynamics.subspaces.targeted import Targeted, targeted_axes

__all__ = [
    "Aligned",
    "Demixed",
    "DemixingPenalty",
    "DemixingTest",
    "Dimensionality",
    "HeldOutVariance",
    "Loops",
    "PrincipalComponents",
    "Ring",
    "Rotations",
    "Targeted",
    "align_scores",
    "average_trials",
    "choose_demixing_penalty",
    "circular_coordinate",
    "compare_parts",
    "condition_averages",
    "demixed_components",
    "demixed_subspace",
    "dimensionality_of_averages",
    "find_ring",
    "held_out_variance",
    "in_components",
    "marginalise",
    "participation_ratio",
    "persistent_loops",
    "principal_components",
    "principal_subspace",
    "project",
    "ring_of_population",
    "rotational_dynamics",
    "rotational_subspace",
    "tangling_by_condition",
    "targeted_axes",
    "targeted_subspace",
    "trajectory_tangling",
    "trial_activity",
    "variance_by",
]

"""Comparison: a system beside a recording."""

from neurorec.comparison.alignment import KernelAlignment, kernel_alignment
from neurorec.comparison.arrays import PairedRows, paired_rows
from neurorec.comparison.canonical import CanonicalCorrelations, canonical_correlations
from neurorec.comparison.ceiling import NoiseCeiling, noise_ceiling
from neurorec.comparison.comparing import Role, compare
from neurorec.comparison.delay_maps import DelayMap, delay_map
from neurorec.comparison.dissimilarity import (
    RepresentationalSimilarity,
    representational_similarity,
    unbiased_dissimilarity,
)
from neurorec.comparison.dynamical import (
    DynamicalSimilarity,
    MapAngle,
    dynamical_similarity,
    map_angle,
    spectral_distance,
)
from neurorec.comparison.measures import MEASURES, Measure, Pair
from neurorec.comparison.moving import compare_trajectories
from neurorec.comparison.predictivity import NeuralPredictivity, neural_predictivity
from neurorec.comparison.shapes import (
    PairwiseDistances,
    Procrustes,
    ShapeDistance,
    procrustes_distance,
    shape_distance,
    shape_distances,
)
from neurorec.comparison.topology import (
    TopologyComparison,
    TransitionComparison,
    compare_fixed_points,
    compare_transitions,
)
from neurorec.comparison.trajectories import AlignedTrajectories, align_trajectories

__all__ = [
    "MEASURES",
    "AlignedTrajectories",
    "CanonicalCorrelations",
    "DelayMap",
    "DynamicalSimilarity",
    "KernelAlignment",
    "MapAngle",
    "Measure",
    "NeuralPredictivity",
    "NoiseCeiling",
    "Pair",
    "PairedRows",
    "PairwiseDistances",
    "Procrustes",
    "RepresentationalSimilarity",
    "Role",
    "ShapeDistance",
    "TopologyComparison",
    "TransitionComparison",
    "align_trajectories",
    "canonical_correlations",
    "compare",
    "compare_fixed_points",
    "compare_trajectories",
    "compare_transitions",
    "delay_map",
    "dynamical_similarity",
    "kernel_alignment",
    "map_angle",
    "neural_predictivity",
    "noise_ceiling",
    "paired_rows",
    "procrustes_distance",
    "representational_similarity",
    "shape_distance",
    "shape_distances",
    "spectral_distance",
    "unbiased_dissimilarity",
]

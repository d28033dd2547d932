"""Dynamics: what a system does."""

from neurorec.dynamics.edge import EdgeOfChaos, edge_of_chaos
from neurorec.dynamics.fixed_points import FixedPoints, find_fixed_points, sample_starts
from neurorec.dynamics.flow import Plane, flow_field, in_plane, principal_plane
from neurorec.dynamics.lyapunov import Lyapunov, kaplan_yorke, lyapunov_spectrum
from neurorec.dynamics.rule import Rule, as_rule

__all__ = [
    "EdgeOfChaos",
    "FixedPoints",
    "Lyapunov",
    "Plane",
    "Rule",
    "as_rule",
    "edge_of_chaos",
    "find_fixed_points",
    "flow_field",
    "in_plane",
    "kaplan_yorke",
    "lyapunov_spectrum",
    "principal_plane",
    "sample_starts",
]

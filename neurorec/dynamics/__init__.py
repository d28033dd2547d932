"""Dynamics: what a system does."""

from neurorec.dynamics.edge import EdgeOfChaos, edge_of_chaos
from neurorec.dynamics.lyapunov import Lyapunov, kaplan_yorke, lyapunov_spectrum
from neurorec.dynamics.rule import Rule, as_rule

__all__ = [
    "EdgeOfChaos",
    "Lyapunov",
    "Rule",
    "as_rule",
    "edge_of_chaos",
    "kaplan_yorke",
    "lyapunov_spectrum",
]

"""Dynamics: what a system does."""

from neurorec.dynamics.rule import Rule, as_rule

__all__ = ["Rule", "as_rule"]

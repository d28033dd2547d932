"""Named recordings: the bundled demo, and simulated ones whose coupling is known."""

from neurorec.datasets.branching import simulate_branching, simulate_branching_network, subsample_activity
from neurorec.datasets.catalogue import demo_path
from neurorec.datasets.delays import EASY_AND_HARD, LateRecurrence, simulate_delays, simulate_late_recurrence
from neurorec.datasets.demo import simulate_demo, write_demo
from neurorec.datasets.runyan2017 import RUNYAN_AREAS, RunyanArea, simulate_runyan2017
from neurorec.datasets.runyan_truth import has_truth, true_log_odds
from neurorec.datasets.simulate import DEMO_AREAS, SimulatedArea, simulate_recording

__all__ = [
    "DEMO_AREAS",
    "EASY_AND_HARD",
    "RUNYAN_AREAS",
    "LateRecurrence",
    "RunyanArea",
    "SimulatedArea",
    "demo_path",
    "has_truth",
    "simulate_branching",
    "simulate_branching_network",
    "simulate_delays",
    "simulate_demo",
    "simulate_late_recurrence",
    "simulate_recording",
    "simulate_runyan2017",
    "subsample_activity",
    "true_log_odds",
    "write_demo",
]

"""Named recordings: the bundled demo, and simulated ones whose coupling is known."""

from neurorec.datasets.catalogue import demo_path
from neurorec.datasets.demo import simulate_demo, write_demo
from neurorec.datasets.simulate import DEMO_AREAS, SimulatedArea, simulate_recording

__all__ = ["DEMO_AREAS", "SimulatedArea", "demo_path", "simulate_demo", "simulate_recording", "write_demo"]

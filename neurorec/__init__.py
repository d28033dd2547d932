"""neurorec: how much of a neuron's activity is explained by the network around it?"""

from importlib import import_module
from importlib.metadata import version

__version__ = version("neurorec")

# Where each public name lives. Loaded on first use, so that `import neurorec` is immediate.
_HOMES = {
    "recording": ["add_blocks", "add_trials", "check_recording", "recording_from_arrays"],
    "io": ["load_recording", "read_nwb", "save_recording"],
    "design": [
        *("Coupling", "Drift", "Event", "History", "PopulationMean", "Signal"),
        *("b_spline", "boxcar", "default_terms", "design_matrix", "gaussian", "raised_cosine"),
    ],
    "datasets": ["demo_path", "simulate_recording"],
    "glm": ["PopulationGLM", "PopulationGLMCV"],
    "recurrence": ["by_area", "recurrence_benefit"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_FOLDERS = {"recording", "io", "plot", "design", "datasets", "glm", "recurrence", "report", "study"}

__all__ = sorted([*_HOME_OF, *_FOLDERS])


def __getattr__(name: str):
    if name in _HOME_OF:
        return getattr(import_module(f"neurorec.{_HOME_OF[name]}"), name)
    if name in _FOLDERS:
        return import_module(f"neurorec.{name}")
    raise AttributeError(f"module 'neurorec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

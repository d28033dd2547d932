"""What every test and every docstring's example finds, and leaves as it found it."""

import os
import sys
import warnings
from pathlib import Path

import pytest

# Tests mostly wait for JAX to compile small programs: it shall do that without care and only once, this time and the
# next. Said before anything imports it; all workers share the folder.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parent / ".pytest_cache" / "compiled"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


# A program that is read while another worker writes it, or of which half was written, is compiled anew.
_HALF = "Error reading persistent compilation cache entry"
warnings.filterwarnings("ignore", message=_HALF)  # while other files of this name are imported


def pytest_configure(config):
    """Add to the filters of the settings, which are put back before every test."""
    config.addinivalue_line("filterwarnings", f"ignore:{_HALF}")


@pytest.fixture(autouse=True)
def close_figures():
    """Close the figures that were opened through pyplot."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

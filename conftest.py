"""What every test and every docstring's example leaves as it found it."""

import sys

import pytest


@pytest.fixture(autouse=True)
def close_figures():
    """Close the figures that were opened through pyplot."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")

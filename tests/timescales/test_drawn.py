"""What the figures of timescales and avalanches hold."""

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from neurorec import plot


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def units() -> xr.Dataset:
    tau = np.array([0.02, 0.04, 0.03, 0.2, np.nan, 0.3])
    return xr.Dataset({"tau": ("unit", tau)}, coords={"area": ("unit", ["V1"] * 3 + ["PPC"] * 3)})


@pytest.fixture
def areas() -> xr.Dataset:
    lag = np.arange(5) * 0.05
    curve = np.exp(-lag / 0.1)
    by_area = {"tau": [0.1, np.nan], "tau_low": [0.05, np.nan], "tau_high": [np.inf, np.nan], "m": [0.6, np.nan]}
    curves = {n: (("area", "lag"), [curve, np.full(5, np.nan)]) for n in ("fitted",)}
    curves |= {n: (("area", "lag"), [curve, curve / 2]) for n in ("autocorrelation", "slopes")}
    return xr.Dataset({n: ("area", v) for n, v in by_area.items()} | curves, coords={"area": ["PPC", "V1"], "lag": lag})


@pytest.fixture
def avalanches() -> xr.Dataset:
    rng = np.random.default_rng(0)
    fields = [a + b for a in ("predicted", "measured") for b in ("", "_low", "_high")]
    return xr.Dataset(
        {name: ("area", [2.0, np.nan]) for name in fields}
        | {name: (("area", "quantity"), np.full((2, 2), value)) for name, value in (("smallest", 1.0), ("n_tail", 40))}
        | {
            "exponent": (("area", "quantity"), [[1.5, 2.0], [np.nan, np.nan]]),
            "size": ("avalanche", rng.zipf(1.5, 40).astype(float)),
            "duration": ("avalanche", rng.zipf(2.0, 40)),
            "mean_shape": (("area", "length", "phase"), np.stack([np.ones((2, 5)), np.full((2, 5), np.nan)])),
            "collapse": ("area", [1.5, np.nan]),
            "n_avalanches": ("area", [40, 0]),
        },
        coords={
            "area": ["PPC", "V1"],
            "quantity": ["size", "duration"],
            "avalanche_area": ("avalanche", ["PPC"] * 40),
            "length": [4, 9],
            "phase": np.linspace(0.1, 0.9, 5),
        },
    )


@pytest.mark.parametrize(
    ("draw", "of"),
    [
        (plot.timescale_by_area, "units"),
        (plot.autocorrelation_by_area, "areas"),
        (plot.branching_slopes, "areas"),
        (plot.avalanche_distribution, "avalanches"),
        (plot.crackling_relation, "avalanches"),
        (plot.shape_collapse, "avalanches"),
    ],
)
def test_figures_are_drawn_on_the_axes_given_and_leave_the_data_alone(draw, of, request, tmp_path):
    data = request.getfixturevalue(of)
    before = data.copy(deep=True)
    ax = Figure().add_subplot()
    assert draw(data, ax=ax) is ax
    assert not plt.get_fignums()
    assert data.identical(before)
    assert ax.get_xlabel()
    draw(data).figure.savefig(tmp_path / "figure.svg")


def test_units_are_counted_and_open_ends_are_marked(units, areas):
    ax = plot.timescale_by_area(units, areas)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["V1 (3 of 3)", "PPC (2 of 3)"]
    markers = [line.get_marker() for line in ax.get_lines()]
    assert markers.count("D") == 1
    assert markers.count(">") == 1


def test_areas_without_a_fit_are_dotted_and_say_so(areas):
    ax = plot.branching_slopes(areas)
    assert {text.get_text().strip() for text in ax.texts} == {"PPC: m = 0.600, 100 ms", "V1: no fit"}
    assert ":" in [line.get_linestyle() for line in ax.get_lines()]


def test_avalanches_without_fits_are_not_hidden(avalanches):
    assert "no fit" in [text.get_text() for text in plot.crackling_relation(avalanches).texts]
    assert len(plot.shape_collapse(avalanches).get_lines()) == 2
    empty = plot.shape_collapse(avalanches, area="V1")
    assert "too few avalanches of any duration" in [text.get_text() for text in empty.texts]

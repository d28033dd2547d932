"""What the figures of Runyan et al. 2017 hold."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from neurorec import plot


@pytest.fixture
def units() -> xr.Dataset:
    """Twelve units of two areas in two contexts, whose truth is known."""
    rng = np.random.default_rng(0)
    area, context = np.repeat(["AC", "PPC"], 6), np.tile(["active", "passive"], 6)
    benefit = np.repeat([0.01, 0.03], 6) + rng.normal(0, 0.002, 12)
    fde = np.stack([np.full(12, 0.02), 0.02 + benefit], axis=1)
    return xr.Dataset(
        {
            "unit_fde": (("unit", "model"), fde),
            "benefit": ("unit", benefit, {"long_name": "coupling index"}),
            "benefit_by_lag": (("unit", "lag"), benefit[:, None] * [1.0, 0.5, 0.1]),
            "rate": ("unit", rng.uniform(1, 3, 12), {"long_name": "rate (events/s)"}),
            "planted_coupled": ("unit", fde[:, 1] + 0.02),
            "planted_benefit": ("unit", benefit + 0.02),
            "true_memory": ("unit", np.repeat([0.1, 0.4], 6)),
        },
        coords={
            "area": ("unit", area),
            "context": ("unit", context),
            "session": ("unit", np.char.add(area, context)),
            "model": ["uncoupled", "coupled"],
            "lag": [0.0, 0.1, 1.0],
        },
    )


def broken(ax):
    return [line for line in ax.get_lines() if line.get_linestyle() == "--"]


def test_distributions_rise_from_none_to_all(units):
    ax = plot.explained_distribution(units, model="coupled", context="active")
    lines = [line for line in ax.get_lines() if len(line.get_ydata()) > 2]
    assert len(lines) == 4  # two areas, found and planted
    for line in lines:
        assert (line.get_ydata()[0], line.get_ydata()[-1]) == (0, 1)
        assert (np.diff(line.get_ydata()) >= 0).all()
    assert len(broken(ax)) == 2
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["AC (n = 3)", "PPC (n = 3)", "planted"]
    bare = units.drop_vars("planted_coupled")
    assert not broken(plot.explained_distribution(bare, model="coupled", ax=plt.figure().add_subplot()))


def test_a_row_for_each_area_and_context(units):
    ax = plot.index_by_context(units)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "AC, active (n = 3)", "AC, passive (n = 3)", "PPC, active (n = 3)", "PPC, passive (n = 3)",
    ]  # fmt: skip
    diamonds = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() == "D"]
    planted = units["planted_benefit"].values.reshape(2, 3, 2)  # area, unit, context
    np.testing.assert_allclose(diamonds, np.median(planted, axis=1).ravel())


def test_units_outside_given_limits_are_counted(units):
    ax = plot.index_by_context(units, limits=(0.0, 0.02))
    assert ax.get_xlim() == (0.0, 0.02)
    assert any("6 units beyond the axis" in text.get_text() for text in ax.texts)


def test_planted_kernels_are_scaled_to_the_largest_median(units):
    ax = plot.index_against_lag(units)
    kernels = broken(ax)
    assert len(kernels) == 2
    for kernel, memory in zip(kernels, (0.1, 0.4), strict=True):
        y = kernel.get_ydata()
        np.testing.assert_allclose(y / y[0], np.exp(-units["lag"].values / memory))
    nothing = units.assign(benefit_by_lag=-abs(units["benefit_by_lag"]))
    assert not broken(plot.index_against_lag(nothing, ax=plt.figure().add_subplot()))


def test_correlations_are_those_of_the_areas(units):
    ax = plot.index_against(units, "rate")
    for text, area in zip(ax.get_legend().get_texts(), ("AC", "PPC"), strict=True):
        own = units.isel(unit=np.flatnonzero(units["area"].values == area))
        r = np.corrcoef(own["rate"], own["benefit"])[0, 1]
        assert text.get_text() == f"{area}: r = {r:.2f} (n = 6)".replace("-", "−")
    assert ax.get_xlabel() == "rate (events/s)"
    assert any(text.get_text() == "hollow: planted" for text in ax.texts)


def test_sessions_are_ordered_by_area():
    draws = xr.Dataset(
        {"benefit_by_draw": (("row", "draw"), [[0.3, np.nan], [0.1, 0.2]])},
        coords={name: ("row", values) for name, values in
                {"area": ["PPC", "AC"], "context": ["", ""], "session": ["one_1", "two_1"]}.items()},
    )  # fmt: skip
    ax = plot.index_of_subsamples(draws)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["two 1", "one 1"]
    assert sum(len(dots.get_offsets()) for dots in ax.collections) == 3


def test_lines_of_sessions_and_their_mean():
    code = xr.Dataset(
        {
            "consistency": (("row", "lag"), [[1.0, 0.4, 0.2], [1.0, 0.2, np.nan]]),
            "planted_consistency": (("row", "lag"), [[1.0, 0.5, 0.1], [1.0, 0.5, 0.1]]),
        },
        coords={"area": ("row", ["AC", "AC"]), "lag": [0.0, 0.1, 0.2]},
    )
    ax = plot.code_across_sessions(code, "consistency")
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 2 and line.get_xdata()[1] == 200]
    assert len(lines) == 4
    np.testing.assert_allclose(lines[2].get_ydata(), [0.3, 0.2])
    np.testing.assert_allclose(lines[3].get_ydata(), [0.5, 0.1])
    assert ax.get_xlabel() == "lag (ms)"

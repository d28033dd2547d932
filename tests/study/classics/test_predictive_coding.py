"""Predictive coding shows what its papers say, in small form, and its claims can fail."""

import numpy as np
import pytest
import xarray as xr

from neurorec.study import CLASSICS
from neurorec.study.classics import predictive_coding as study
from neurorec.study.classics.predictive_coding_measures import STEPS, VARIANCES, WAYS, split_digits
from neurorec.study.classics.predictive_coding_responses import (
    IMAGES,
    KINDS,
    PATCH,
    TIMES,
    UNITS,
    _shown,
    feedback_removed,
    violations,
)


def as_theory_says(rng: np.random.Generator) -> dict[str, xr.Dataset]:
    """What the measures would give if all were as it should be, with a little noise over five networks."""
    networks = 0.001 * rng.standard_normal(5)
    energy = 1 + np.exp(-np.arange(20.0))[None] * np.ones((4, 1))
    angle = np.ones((5, 4, len(STEPS), 3)) * np.array([40.0, 10.0, 1.0, 0.1])[None, :, None, None]
    index = np.zeros((3, 5, 2)) + networks[:, None]
    index[0] += 0.1
    gain, lost = np.linspace(0, 0.05, len(TIMES)), np.linspace(0, 0.08, len(TIMES))
    accuracy = np.full((2, 5, 3, 2, len(TIMES)), 0.7) + networks[:, None, None, None]
    accuracy[:, :, 1, 0] += gain
    accuracy[:, :, 1, 1] -= lost
    way = [*WAYS, "logistic regression"]
    over = {"network": np.arange(5)}
    return {
        "settling": xr.Dataset(
            {
                "energy": (("image", "time"), energy), "minimum": ("image", np.ones(4)),
                "settled": ("image", np.ones(4)), "fixed": ("point", [1e-9]),
            }, coords={"time": np.arange(20.0)}, attrs={"linear_error": 1e-12},
        ),
        "reconstruction": xr.Dataset(
            {"error": (("network", "model"), [[0.04, 0.039]] * 5)}, coords={"model": ["hierarchy", "PCA"]}
        ),
        "classification": xr.Dataset({"accuracy": (("way", "network"), 0.97 + np.stack([networks] * 4))}, {"way": way}),
        "angles": xr.Dataset(
            {
                "angle": (("network", "variance", "step", "layer"), angle),
                "arrival": (("network", "layer"), np.full((5, 3), 1e-13)),
                "size": (("network", "layer"), np.ones((5, 3))),
                "shuffled": (("network", "layer"), np.full((5, 3), 90.0)),
            }, coords={"variance": list(VARIANCES), "step": list(STEPS)},
        ),
        "violations": xr.Dataset(
            {
                "index": (("kind", "network", "layer"), index),
                "response": (("kind", "network", "condition", "layer", "time"), np.ones((3, 5, 2, 2, 4))),
            }, coords={"kind": list(KINDS), "condition": ["expected", "violation"], "layer": [0, 1], "time": range(4)},
        ),
        "feedback": xr.Dataset(
            {"accuracy": (("units", "network", "images", "feedback", "time"), accuracy)},
            coords={
                "units": list(UNITS), "images": list(IMAGES), "feedback": ["intact", "removed"], "time": list(TIMES)
            } | over,
        ),
        "filled": xr.Dataset(
            {"pixels": (("stage", "image", "row", "column"), np.full((4, 3, 8, 8), np.nan))}, {"stage": list("abcd")}
        ),
    }  # fmt: skip


def claims_of(data):
    return [
        *study._of_settling(data["settling"]), *study._of_learning(data["reconstruction"], data["classification"]),
        *study._of_updates(data["angles"]), *study._of_violations(data["violations"]),
        *study._of_feedback(data["feedback"]),
    ]  # fmt: skip


def test_claims_hold_where_all_is_as_theory_says():
    data = as_theory_says(np.random.default_rng(0))
    claims = claims_of(data)
    assert len(claims) == 38
    assert [claim.what for claim in claims if claim.holds is False] == []
    figure, caption = study._figure(data)
    assert len(figure.axes) == 6
    assert caption.startswith("Layers that predict")


@pytest.mark.parametrize(
    ("name", "spoil", "n_fail"),
    [
        ("settling", lambda d: d.assign(energy=d["energy"][:, ::-1].drop_vars("time")), 1),
        ("settling", lambda d: d.assign(settled=1.1 * d["settled"]), 1),
        ("reconstruction", lambda d: d.assign(error=d["error"] * [2, 1]), 1),
        ("classification", lambda d: d.assign(accuracy=d["accuracy"] * xr.where(d["way"] == "settled", 0.9, 1)), 1),
        ("angles", lambda d: d.assign(angle=d["angle"] * 0 + 3, arrival=d["arrival"] + 1), 4),
        ("violations", lambda d: d.assign(index=d["index"] - 0.1), 6),
        (
            "feedback",
            lambda d: d.assign(accuracy=0 * d["accuracy"] + d["accuracy"].sel(feedback="removed", drop=True)),
            8,
        ),
    ],
)
def test_claims_fail_where_it_is_not(name, spoil, n_fail):
    data = as_theory_says(np.random.default_rng(0))
    data[name] = spoil(data[name])
    assert sum(claim.holds is False for claim in claims_of(data)) == n_fail


@pytest.mark.long
def test_violations_are_reported_by_networks_that_know_the_order():
    index = violations([3], n_pairs=600, tick=lambda: None)["index"].sel(layer=1, network=0)
    assert float(index.sel(kind="learnt")) > 0.05
    assert float(abs(index.sel(kind=["order shuffled", "untrained"])).max()) < 0.04


@pytest.mark.long
def test_feedback_matters_late_on_what_is_occluded():
    found = feedback_removed([3], n_epochs=8, units=("linear",), times=(0.002, 0.1), tick=lambda: None)
    accuracy = found["accuracy"].isel(units=0, network=0)
    lost = accuracy.sel(feedback="intact") - accuracy.sel(feedback="removed")
    early, late = lost.sel(images="occluded").values
    assert late - early > 0.01
    assert float(abs(lost.sel(images="clear")).max()) < 0.03


def test_occluders_hide_as_much_as_is_said():
    digits = split_digits(np.random.default_rng(0))
    clear, unseen, black = _shown(digits, np.random.default_rng(0))
    hidden = np.isnan(unseen)
    assert (hidden.sum(axis=1) == PATCH**2).all()
    np.testing.assert_array_equal(black[~hidden], clear[~hidden])
    assert np.ptp((black - digits.black)[hidden]) < 1e-6
    assert "predictive_coding" in CLASSICS

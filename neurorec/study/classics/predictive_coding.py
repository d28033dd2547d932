"""Predictive coding: errors settle, teach as backpropagation does, report violations, and need feedback late."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.plot import (
    accuracy_by_way,
    accuracy_without_feedback,
    angle_against_steps,
    energy_above_minimum,
    filled_images,
    responses_to_violations,
)
from neurorec.report import Claim, Findings
from neurorec.study.classics.predictive_coding_measures import (
    CLASSIFIER,
    DT,
    HIERARCHY,
    TAU,
    angles,
    classification,
    learn_hierarchy,
    reconstruction,
    settling,
    split_digits,
)
from neurorec.study.classics.predictive_coding_responses import (
    EARLY,
    LATE,
    PATCH,
    SEQUENCE,
    feedback_removed,
    filled_in,
    violations,
)

_RAO, _WHITTINGTON = "doi:10.1038/4580", "doi:10.1162/NECO_a_00949"
_SONG, _KAR = "Song et al. 2020, NeurIPS 33", "doi:10.1038/s41593-019-0392-5"


class Sizes(NamedTuple):
    """How many."""

    n_networks: int = 5
    n_epochs: int = 60
    n_classifier_epochs: int = 40
    n_pairs: int = 3000


def show_predictive_coding(
    *,
    full: bool = False,
    seed: int = 0,
    folder: Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    sizes: Sizes | None = None,
) -> Findings:
    """Show how hierarchies of predictions settle, learn, respond to violations, and do without feedback.

    Parameters
    ----------
    full : bool
        Fifteen networks of each kind rather than five.
    seed : int
        From which everything random follows.
    folder, n_jobs
        Not needed: three minutes.
    progress : bool
        Show a bar where standard error is a terminal.
    sizes : Sizes, optional
        Other sizes.

    Returns
    -------
    Findings
    """
    size = sizes or Sizes(n_networks=15 if full else 5)
    seeds = [seed + k for k in range(size.n_networks)]
    with tqdm(total=10 * size.n_networks, disable=None if progress else True, unit="network") as bar:
        data = _learnt_by_itself(seeds, size.n_epochs, bar)
        data["angles"] = angles(seeds, tick=bar.update)
        data["classification"] = classification(seeds, n_epochs=size.n_classifier_epochs, tick=bar.update)
        data["violations"] = violations(seeds, n_pairs=size.n_pairs, tick=bar.update)
        data["feedback"] = feedback_removed(seeds, n_epochs=size.n_epochs, tick=bar.update)
    return Findings(
        "Predictive coding",
        "What can layers do that only predict one another, and report what was not predicted?",
        _RAO,
        [
            *_of_settling(data["settling"]), *_of_learning(data["reconstruction"], data["classification"]),
            *_of_updates(data["angles"]), *_of_violations(data["violations"]), *_of_feedback(data["feedback"]),
        ],
        {"predictive_coding": _figure(data)},
        data,
        settings={
            "hierarchy (units, bottom first)": HIERARCHY, "classifier": CLASSIFIER, "sequences": SEQUENCE,
            "networks of each kind": size.n_networks, "tau (s)": TAU, "dt (s)": f"at most {DT:g}",
            "patch that is hidden (pixels)": f"{PATCH} x {PATCH} of 8 x 8",
            "early (s)": f"up to {EARLY:g}", "late (s)": f"from {LATE:g}",
        },
        notes=[
            "After ± come standard errors over networks; every network has a split of the images of its own.",
            "Pixels under the patch are not seen: their units are free. The system is told where the patch is; what "
            "happens where it is not told, and black pixels pass for the image, is shown beside it.",
            "Without feedback predictions do not come down at all; errors still go up. Responses are decoded by "
            "decoders fitted to the same network in the same condition, at the same time.",
            "In sequences the image before is held at the top: the memory of it is given, not learnt.",
        ],
    )  # fmt: skip


def _learnt_by_itself(seeds: list[int], n_epochs: int, bar: tqdm) -> dict[str, xr.Dataset]:
    """What hierarchies that learn without a teacher settle to and reconstruct."""
    errors, data = [], {}
    for seed in seeds:
        rng = np.random.default_rng([seed, 6])
        digits = split_digits(rng)
        network = learn_hierarchy(digits, n_epochs=n_epochs, rng=rng).network
        errors.append(reconstruction(network, digits))
        if not data:
            data["settling"] = settling(network, digits.test[:10])
            data["filled"] = filled_in(network, digits, rng=rng)
        bar.update()
    data["reconstruction"] = xr.Dataset(
        {"error": (("network", "model"), errors)}, coords={"model": ["hierarchy", "PCA"]}
    )
    return data


def _mean(values: NDArray) -> tuple[float, float]:
    """Mean and standard error."""
    values = np.asarray(values, dtype=float)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else np.nan


def _claim(what: str, values: NDArray, published: str, source: str, rule: float, *, above: bool = True) -> Claim:
    """A mean over networks, with its standard error; it holds if it is above a rule (below it) by two of them."""
    mean, error = _mean(values)
    margin = 2 * error if np.isfinite(error) else 0.0
    holds = mean - margin > rule if above else mean + margin < rule
    return Claim(f"{what} (± {error:.2g})", mean, published, source, bool(holds))


def _of_settling(data: xr.Dataset) -> list[Claim]:
    rise = float(data["energy"].diff("time").max() / data["energy"].max())
    gap = float((abs(data["settled"] - data["minimum"]) / data["minimum"]).max())
    linear, fixed = float(data.attrs["linear_error"]), float(data["fixed"].max())
    return [
        Claim("largest rise of the energy in a step, of its size", max(rise, 0.0), "never", "theory", rise < 1e-12),
        Claim("settled energy against L-BFGS: largest relative difference", gap, "0", "theory", gap < 1e-6),
        Claim("linear units: largest distance from the exact solution", linear, "0", "theory", linear < 1e-6),
        Claim("distance of the fixed point that is found from where it settles", fixed, "0", "theory", fixed < 1e-5),
    ]


def _of_learning(images: xr.Dataset, classes: xr.Dataset) -> list[Claim]:
    hierarchy, pca = (images["error"].sel(model=name).values for name in ("hierarchy", "PCA"))
    ratio, accuracy = _mean(hierarchy / pca), classes["accuracy"]
    settled, taught = (accuracy.sel(way=name).values for name in ("settled", "backpropagation"))
    arrived, plain = (_mean(accuracy.sel(way=name).values) for name in ("arrival", "logistic regression"))
    return [
        Claim(
            f"share of held-out images' variance not reconstructed, over PCA's of rank {HIERARCHY[1]} "
            f"(± {ratio[1]:.2g})", ratio[0], "near 1", "calculated", ratio[0] < 1.1,
        ),
        Claim(f"the share itself (PCA: {_mean(pca)[0]:.3f})", _mean(hierarchy)[0], "not published", "calculated"),
        Claim(f"classes of held-out digits, values settled (± {_mean(settled)[1]:.2g})", _mean(settled)[0],
              "that of backpropagation", _WHITTINGTON, abs(_mean(settled - taught)[0]) < 0.02),
        Claim(f"... weights changed on arrival (± {arrived[1]:.2g})", arrived[0], "that of backpropagation", _SONG,
              abs(arrived[0] - _mean(taught)[0]) < 0.005),
        Claim(f"... backpropagation (± {_mean(taught)[1]:.2g})", _mean(taught)[0], "not published", "calculated"),
        Claim(f"... logistic regression (± {plain[1]:.2g})", plain[0], "not published", "calculated"),
    ]  # fmt: skip


def _of_updates(data: xr.Dataset) -> list[Claim]:
    last = data["angle"].isel(step=-1).max("layer")
    claims = []
    for variance in data["variance"].values:
        values = last.sel(variance=variance).values
        known = {1.0: ("not 0", float(values.mean()) > 5), float(data["variance"][-1]): ("0", float(values.max()) < 1)}
        said, holds = known.get(float(variance), ("falls to 0", None))
        what = (
            f"angle to backpropagation, worst layer, output variance {variance:g}, degrees (± {_mean(values)[1]:.2g})"
        )
        claims.append(Claim(what, float(values.mean()), said, _WHITTINGTON, holds))
    falls = bool((last.mean("network").diff("variance") < 0).all())
    slope = np.polyfit(np.log(data["variance"].values[1:]), np.log(last.mean("network").values[1:]), 1)[0]
    arrival, size = float(data["arrival"].max()), float(abs(data["size"] - 1).max())
    shuffled = float(data["shuffled"].mean())
    return [
        *claims,
        Claim("power of the output variance by which it falls, from 10 on", float(slope), "−1", "theory, first order",
              falls and abs(slope + 1) < 0.1),
        Claim("updates on arrival: largest angle, degrees", arrival, "0", _SONG, arrival < 1e-6),
        Claim("... largest deviation of their size, fraction", size, "0", _SONG, size < 1e-9),
        Claim("updates whose synapses are permuted: angle, degrees", shuffled, "90", "theory", abs(shuffled - 90) < 5),
    ]  # fmt: skip


def _of_violations(data: xr.Dataset) -> list[Claim]:
    claims = []
    for layer in data["layer"].values[::-1]:
        for kind in data["kind"].values:
            values = data["index"].sel(kind=kind, layer=layer).values
            mean, error = _mean(values)
            what = f"error units of layer {layer}, {kind}: violation less expected over their sum (± {error:.2g})"
            learnt = kind == data["kind"].values[0]
            holds = mean > 3 * error if learnt else abs(mean) < 0.02
            claims.append(Claim(what, mean, "above 0" if learnt else "0", _RAO if learnt else "control", bool(holds)))
    return claims


def _of_feedback(data: xr.Dataset) -> list[Claim]:
    early = data["accuracy"].sel(time=slice(0, EARLY + 1e-9)).mean("time")
    late = data["accuracy"].sel(time=slice(LATE - 1e-9, None)).mean("time")
    lost = [part.sel(feedback="intact") - part.sel(feedback="removed") for part in (early, late)]
    gained = (late - early).sel(feedback="intact", units="tanh")
    claims = [
        _claim("occluded digits: accuracy late less early, feedback intact", gained.sel(images="occluded").values,
               "above 0", _KAR, 0.0),
        _claim("clear digits: the same", gained.sel(images="clear").values, "smaller", _KAR,
               float(gained.sel(images="occluded").mean()), above=False),
    ]  # fmt: skip
    for units in data["units"].values:
        of = {"occluded": [], "clear": []}
        for images, kept in of.items():
            kept += [part.sel(units=units, images=images).values for part in lost]
        said = f"feedback removed, {units} units: accuracy lost on occluded digits"
        claims += [
            Claim(f"{said}, early (± {_mean(of['occluded'][0])[1]:.2g})", _mean(of["occluded"][0])[0], "small", _KAR),
            _claim(f"{said}, late", of["occluded"][1], "above 0", _KAR, 0.0),
            _claim("... late less early", of["occluded"][1] - of["occluded"][0], "above 0", _KAR, 0.0),
            _claim("... that, less the same of clear digits",
                   of["occluded"][1] - of["occluded"][0] - of["clear"][1] + of["clear"][0], "above 0", _KAR, 0.0),
        ]  # fmt: skip
    name = str(data["images"].values[2])
    more, worse = ((part[1] - part[0]).sel(images=name) for part in ([early, late], lost))
    for units in data["units"].values:
        gain, loss = more.sel(feedback="intact", units=units).values, worse.sel(units=units).values
        said = f"occluder taken for black pixels, {units} units: accuracy late less early (± {_mean(gain)[1]:.2g})"
        claims += [
            Claim(said, _mean(gain)[0], "not published", "calculated"),
            Claim(f"... feedback removed: lost late less lost early (± {_mean(loss)[1]:.2g})", _mean(loss)[0],
                  "not published", "calculated"),
        ]  # fmt: skip
    return claims


def _figure(data: dict[str, xr.Dataset]) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.6, 7.0), layout="constrained")
    axes = figure.subplots(2, 3)
    energy_above_minimum(data["settling"], ax=axes[0, 0])
    angle_against_steps(data["angles"], ax=axes[0, 1])
    accuracy_by_way(data["classification"], ax=axes[0, 2])
    responses_to_violations(data["violations"], ax=axes[1, 0])
    both = data["feedback"].sel(units="tanh", images=data["feedback"]["images"].values[:2])
    accuracy_without_feedback(both, ax=axes[1, 1])
    filled_images(data["filled"], ax=axes[1, 2])
    said = (
        "Layers that predict one another. Above: the energy falls to its minimum; the angle between local updates and "
        "those of backpropagation, against steps of settling; held-out digits classified after learning in each way. "
        "Below: error units respond more to a digit that breaks the order than to the same digit when it is expected "
        "(grey: learnt from pairs in no order); accuracy over time with and without feedback (bands: standard errors); "
        "occluded digits and what the hierarchy makes of them, early and late."
    )
    return figure, said

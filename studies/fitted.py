"""What can be said of real recordings: systems fitted to a session, and the ring of head direction; tables and figures.

    python studies/fitted.py --cache CACHE --write

Progress goes to the error stream, the tables to the output, and with --write into docs/dynamics_studies.md, the figures
into docs/figures/. Recordings are not part of the project: parts whose file is not in the folder --data are left out,
and said to be. Every part is kept in the folder --cache as it is done. The files do not know the version of the
package: take a new folder when it has changed.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from dynamics_reporting import save, spread, table
from matplotlib import colormaps

from neurorec.plot.canvas import start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED

if TYPE_CHECKING:
    import xarray as xr

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
DOCS = ROOT / "docs" / "dynamics_studies.md"
BEGIN, END = "<!-- recorded: begin -->", "<!-- recorded: end -->"
SESSION = "steinmetz2019/session01.nwb"
DIRECTION = "head-direction/A2929-200711_neurosuite.nwb"
AREAS, PER_AREA = ("CA3", "MOs", "VISp"), 20
BIN = 0.02  # s; the session's spikes are counts of 10 ms, of which bins of 25 ms hold two and three in turn
FINE = 0.025  # s, of the recording of head direction, whose spikes have times
SAID = {"co_smoothing": "co-smoothing", "forward": "forward", "few_shot": "few-shot co-smoothing"}
SMOOTHING, WAKES = 0.15, 600.0  # s
SEEDS = (0, 1, 2)


def session(path: Path) -> tuple["xr.Dataset", "xr.Dataset"]:
    """The units of each area that fire most, and a design of stimulus, drift, history and coupling."""
    import neurorec as nr
    from neurorec.design import Coupling, Drift, Event, History, design_matrix, raised_cosine

    recording = nr.read_nwb(path, bin_width=BIN)
    rate, area = recording["activity"].values.mean(axis=0), recording["area"].values.astype(str)
    order = np.argsort(-rate, kind="stable")
    kept = np.sort(np.concatenate([order[area[order] == name][:PER_AREA] for name in AREAS]))
    recording = recording.isel(unit=kept)
    past = raised_cosine(3, window=(BIN, 0.1))
    shown = Event("start", raised_cosine(6, window=(0.0, 0.4)), by=("contrast_left", "contrast_right"))
    return recording, design_matrix(recording, [shown, Drift(3), History(past), Coupling(past)])


def held_out(data: Path, cache: Path) -> dict:
    """Every kind of fitted system on one session, by what it predicts of held-out trials."""
    from neurorec.fitted import compare_fitted, standard_models

    recording, design = session(data / SESSION)
    models = standard_models(n_states=6)
    result = compare_fitted(recording, design, models=models, rng=np.random.default_rng(0))
    result.drop_attrs().to_netcdf(cache / "held_out.nc", engine="h5netcdf")
    sizes = {str(name): size for name, size in recording.sizes.items()}
    return {"sizes": sizes, "n_columns": design.sizes["feature"]}


def systems(data: Path, cache: Path) -> dict:
    """The coupled GLM of the session as a system, and the currents between areas of its data-constrained network."""
    from neurorec.fitted import ConstrainedSettings, area_currents, fit_constrained, fit_coupled_glm, simulate_glm

    recording, design = session(data / SESSION)
    rng = np.random.default_rng(0)
    glm = fit_coupled_glm(recording, design, rng=rng)
    runaway = simulate_glm(glm.system, recording, design, rng=rng).runaway
    found: dict[str, Any] = {
        "glm": {"converged": float(glm.converged.mean()), "radius": runaway.spectral_radius, "said": str(runaway)}
    }
    rows = []
    for seed in SEEDS:
        settings = ConstrainedSettings(tau=0.1, steps_per_bin=2, max_passes=100)
        fit = fit_constrained(recording, settings=settings, rng=np.random.default_rng(seed))
        currents = area_currents(fit, recording)
        rows.append({"seed": seed, "explained": fit.best, "status": fit.status, "passes": len(fit.explained)})
        rows[-1]["strength"] = currents["strength"].values.tolist()
        if seed == 0:
            kept = currents[["strength", "explained", "explained_free"]].assign_attrs(status=fit.status)
            kept.to_netcdf(cache / "currents.nc", engine="h5netcdf")
    return {**found, "networks": rows, "areas": currents["target_area"].values.astype(str).tolist()}


def ring(data: Path, cache: Path) -> dict:
    """Whether seven head-direction units go around a ring, awake and asleep, and units of CA1 beside them."""
    import neurorec as nr

    recording = nr.read_nwb(data / DIRECTION, bin_width=FINE)
    time, area = recording["time"].values, recording["area"].values
    awake = np.isfinite(recording["ry"].values)
    rows, kept = [], {}
    for name, units, times in (
        ("ADN, awake", area == "adn", awake),
        ("ADN, asleep", area == "adn", time < WAKES),
        ("CA1, awake", area == "ca1", awake),
    ):
        part = recording.isel(unit=np.flatnonzero(units), time=np.flatnonzero(times))
        found = nr.dynamics.ring_of_population(part, smoothing=SMOOTHING, rng=np.random.default_rng(0))
        loops = (found["death"] - found["birth"]).values
        row = {"population": name, "n_units": int(units.sum()), "seconds": part.sizes["time"] * FINE}
        row |= {key: found.attrs[key] for key in ("score", "p_value", "n_loops")}
        row |= {"second": float(loops[1] / loops[0]) if loops.size > 1 else 0.0, "null": found["null"].values.tolist()}
        rows.append(row)
        print({key: value for key, value in row.items() if key != "null"}, file=sys.stderr, flush=True)
        kept[name] = part, found
    part, found = kept["ADN, awake"]
    asleep = kept["ADN, asleep"][0]
    shown = {name: found[name].values.tolist() for name in ("position", "landmark_angle", "tuning", "preferred")}
    true = part["ry"].values
    asleep_shown = kept["ADN, asleep"][1]["position"].values.tolist()
    return {
        "rows": rows,
        "read": read_direction(found["angle"].values, true),
        "asleep": near_to_ring(asleep, found["landmark"].values),
        "order": order_of_units(found["preferred"].values, part),
        "shown": {**shown, "asleep": asleep_shown, "direction": true[::4].tolist()}
        | {"angle": found["angle"].values[::4].tolist(), "seconds": (time[awake] - time[awake][0])[::4].tolist()},
    }


def circular_error(angle: np.ndarray, true: np.ndarray, sign: int, turn: float) -> np.ndarray:
    """How far an angle, once turned, is from the true one, rad."""
    return np.abs(np.angle(np.exp(1j * (sign * angle - turn - true))))


def read_direction(angle: np.ndarray, true: np.ndarray) -> dict:
    """The angle around the ring as head direction: sense and beginning by the first half, error in the second."""
    half = len(angle) // 2
    first, second = slice(None, half), slice(half, None)
    agreement = {sign: np.nanmean(np.exp(1j * (sign * angle[first] - true[first]))) for sign in (1, -1)}
    sign = max(agreement, key=lambda s: abs(agreement[s]))
    turn = float(np.angle(agreement[sign]))
    error = circular_error(angle[second], true[second], sign, turn)
    shifted = [
        np.nanmedian(circular_error(np.roll(angle[second], k), true[second], sign, turn))
        for k in np.linspace(0.1, 0.9, 200) * half
        for k in (int(k),)
    ]
    return {
        "sign": int(sign),
        "turn": turn,
        "median": float(np.degrees(np.nanmedian(error))),
        "mean": float(np.degrees(np.nanmean(error))),
        "shifted": float(np.degrees(np.median(shifted))),
        "least_shifted": float(np.degrees(np.min(shifted))),
    }


def near_to_ring(part: "xr.Dataset", landmarks: np.ndarray, n_null: int = 99) -> dict:
    """How near activity comes to the landmarks of another time, beside the same units shifted against each other."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.spatial import cKDTree

    tree, rng = cKDTree(landmarks), np.random.default_rng(0)
    counts = part["activity"].transpose("time", "unit").values.astype(float)
    smooth = np.sqrt(gaussian_filter1d(counts, SMOOTHING / FINE, axis=0))

    def distance(values: np.ndarray) -> float:
        size = np.linalg.norm(values, axis=1)
        return float(np.mean(tree.query(values[size > 0] / size[size > 0, None])[0]))

    edge, null = len(smooth) // 10, []
    for _ in range(n_null):
        shifts = rng.integers(edge, len(smooth) - edge, smooth.shape[1])
        null.append(distance(np.stack([np.roll(smooth[:, u], k) for u, k in enumerate(shifts)], axis=1)))
    seen = distance(smooth)
    p_value = (1 + sum(value <= seen for value in null)) / (1 + n_null)
    return {"distance": seen, "null": null, "p_value": p_value}


def order_of_units(preferred: np.ndarray, part: "xr.Dataset") -> dict:
    """Preferred places on the ring beside preferred head directions, from the units' own tuning."""
    counts, true = part["activity"].transpose("time", "unit").values, part["ry"].values
    edges = np.linspace(0, 2 * np.pi, 25)
    place = np.digitize(true, edges) - 1
    tuning = np.stack([counts[place == k].mean(axis=0) / FINE for k in range(24)])
    middle = (edges[:-1] + edges[1:]) / 2
    mean = (tuning * np.exp(1j * middle)[:, None]).sum(axis=0) / tuning.sum(axis=0)
    return {
        "direction": (np.angle(mean) % (2 * np.pi)).tolist(),
        "selectivity": np.abs(mean).tolist(),
        "place": preferred.tolist(),
        "peak": tuning.max(axis=0).tolist(),
    }


PARTS: dict[str, tuple[str, Callable[[Path, Path], dict]]] = {
    "ring": (DIRECTION, ring),
    "held_out": (SESSION, held_out),
    "systems": (SESSION, systems),
}


def markdown(found: dict[str, dict], cache: Path) -> str:
    """The tables of the parts that are there."""
    titles = {"ring": "The ring of head direction", "held_out": "Fitted systems", "systems": "As systems"}
    tables = {"ring": _ring, "held_out": _held_out, "systems": _systems}
    return "\n\n".join(f"### {titles[name]}\n\n{tables[name](part, cache)}" for name, part in found.items())


def _ring(part: dict, cache: Path) -> str:
    rows = []
    for row in part["rows"]:
        null = f"{np.median(row['null']):.3f} ({np.min(row['null']):.3f} to {np.max(row['null']):.3f})"
        cells = [row["population"], row["n_units"], f"{row['seconds']:.0f}", f"{row['score']:.3f}", null]
        rows.append([*cells, f"{row['p_value']:.2f}", row["n_loops"], f"{row['second']:.2f}"])
    head = ["population", "units", "s", "longest loop", "of shifted units", "p", "loops above chance"]
    head += ["second loop, in the first"]
    read, near, order = part["read"], part["asleep"], part["order"]
    turned = np.exp(1j * (read["sign"] * np.array(order["place"]) - read["turn"] - np.array(order["direction"])))
    apart = np.degrees(np.abs(np.angle(turned)))
    said = [
        f"`{DIRECTION}`, bins of {FINE} s, smoothed with {SMOOTHING} s.",
        table(head, rows),
        f"Awake, the angle around the ring, turned by the first half of the time, is {read['median']:.1f} degrees "
        f"(median; mean {read['mean']:.1f}) from the measured head direction in the second half; shifted along time, "
        f"{read['shifted']:.1f} (least {read['least_shifted']:.1f}). Units' places on the ring are "
        f"{np.median(apart):.1f} degrees (at most {apart.max():.1f}) from the head directions that they prefer.",
        f"Asleep, activity is on average {near['distance']:.3f} from the nearest landmark of the ring seen awake; "
        f"units shifted against each other, {np.median(near['null']):.3f} ({np.min(near['null']):.3f} to "
        f"{np.max(near['null']):.3f}), p = {near['p_value']:.2f}.",
    ]
    return "\n\n".join(said)


def _held_out(part: dict, cache: Path) -> str:
    import xarray as xr

    result = xr.load_dataset(cache / "held_out.nc", engine="h5netcdf")
    measures = result["measure"].values.astype(str)
    rows = []
    for name in result["model"].values.astype(str):
        one, cells = result.sel(model=name), [name]
        for measure in measures:
            value, low, high = (float(one[key].sel(measure=measure)) for key in ("bits", "bits_low", "bits_high"))
            mark = "**" if float(one["above_low"].sel(measure=measure)) > 0 else ""
            cells.append(f"{mark}{value:.3f}{mark} ({low:.3f} to {high:.3f})")
        rows.append([*cells, f"{int(one['converged'].sum())} of {one.sizes['fold']}"])
    sizes, n_trials = part["sizes"], int((result["trial_fold"] >= 0).sum())
    head = ["model", "co-smoothing", "forward", "few-shot co-smoothing", "folds converged"]
    return (
        f"`{SESSION}`: the {PER_AREA} units that fire most of each of {', '.join(AREAS)} ({sizes['unit']} units), "
        f"{n_trials} trials of 0.4 s, bins of {BIN} s, {result.sizes['fold']} folds; "
        f"{part['n_columns']} columns of the GLM; 6 states of linear systems. Bits per spike and the 95 % interval "
        "over trials. **Bold**: better than the better baseline by an interval that lies above 0.\n\n"
        + table(head, rows)
    )


def _systems(part: dict, cache: Path) -> str:
    areas, rows = part["areas"], []
    for k, target in enumerate(areas):
        cells = [[network["strength"][k][j] for network in part["networks"]] for j in range(len(areas))]
        rows.append([f"into {target}", *(spread(values, 3) for values in cells)])
    explained = [network["explained"] for network in part["networks"]]
    ends = ", ".join(f"{network['passes']} passes ({network['status']})" for network in part["networks"])
    glm = part["glm"]
    said = (
        f"The coupled GLM of all trials ({glm['converged']:.0%} of units converged), run on its own spikes: "
        f"{glm['said']}.\n\nThe data-constrained network by itself explains {spread(explained, 3)} of the variance of "
        f"the smoothed rates (three seeds; {ends}). Its currents, root mean square over time and units "
        "(arbitrary units):"
    )
    return f"{said}\n\n{table(['', *(f'from {area}' for area in areas)], rows)}"


def draw_all(found: dict[str, dict], cache: Path, folder: Path) -> None:
    """A figure of each part, into ``fitted_<part>.png``."""
    sizes = {"ring": (11.0, 6.6), "held_out": (12.5, 4.6), "systems": (9.5, 3.6)}
    draws = {"ring": _draw_ring, "held_out": _draw_held_out, "systems": _draw_systems}
    for name, part in found.items():
        save(folder / f"fitted_{name}.png", sizes[name], lambda f, n=name, p=part: draws[n](p, cache, f))


def _draw_ring(part: dict, cache: Path, figure: Any) -> None:
    shown, read = part["shown"], part["read"]
    axes = figure.subplots(2, 3, width_ratios=(1, 1, 1.25)).ravel()
    awake, asleep = np.array(shown["position"]), np.array(shown["asleep"])
    place = (read["sign"] * np.array(shown["landmark_angle"]) - read["turn"]) % (2 * np.pi)
    around: dict[str, Any] = {"cmap": "hsv", "vmin": 0, "vmax": 2 * np.pi}
    for ax, points, colour, title in (
        (axes[0], awake, place, "awake: landmarks by angle"),
        (axes[3], asleep, MUTED, "asleep: landmarks"),
    ):
        start_axes(ax)
        ax.scatter(*points.T, c=colour, s=26, edgecolors="white", linewidths=0.4, **(around if ax is axes[0] else {}))
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xlabel("first axis of the distances")
        ax.set_ylabel("second axis")
        ax.set_title(title, loc="left", fontsize=9.5, color=INK)
    for ax, row in ((axes[1], part["rows"][0]), (axes[4], part["rows"][1])):
        start_axes(ax)
        ax.hist(row["null"], bins=np.arange(0, 0.46, 0.02), color=FAINT)
        ax.axvline(row["score"], color=COLOURS[0], linewidth=2)
        ax.set_xlabel("longest loop, in the greatest distance")
        ax.set_ylabel("populations of shifted units")
        ax.set_title(f"{row['population']}: p = {row['p_value']:.2g}", loc="left", fontsize=9.5, color=INK)
    ax = start_axes(axes[2])
    seconds, true = np.array(shown["seconds"]), np.array(shown["direction"])
    angle = (read["sign"] * np.array(shown["angle"], dtype=float) - read["turn"]) % (2 * np.pi)
    here = (seconds > 100) & (seconds < 160)
    ax.plot(seconds[here], np.degrees(true[here]), ".", color=FAINT, markersize=5, label="measured head direction")
    ax.plot(
        seconds[here], np.degrees(angle[here]), ".", color=COLOURS[0], markersize=2.5, label="angle around the ring"
    )
    ax.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=2)
    ax.set_yticks(range(0, 361, 90))
    ax.set_xlabel("time awake, s")
    ax.set_ylabel("degrees")
    ax = start_axes(axes[5])
    tuning = np.array(shown["tuning"])
    turned = (read["sign"] * np.array(shown["preferred"]) - read["turn"]) % (2 * np.pi)
    centre = (np.arange(tuning.shape[1]) + 0.5) * 2 * np.pi / tuning.shape[1]
    centre = (read["sign"] * centre - read["turn"]) % (2 * np.pi)
    order = np.argsort(centre)
    for unit in np.argsort(turned):
        rate = tuning[unit, order] / np.nanmax(tuning[unit])
        colour = colormaps["hsv"](turned[unit] / (2 * np.pi))
        ax.plot(np.degrees(centre[order]), rate, color=colour, linewidth=1.6)
    ax.set_xticks(range(0, 361, 90))
    ax.set_xlabel("angle around the ring, degrees")
    ax.set_ylabel("rate, in the unit's greatest")
    ax.set_title("units, awake", loc="left", fontsize=9.5, color=INK)


def _draw_held_out(part: dict, cache: Path, figure: Any) -> None:
    import xarray as xr

    from neurorec.plot import held_out_prediction

    result = xr.load_dataset(cache / "held_out.nc", engine="h5netcdf")
    measures = result["measure"].values.astype(str)
    for k, (ax, measure) in enumerate(zip(figure.subplots(1, len(measures)), measures, strict=True)):
        held_out_prediction(result, measure=measure, ax=ax)
        ax.set_xlabel(f"bits per spike: {SAID[measure]}")
        if k:
            ax.set_yticklabels([])


def _draw_systems(part: dict, cache: Path, figure: Any) -> None:
    import xarray as xr

    from neurorec.plot import currents_between_areas, variance_over_passes

    currents = xr.load_dataset(cache / "currents.nc", engine="h5netcdf")
    left, right = figure.subplots(1, 2, width_ratios=(1.3, 1))
    variance_over_passes(currents, ax=left)
    currents_between_areas(currents, ax=right)


def main() -> None:
    """Fit what is not in the cache, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for finished parts")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--parts", nargs="*", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--write", action="store_true", help="put tables and figures into docs/")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    for name in arguments.parts:
        file, part = PARTS[name]
        kept = arguments.cache / f"{name}.json"
        if not kept.exists() and not (arguments.data / file).exists():
            print(f"{name}: left out, as there is no {file} in {arguments.data}", file=sys.stderr)
            continue
        if not kept.exists():
            kept.write_text(json.dumps(part(arguments.data, arguments.cache)))
        found[name] = json.loads(kept.read_text())
    text = f"Measured {date.today().isoformat()}.\n\n{markdown(found, arguments.cache)}"
    print(text)
    if arguments.write:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
        draw_all(found, arguments.cache, DOCS.parent / "figures")


if __name__ == "__main__":
    main()

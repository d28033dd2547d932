"""Hard images: where recurrence helps to name them, and whether it takes time."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from neurorec.plot import (
    accuracy_by_level,
    accuracy_over_steps,
    explained_over_steps,
    image_examples,
    solution_differences,
)
from neurorec.report import Findings
from neurorec.study.classics.hard_images_claims import claims_of
from neurorec.study.classics.hard_images_learning import (
    BATCH,
    KINDS,
    MATCHED,
    MORE,
    N_STEPS,
    RECURRENT,
    UNITS,
    Kind,
    Sweeps,
    draw,
    learn_all,
    lesioned,
    look,
    n_weights,
)
from neurorec.study.classics.hard_images_measures import (
    DT,
    PEAK,
    Groups,
    Later,
    Timed,
    by_level,
    choose_images,
    compare_times,
    curves,
    decode_images,
    explain,
    group_time,
    level_names,
    record,
)
from neurorec.tasks import HardImages

_DOI = "10.1038/s41593-019-0392-5"
_EACH_DIGIT = 4  # test images of every test digit
CHOOSERS = {"weights": MATCHED, "units": UNITS}  # feedforward networks that choose the images they fail at


def show_hard_images(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show whether recurrence helps with hard images, against feedforward networks of several sizes, and when.

    Parameters
    ----------
    full : bool
        Ten seeds rather than five, 6,000 updates rather than 1,600, and three more kinds of networks; the trained
        networks are then kept in `folder`, from which an interrupted command goes on.
    seed : int
        The first of the seeds.
    folder : path, optional
        See above.
    n_jobs
        Not needed: minutes.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    Findings
    """
    if full:
        return measure_hard_images(
            KINDS | MORE, n_updates=6000, n_seeds=10, seed=seed, folder=folder, progress=progress
        )  # fmt: skip
    return measure_hard_images(KINDS, n_updates=1600, n_seeds=5, seed=seed, progress=progress)


def measure_hard_images(
    kinds: dict[str, Kind],
    *,
    n_updates: int,
    n_seeds: int,
    seed: int = 0,
    n_test: int | None = None,
    folder: Path | None = None,
    progress: bool = False,
) -> Findings:
    """The same with other numbers: kinds, updates, seeds, images of the test digits."""
    task = HardImages(part="test", duration=DT)
    n_test = _EACH_DIGIT * 497 if n_test is None else n_test
    trials = task.sample(n_test, rng=np.random.default_rng([seed, 4]))
    with tqdm(total=(len(kinds) + 3) * n_seeds, disable=None if progress else True, unit="network") as bar:
        networks = learn_all(
            kinds, n_updates=n_updates, n_seeds=n_seeds, seed=seed, folder=folder, step=bar.update
        )  # fmt: skip
        data = _accuracy(networks, trials, task, seed)
        seen = _Seen(networks, trials, seed)
        found = _over_time(seen, data, lambda: bar.update(3))
    data = {**data, **found}
    return Findings(
        "Recurrent against feedforward networks on hard images",
        "Does recurrence help to name images that are partly hidden or crowded, and does it take time?",
        _DOI,
        claims_of(data),
        {"hard_images": _figure(data, trials, task)},
        data,
        settings={
            "weights": "; ".join(f"{name}: {n_weights(sweeps[0])}" for name, sweeps in networks.items()),
            "maps": "; ".join(f"{name}: {kind.n_maps[0]} and {kind.n_maps[1]}" for name, kind in kinds.items()),
            "learning rates": "; ".join(f"{name}: {kind.rate:g}" for name, kind in kinds.items()),
            "seeds": n_seeds, "updates": n_updates, "images an update": BATCH, "steps": N_STEPS, "dt (s)": DT,
            "digits to learn from": 1000, "test images": n_test, "peak rate (spikes/s)": PEAK,
        },
        notes=[
            "Small digits (8 x 8) in images of 12 x 12; the papers use 32 x 32 and photographs. Images stand still.",
            "A step is called 10 ms so that times can be stated beside those of Kar and colleagues; nothing in the "
            "networks has that time constant.",
            "Learning rates: the best of 0.00125, 0.0025, 0.005 and 0.01 on validation digits, by seeds not used here.",
            "Intervals: 95 %, over seeds by Student's t; where said, seeds and digits resampled.",
        ],
    )  # fmt: skip


class _Seen(NamedTuple):
    networks: dict[str, list[Sweeps]]
    trials: xr.Dataset
    seed: int


def _accuracy(
    networks: dict[str, list[Sweeps]], trials: xr.Dataset, task: HardImages, seed: int
) -> dict[str, xr.Dataset]:
    """Who is right, by kind, seed and image; the recurrent networks by step, and without their recurrence."""
    due, level = trials["digit"].values, trials["level"].values
    right = np.array([[look(one, trials)[1][-1].argmax(-1) == due for one in many] for many in networks.values()])
    whole = np.array([look(one, trials)[1].argmax(-1) == due for one in networks[RECURRENT]])
    cut = np.array([look(lesioned(one), trials)[1][-1].argmax(-1) == due for one in networks[RECURRENT]])
    new = draw(KINDS[RECURRENT], rng=np.random.default_rng([seed, 5]))
    names = level_names(task.levels)
    coords = {
        "level": names,
        "network": list(networks),
        "time": ("time", DT * np.arange(1, whole.shape[1] + 1), {"units": "s"}),
    }
    images = xr.Dataset(
        {
            "right": (("network", "seed", "image"), right),
            "right_by_step": (("seed", "time", "image"), whole),
            "right_cut": (("seed", "image"), cut),
            "right_untrained": ("image", look(new, trials)[1][-1].argmax(-1) == due),
            "level_of": ("image", level),
            "source": ("image", trials["source"].values),
            "digit": ("image", due),
        },
        coords=coords,
    )
    levels = xr.Dataset(
        {
            "accuracy": (("network", "level", "seed"), np.swapaxes(by_level(right, level), 1, 2)),
            "by_step": (("level", "seed", "time"), np.moveaxis(by_level(whole, level), 2, 0)),
        },
        coords=coords,
    )
    return {"images": images, "levels": levels}


def _over_time(seen: _Seen, data: dict[str, xr.Dataset], step: Callable[[], object]) -> dict[str, xr.Dataset]:
    """Solution times and what is explained, of each seed's recurrent network, in images that the others chose."""
    images = data["images"]
    whole = images["right"].sel(network=RECURRENT).values
    chosen = {name: choose_images(images["right"].sel(network=kind).values, whole) for name, kind in CHOOSERS.items()}
    digit, source, level = (images[name].values for name in ("digit", "source", "level_of"))
    groups = chosen["weights"]
    timed, silent, compared, later, explained = [], [], [], [], []
    for k, one in enumerate(seen.networks[RECURRENT]):
        rng = np.random.default_rng([seen.seed, 6, k])
        counts = record(look(one, seen.trials)[0], rng=rng)
        timed.append(decode_images(counts, digit, source, rng=rng))
        silent.append(decode_images(record(look(lesioned(one), seen.trials)[0], rng=rng), digit, source, rng=rng))
        compared.append([x for each in chosen.values() for x in _compared(timed[-1], silent[-1], each, k, rng)])
        members = level == np.arange(int(level.max()) + 1)[:, None]
        accuracy = timed[-1].accuracy.mean(axis=0)
        later.append(group_time(accuracy, timed[-1].time, members.astype(float)))
        explained.append(
            [explain(f, counts, groups.control[k], groups.challenge[k], rng=rng) for f in _others(seen, k)]
        )
        step()
    shown = {
        "control": groups.control, "challenge (weights)": groups.challenge,
        "challenge (units)": chosen["units"].challenge,
    }  # fmt: skip
    return {
        "groups": _grouped(chosen, images),
        "decoded": curves(timed, shown),
        "decoded_cut": curves(silent, shown),
        "solution": _solution(compared, np.array(later), data["levels"]["level"].values),
        "explained": xr.Dataset(
            {"explained": (("features", "group", "seed", "time"), np.moveaxis(np.array(explained), 0, 2))},
            coords={
                "features": ["feedforward", "recurrent"], "group": ["all", "control", "challenge"],
                "time": images["time"],
            },
        ),
    }  # fmt: skip


def _compared(timed: Timed, silent: Timed, groups: Groups, k: int, rng: np.random.Generator) -> list[Later]:
    """Challenge less control: the network, the network in matched pairs, and without its recurrence."""
    pair = groups.control[k], groups.challenge[k]
    ways = ((timed, False), (timed, True), (silent, False))
    return [compare_times(found, *pair, matched=matched, rng=rng) for found, matched in ways]


def _others(seen: _Seen, k: int) -> list[NDArray]:
    """Top-layer units of the next seed's feedforward network, and of its recurrent one in the last step."""
    n = len(seen.networks[RECURRENT])
    return [look(seen.networks[name][(k + 1) % n], seen.trials)[0][-1] for name in (MATCHED, RECURRENT)]


def _grouped(chosen: dict[str, Groups], images: xr.Dataset) -> xr.Dataset:
    """Accuracy ``(chooser, group, network, seed)`` in images that other seeds chose, and which they are."""
    first = images["right_by_step"].isel(time=0).values
    right = np.concatenate([images["right"].values, first[None]])
    names = [*images["network"].values, "recurrent, first sweep"]
    member = np.array([[groups.challenge, groups.control] for groups in chosen.values()])
    hits = np.einsum("cgsi,nsi->cgns", member.astype(float), right.astype(float))
    count = member.sum(axis=-1)[:, :, None]
    over = ("chooser", "group", "network", "seed")
    return xr.Dataset(
        {
            "accuracy": (over, np.divide(hits, count, out=np.full(hits.shape, np.nan), where=count > 0)),
            "member": (("chooser", "group", "seed", "image"), member),
        },
        coords={"chooser": list(chosen), "group": ["challenge", "control"], "network": names},
    )


def _solution(compared: list[list[Later]], later: NDArray, levels: NDArray) -> xr.Dataset:
    columns = {
        name: (("comparison", "seed"), np.array([[getattr(one, name) for one in row] for row in compared]).T)
        for name in ("difference", "low", "high")
    }
    count = np.array([[one.n_images for one in row] for row in compared]).transpose(1, 0, 2)
    names = [f"{name},\n{way}" for name in CHOOSERS for way in ("all", "matched", "cut")]
    return xr.Dataset(
        {**columns, "n_images": (("comparison", "seed", "group"), count), "by_level": (("level", "seed"), later.T)},
        coords={"comparison": names, "group": ["control", "challenge"], "level": levels},
    )


def _figure(data: dict[str, xr.Dataset], trials: xr.Dataset, task: HardImages) -> tuple[Figure, str]:
    figure = Figure(figsize=(12.8, 7.0), layout="constrained")
    axes = figure.subplots(2, 3, width_ratios=(0.95, 1.1, 1.1)).ravel()
    image_examples(_examples(trials, task), ax=axes[0])
    accuracy_by_level(data["levels"], ax=axes[1])
    steps = data["levels"]["by_step"].rename(level="group").to_dataset(name="accuracy")
    accuracy_over_steps(steps, ax=axes[2])
    accuracy_over_steps(data["decoded"], ax=axes[3])
    solution_differences(data["solution"], ax=axes[4])
    explained_over_steps(data["explained"].sel(group=["control", "challenge"]), ax=axes[5])
    titles = (
        "test images", "answers at the end", "the recurrent network's answers", "decoded from its spikes",
        "solution times", "explained by another network's units",
    )  # fmt: skip
    for ax, title in zip(axes, titles):
        ax.set_title(title, fontsize=9.5)
    said = (
        "Recurrence and hard images. Above: images; fraction named right by kind of network, a dot per seed; the "
        "recurrent network's answers step by step (band: a standard error over seeds). Below, images that other "
        "seeds' feedforward networks (of as many weights, or units) fail at and recurrent ones solve (challenge), or "
        "both solve (control): decoded from spikes of the recurrent network's top layer; how much later challenge "
        "images are solved, a dot per network with its interval over images, also of pairs with the same plateau "
        "(matched) and with recurrence cut; how well units of another seed's network explain its responses."
    )
    return figure, said


def _examples(trials: xr.Dataset, task: HardImages, *, n: int = 5) -> xr.Dataset:
    level = trials["level"].values
    rows = [np.flatnonzero(level == k)[:n] for k in range(len(task.levels))]
    few = min(len(row) for row in rows)
    image = np.stack([trials["inputs"].values[row[:few], 0] for row in rows])
    image = image.reshape(*image.shape[:2], task.side, task.side)
    return xr.Dataset(
        {"image": (("level", "example", "row", "column"), image)}, coords={"level": level_names(task.levels)}
    )

"""What networks on hard images showed, claim by claim; each rule for "agrees" is that an interval leaves 0 out."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurorec.report import Claim
from neurorec.study.classics.hard_images_learning import DEEP, MATCHED, RECURRENT, UNITS
from neurorec.study.classics.hard_images_measures import Spread, crossed_interval, over_seeds

_SPOERER, _TANG, _KAR = (
    "doi:10.3389/fpsyg.2017.01551",
    "doi:10.1073/pnas.1719397115",
    "doi:10.1038/s41593-019-0392-5",
)


def claims_of(data: dict[str, xr.Dataset]) -> list[Claim]:
    """Claims from what was measured: accuracy, accuracy over steps, challenge images, solution times, predictivity."""
    return [
        *_of_kinds(data["images"]),
        *_of_steps(data["images"]),
        *_of_groups(data["groups"], data["images"]),
        *_of_times(data["solution"]),
        *_of_predictivity(data["explained"]),
    ]


def _of_kinds(images: xr.Dataset) -> list[Claim]:
    """The recurrent network less each other kind, in hard images and in clear ones."""
    hard = images["level_of"].values > 0
    right = images["right"].astype(float)
    whole, claims = right.sel(network=RECURRENT).values, []
    for name in images["network"].values:
        claims.append(_said(f"{name}: hard images named right", right.sel(network=name).values[:, hard].mean(axis=1)))
    wanted = {UNITS: ("above 0", _SPOERER), MATCHED: ("above 0", _SPOERER)}
    for name in (name for name in images["network"].values if name != RECURRENT):
        gain = whole - right.sel(network=name).values
        low, high = crossed_interval(gain[:, hard], images["source"].values[hard], rng=np.random.default_rng(0))
        published, source = wanted.get(str(name), ("not published", "calculated"))
        holds = low > 0 if name in wanted else None
        what = f"recurrent less {name}, hard images ({_span(low, high)}, seeds and digits resampled)"
        claims.append(Claim(what, float(gain[:, hard].mean()), published, source, holds))
        clear = gain[:, ~hard].mean(axis=1)
        claims.append(_said("... clear images", clear))
        if name in wanted:
            more = over_seeds(gain[:, hard].mean(axis=1) - clear)
            what = f"... gain in hard less that in clear images ({more})"
            claims.append(Claim(what, more.mean, "above 0", _SPOERER, _above(more)))
    return claims


def _of_steps(images: xr.Dataset) -> list[Claim]:
    """The recurrent network's last step less its first sweep; its recurrence cut; untrained."""
    hard = images["level_of"].values > 0
    steps = images["right_by_step"].astype(float).transpose("seed", "time", "image").values
    gain = steps[:, -1] - steps[:, 0]
    by_seed = gain[:, hard].mean(axis=1)
    more, rise = over_seeds(by_seed - gain[:, ~hard].mean(axis=1)), over_seeds(by_seed)
    cut = over_seeds(images["right_cut"].astype(float).values[:, hard].mean(axis=1))
    untrained = float(images["right_untrained"].values[hard].mean())
    whole = over_seeds(steps[:, -1][:, hard].mean(axis=1))
    return [
        Claim(f"recurrent, last step less first, hard images ({rise})", rise.mean, "above 0", _TANG, _above(rise)),
        _said("... clear images", gain[:, ~hard].mean(axis=1)),
        Claim(f"... more in hard than in clear images ({more})", more.mean, "above 0", _TANG, _above(more)),
        Claim(
            f"recurrent kernels cut after training, hard images ({cut})", cut.mean, f"below {whole.mean:.3f}, uncut",
            "control", cut.high < whole.low,
        ),
        Claim("untrained, hard images", untrained, "0.1", "theory", abs(untrained - 0.1) < 0.05),
    ]  # fmt: skip


def _of_groups(groups: xr.Dataset, images: xr.Dataset) -> list[Claim]:
    """Challenge images, chosen by other seeds' recurrent networks and feedforward ones of as many weights, or units."""
    claims = []
    for chooser, kind in (("weights", MATCHED), ("units", UNITS)):
        at = groups.sel(chooser=chooser, group="challenge")
        what = f"images that other seeds choose as challenge, feedforward ones of as many {chooser}: share"
        claims.append(_said(what, at["member"].mean("image").values))
        for name in (RECURRENT, "recurrent, first sweep", kind, DEEP):
            what = f"... of these ({chooser}) named right by a new seed: {name}"
            claims.append(_said(what, at["accuracy"].sel(network=name).values))
        gain = images["right"].sel(network=RECURRENT).astype(float) - images["right"].sel(network=kind)
        inside = np.where(at["member"].values, gain.values, np.nan)
        low, high = crossed_interval(inside, images["source"].values, rng=np.random.default_rng(1))
        what = f"... recurrent less {kind} ({_span(low, high)}, seeds and digits resampled)"
        claims.append(Claim(what, float(np.nanmean(inside)), "above 0", _KAR, low > 0))
    return claims


def _of_times(solution: xr.Dataset) -> list[Claim]:
    """Challenge images are solved later, also at the same plateau; not so without recurrence."""
    claims = []
    for chooser in ("weights", "units"):
        names = [f"{chooser},\n{way}" for way in ("all", "matched", "cut")]
        found = [over_seeds(solution["difference"].sel(comparison=name).values) for name in names]
        count = [int(solution["n_images"].sel(comparison=name, group="challenge").sum()) for name in names]
        start = f"challenge images ({chooser}) solved later than control images, s"
        what = f"{start} ({found[0]}; {count[0]} in all seeds)"
        claims.append(Claim(what, found[0].mean, "above 0; 0.03 in IT", _KAR, _above(found[0])))
        what = f"... of pairs with the same plateau, s ({found[1]}; {count[1]})"
        claims.append(Claim(what, found[1].mean, "above 0", _KAR, _above(found[1])))
        what = f"... with recurrent kernels cut, s ({found[2]})"
        none = _known(found[2], found[2].low <= 0 <= found[2].high)
        claims.append(Claim(what, found[2].mean, "0", "control", none))
        whole, cut = (solution["difference"].sel(comparison=name).values for name in (names[0], names[2]))
        more = over_seeds(whole - cut)
        claims.append(Claim(f"... whole less cut, s ({more})", more.mean, "above 0", "control", _above(more)))
    level = solution["by_level"].transpose("level", "seed").values
    for k, name in list(enumerate(solution["level"].values))[1:]:
        later = over_seeds(level[k] - level[0])
        what = f"{name}: solved later than clear images, s ({later})"
        claims.append(Claim(what, later.mean, "above 0", _KAR, _above(later)))
    return claims


def _of_predictivity(explained: xr.Dataset) -> list[Claim]:
    """Feedforward units explain late responses worse than early ones, more so for challenge images."""
    value = explained["explained"].transpose("features", "group", "seed", "time")
    early, late = value.isel(time=0), value.isel(time=slice(-2, None)).mean("time")
    change = late - early
    claims = []
    for name, published in (("feedforward", "below 0"), ("recurrent", "not below 0")):
        claims.append(
            _said(f"first response, share explained by {name} units", early.sel(features=name, group="all").values)
        )
        fall = over_seeds(change.sel(features=name, group="all").values)
        holds = _known(fall, fall.high < 0 if name == "feedforward" else fall.high >= 0)
        claims.append(Claim(f"... late less early ({fall})", fall.mean, published, _KAR, holds))
        pair = change.sel(features=name)
        more = over_seeds((pair.sel(group="challenge") - pair.sel(group="control")).values)
        published, holds = (
            ("below 0", _known(more, more.high < 0)) if name == "feedforward" else ("not published", None)
        )
        what = f"... late less early, challenge less control images ({more})"
        claims.append(Claim(what, more.mean, published, _KAR if name == "feedforward" else "calculated", holds))
    return claims


def _said(what: str, values: NDArray, published: str = "") -> Claim:
    """What is stated and not judged, with its interval over seeds."""
    found = over_seeds(values)
    return Claim(f"{what} ({found})", found.mean, published or "not published", "calculated")


def _above(found: Spread) -> bool | None:
    """Whether an interval lies above 0; nothing is said where there is none."""
    return _known(found, found.low > 0)


def _known(found: Spread, holds: bool) -> bool | None:
    return holds if np.isfinite(found.low) else None


def _span(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}".replace("-", "−")

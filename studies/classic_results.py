"""What the literature says should come out of trained networks, and what does: tables and figures.

    python studies/classic_results.py --cache CACHE --write

Progress goes to the error stream, the tables to the output, and with --write into docs/classic_results.md, the figures
into docs/figures/. Every part is kept in the folder --cache as it is done. The files do not know the version of the
package: take a new folder when it has changed. Tables and figures are made by classic_reporting.py.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from neurorec.networks import System
    from neurorec.tasks import Task

DOCS = Path(__file__).parents[1] / "docs" / "classic_results.md"
BEGIN, END = "<!-- classics: begin -->", "<!-- classics: end -->"
SEEDS = (0, 1, 2)
FOLLOWED = ("inside_quotes", "depth", "depth_behind")
NEVER = 2.0  # a criterion no score reaches


@dataclass(frozen=True)
class Repeated:
    """A task of which all trials are the same few, as where one text is read again and again."""

    task: "Task"
    n_trials: int = 1
    seed: int = 0
    kept: dict = field(default_factory=dict, repr=False, compare=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "task"), name)

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> "xr.Dataset":
        """The same trials, over and over."""
        if "trials" not in self.kept:
            self.kept["trials"] = self.task.sample(self.n_trials, rng=np.random.default_rng(self.seed))
        return self.kept["trials"].isel(trial=np.arange(n_trials) % self.n_trials)


def learn(task: Any, build: Callable[[np.random.Generator], "System"], *, seeds: tuple = SEEDS, **settings: Any) -> Any:
    """Train, quietly."""
    from neurorec.training import TrainingSettings, train

    chosen = {"learning_rate": 3e-3, "check_every": 50, **settings}
    return train(task, build, settings=TrainingSettings(**chosen), seeds=seeds, progress=False)


def builder(kind: str, task: "Task", n_units: int) -> Callable[[np.random.Generator], "System"]:
    """A function that draws a network of a kind for a task; "weak start" begins with weak recurrent weights."""
    from neurorec.networks import Elman, build_network, with_readout

    n_in, n_out = len(task.input_names), len(task.output_names)

    def build(rng: np.random.Generator) -> "System":
        if kind == "elman, weak start":
            return with_readout(Elman.random(n_in, n_units, gain=0.5, start="gaussian", rng=rng), n_out, rng=rng)
        return build_network(kind.removesuffix(", slow"), n_in, n_out, n_units=n_units, dt=task.dt, rng=rng)

    return build


def xor() -> dict:
    """Elman 1990: the squared error falls at every third bit."""
    from scipy.special import expit

    from neurorec.networks import Elman, with_readout
    from neurorec.tasks import TemporalXOR
    from neurorec.training import evaluate

    task = TemporalXOR(n_triples=1000)
    test = task.sample(4, rng=np.random.default_rng(99))
    cases = {
        "2 sigmoid units, one step": (2, "sigmoid", (1, 1)),
        "20 tanh units, one step": (20, "tanh", (1, 1)),
        "20 tanh units, all the way": (20, "tanh", None),
    }
    passes, out = 1500, {}
    for name, (n_units, form, window) in cases.items():

        def build(rng: np.random.Generator, n: int = n_units, form: Any = form) -> "System":
            return with_readout(Elman.random(1, n, nonlinearity=form, rng=rng), 1, rng=rng)

        how = {"n_steps": passes, "batch": 1, "n_held_out": 1, "learning_rate": 1e-2, "criterion": NEVER}
        found = learn(Repeated(task), build, window=window, check_every=250, **how)
        error, right = [], []
        for network in found.networks:
            said = evaluate(network, task, test).outputs
            squared = (expit(said) - test["targets"].values)[..., 0] ** 2
            error.append(squared.mean(axis=0).reshape(-1, 12).mean(axis=0).tolist())
            right.append(task.score(test, said))
        out[name] = {"error": error, "right": right}
    rule = {"place unknown": [5 / 18, 5 / 18, 1 / 9], "place known": [0.25, 0.25, 0.0]}
    return {"cases": out, "rule": rule, "passes": passes, "bits": 3 * task.n_triples}


def reber() -> dict:
    """Cleeremans et al. 1989: only legal letters are predicted, and the hidden states are the nodes."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.metrics import adjusted_rand_score

    from neurorec.networks import simulate
    from neurorec.tasks import Reber
    from neurorec.training import evaluate

    task, n_units, n_steps = Reber(), 15, 2000
    build = builder("elman", task, n_units)
    found = learn(task, build, n_steps=n_steps, window=(1, 1), criterion=NEVER)
    test = task.sample(300, rng=np.random.default_rng(99))
    networks = {
        "trained": found.networks,
        "before": tuple(build(np.random.default_rng(seed)) for seed in SEEDS),
    }
    rows, tree = [], {}
    for name, group in networks.items():
        for seed, network in zip(SEEDS, group, strict=True):
            recording = simulate(network, test, noise=False, rng=np.random.default_rng(0))
            states, node = recording["activity"].values.astype(float), recording["node"].values
            joined = linkage(states, method="average")
            row = {"network": name, "seed": seed, "score": evaluate(network, task, test).score}
            for n_clusters in (6, 12, 24):
                cluster = fcluster(joined, n_clusters, criterion="maxclust")
                row[f"rand_{n_clusters}"] = float(adjusted_rand_score(node, cluster))
                most = sum(np.bincount(node[cluster == c]).max() for c in np.unique(cluster))
                row[f"purity_{n_clusters}"] = float(most / node.size)
            rows.append(row)
            if name == "trained" and seed == 0:
                some = np.random.default_rng(1).choice(node.size, 70, replace=False)
                tree = {"states": states[some].tolist(), "node": node[some].tolist()}
    return {"rows": rows, "tree": tree, "n_states": int(test["mask"].sum()), "n_units": n_units, "n_steps": n_steps}


def embedded() -> dict:
    """Cleeremans et al. 1989, Hochreiter & Schmidhuber 1997: the embedded grammar."""
    from neurorec.tasks import EmbeddedReber
    from neurorec.training import evaluate

    task, n_units, n_steps, rows = EmbeddedReber(), 20, 1500, []
    test = task.sample(2000, rng=np.random.default_rng(99))
    for kind in ("elman", "lstm"):
        for window in ((1, 1), None):
            found = learn(task, builder(kind, task, n_units), n_steps=n_steps, window=window)
            seen = [evaluate(network, task, test) for network in found.networks]
            row = {"network": kind, "back": "one step" if window else "all the way"}
            row |= {"score": [one.score for one in seen], "steps": found.curve["n_steps"].values.tolist()}
            row["legal"] = [task.legal_steps(test, one.outputs) for one in seen]
            rows.append(row)
    return {"rows": rows, "n_units": n_units, "n_steps": n_steps, "chance": task.chance}


def gaps() -> dict:
    """Bengio et al. 1994, Hochreiter & Schmidhuber 1997: one symbol over gaps of growing length."""
    from neurorec.tasks import CopyMemory

    n_units, n_steps, taps, rows = 24, 3000, 20, []
    kinds = {"lstm": 3e-3, "elman": 3e-3, "elman, slow": 1e-3, "elman, weak start": 3e-3, "tapped_delay": 3e-3}
    for gap in (5, 10, 18, 20, 50, 100):
        task = CopyMemory(n_symbols=4, n_items=1, gap=gap * 0.1)
        for kind, rate in kinds.items():
            build, most = builder(kind, task, n_units), 1500 if kind == "tapped_delay" else n_steps
            found = learn(task, build, n_steps=most, batch=32, n_held_out=500, learning_rate=rate)
            score, steps = (found.curve[name].values.tolist() for name in ("test_score", "n_steps"))
            rows.append({"gap": gap, "network": kind, "score": score, "steps": steps})
            print(f"gap of {gap}, {kind}: {score}", file=sys.stderr, flush=True)
    return {"rows": rows, "chance": 0.25, "n_units": n_units, "n_steps": n_steps, "taps": taps}


def evidence() -> dict:
    """Shadlen & Newsome 2001: choices against coherence, beside the ideal observer's."""
    from neurorec.tasks import NoisyEvidence
    from neurorec.training import evaluate

    n_units, n_steps, rows = 32, 1000, []
    for noise in (0.15, 0.3, 0.6):
        task = NoisyEvidence(noise=noise)
        how = {"n_steps": n_steps, "schedule": "cosine", "n_held_out": 2000, "criterion": NEVER}
        found = learn(task, builder("leaky", task, n_units), **how)
        test = task.sample(6000, rng=np.random.default_rng(99))
        coherence, ideal = test["coherence"].values, np.sqrt(task.stimulus) / noise
        row: dict[str, Any] = {
            "noise": noise,
            "best": task.best,
            "score": [],
            "ratio": [],
            "quiet": [],
            "bias": [],
            "right": [],
        }
        for network in found.networks:
            for own, name in ((True, "ratio"), (False, "quiet")):
                seen = evaluate(network, task, test, noise=own, seed=7)
                chose = (seen.outputs * test["mask"].values[..., None]).sum(axis=(1, 2)) > 0
                offset, slope = probit(coherence, chose)
                row[name].append(slope / ideal)
                if own:
                    row["bias"].append(-offset / slope)
                    shown = task.psychometric(test, seen.outputs)
                    row["score"].append(seen.score)
                    row["right"].append(shown["right"].values.tolist())
        shown = task.psychometric(test, np.zeros_like(test["targets"].values))
        row |= {"coherence": shown["coherence"].values.tolist(), "ideal": shown["ideal"].values.tolist()}
        summed = test["inputs"].values[..., 0].sum(axis=1)
        row["observer"] = probit(coherence, summed > 0)[1] / ideal
        rows.append(row)
    return {"rows": rows, "n_units": n_units, "n_steps": n_steps, "n_trials": 6000}


def probit(coherence: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """a and b of ``P(right) = Phi(a + b c)``."""
    from statsmodels.api import Probit, add_constant

    a, b = Probit(right.astype(float), add_constant(coherence)).fit(disp=0).params
    return float(a), float(b)


def characters() -> dict:
    """Karpathy et al. 2015: units that follow quotes and brackets."""
    from neurorec.decoding import tracking_units
    from neurorec.networks import simulate
    from neurorec.tasks import CharacterPrediction, bracketed_text
    from neurorec.training import evaluate

    task, n_units, n_steps = CharacterPrediction(), 64, 1500
    text = bracketed_text(20_000, rng=np.random.default_rng(1))
    other = CharacterPrediction(text, n_characters=120, vocabulary="".join(task.input_names))
    build = builder("lstm", task, n_units)
    found = learn(task, build, n_steps=n_steps, batch=32, criterion=NEVER)
    test = with_memory_alone(other.sample(150, rng=np.random.default_rng(99)), other)
    groups = {"trained": found.networks, "before": tuple(build(np.random.default_rng(seed)) for seed in SEEDS)}
    rows, shown = [], {}
    for name, group in groups.items():
        for seed, network in zip(SEEDS, group, strict=True):
            recording = simulate(network, test, rng=np.random.default_rng(0))
            track = tracking_units(recording, list(FOLLOWED), rng=np.random.default_rng(1))
            for signal in track["signal"].values:
                one, held = track.sel(signal=signal), track["held_out"].sel(signal=signal)
                row = {"network": name, "seed": seed, "signal": str(signal)}
                row |= {"score": evaluate(network, other, test).score, "null": float(one["null_95"])}
                row |= {"best": one["best_correlation"].values.tolist(), "unit": one["best_unit"].values.tolist()}
                row |= {"p": float(one["best_p_value"][0]), "held_out": float(held.mean()), "least": float(held.min())}
                rows.append(row)
            if name == "trained" and seed == 0:
                shown = stretch(recording, test, track, other)
    facts = {"n_units": n_units, "n_steps": n_steps, "criterion": other.criterion, "n_shuffles": 200}
    return {"rows": rows, "stretch": shown, "n_behind": int(np.isfinite(test["depth_behind"].values).sum()), **facts}


def with_memory_alone(trials: "xr.Dataset", task: "Task") -> "xr.Dataset":
    """Trials with ``depth_behind``: the depth where what has been closed is one to two characters behind.

    Such stretches as ``) a`` do not tell, by any character since, what is open still.
    """
    letter = np.array(task.input_names)[trials["inputs"].values.argmax(axis=-1)]
    quotes = trials["inside_quotes"].values
    closed = np.isin(letter, list(")]")) | ((letter == '"') & ~quotes)
    behind = np.zeros_like(closed)
    for lag in (1, 2):
        behind[:, lag:] |= closed[:, :-lag]
    behind &= np.isin(letter, list(" a"))
    depth = trials["depth"].values
    return trials.assign(depth_behind=(("trial", "time"), np.where(behind, depth, np.nan)))


def stretch(recording: "xr.Dataset", test: "xr.Dataset", track: "xr.Dataset", task: "Task") -> dict:
    """The best units' activity over the trial in which both signals change most, character by character."""
    changes = [
        sum(np.count_nonzero(np.diff(test[name].values[row].astype(int))) for name in ("inside_quotes", "depth"))
        for row in range(test.sizes["trial"])
    ]
    row = changes.index(max(changes))
    here = recording["trial_id"].values == row
    out: dict[str, Any] = {"text": [task.input_names[k] for k in test["inputs"].values[row].argmax(axis=-1)]}
    for name in ("inside_quotes", "depth"):
        unit = int(track["best_unit"].sel(signal=name, rank=1))
        out[name] = recording[name].values[here].astype(float).tolist()
        out[f"{name}_unit"] = [unit, recording["activity"].sel(unit=unit).values[here].astype(float).tolist()]
    return out


def loop() -> dict:
    """Trained networks through the analysis of recordings: what partners explain of each unit."""
    from functools import partial

    from neurorec.networks import DelayFeedforward, Leaky, with_readout
    from neurorec.tasks import NoisyEvidence

    task, n_units, taps, rows = NoisyEvidence(noise=0.3), 16, 20, []
    facts = {"n_units": n_units, "n_trials": 200, "rate": 80.0, "reach": taps * task.dt, "evidence_noise": task.noise}

    def leaky(rng: np.random.Generator, noise: float) -> "System":
        return with_readout(Leaky.random(2, n_units, noise=noise, rng=rng), 1, rng=rng)

    builders: dict[tuple[str, float], Callable] = {
        **{("leaky", noise): partial(leaky, noise=noise) for noise in (0.0, 0.1, 0.5)},
        ("delay_feedforward", 0.0): lambda rng: DelayFeedforward.random(2, n_units, 1, taps=taps, rng=rng),
    }
    for (kind, noise), build in builders.items():
        found = learn(task, build, n_steps=600, criterion=NEVER)
        for seed, network in zip(SEEDS, found.networks, strict=True):
            for row in benefits(network, task, seed, facts):
                rows.append({"network": kind, "noise": noise, "seed": seed, **row})
                said = f"{kind}, noise {noise}, seed {seed}, {row['known']}: {np.median(row['benefit']):.4f}"
                print(said, file=sys.stderr, flush=True)
    return {"rows": rows, "best": task.best, **facts}


def benefits(network: "System", task: Any, seed: int, facts: dict) -> list[dict]:
    """The benefit of recurrence of a network's units, with more and more of the inputs among the task's columns."""
    from neurorec.design import Basis, Coupling, Event, History, Signal, design_matrix, raised_cosine
    from neurorec.networks import simulate
    from neurorec.recurrence import recurrence_benefit
    from neurorec.training import evaluate

    rng, dt = np.random.default_rng([seed, 5]), task.dt
    score = evaluate(network, task, task.sample(4000, rng=np.random.default_rng(99)), seed=7).score
    trials = task.sample(facts["n_trials"], rng=rng)
    so_far = np.cumsum(trials["inputs"].values[..., 0], axis=1) * dt
    trials = trials.assign(evidence_so_far=(("trial", "time"), so_far))
    recording = simulate(network, trials, peak_rate=facts["rate"], rng=rng)
    side = Event("start", raised_cosine(8, window=(0.0, 1.28)), by=("side",))
    window, past = (0.0, facts["reach"] - dt), raised_cosine(3, window=(dt, 0.1), spacing="log")
    each = Signal("inputs", Basis("boxcar", round(facts["reach"] / dt), window))
    inputs = {
        "smooth": [Signal("inputs", raised_cosine(8, window=window))],
        "every step": [each],
        "every step and the sum": [each, Signal("evidence_so_far")],
    }
    rows = []
    for known, terms in inputs.items():
        design = design_matrix(recording, [side, *terms, History(past), Coupling(past)])
        result = recurrence_benefit(recording, design, steps=["coupled", "shuffled"], progress=False)
        row = {name: result[name].values.tolist() for name in ("benefit", "benefit_shuffled")}
        row["task"] = result["unit_fde"].sel(model="uncoupled").values.tolist()
        rows.append({"known": known, "score": score, "significant": int(result["significant"].sum()), **row})
    return rows


PARTS: dict[str, Callable[[], dict]] = {
    "xor": xor,
    "reber": reber,
    "embedded": embedded,
    "gaps": gaps,
    "evidence": evidence,
    "characters": characters,
    "loop": loop,
}


def main() -> None:
    """Train what is not in the cache, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for finished parts")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=tuple(PARTS),
        default=tuple(PARTS),
        help="others are shown if they are in the cache",
    )
    parser.add_argument("--write", action="store_true", help="put tables and figures into docs/")
    arguments = parser.parse_args()
    from classic_reporting import draw_all, markdown
    from tqdm import tqdm

    arguments.cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in tqdm(PARTS, file=sys.stderr, unit="part"):
        kept = arguments.cache / f"{name}.json"
        if not kept.exists() and name in arguments.parts:
            kept.write_text(json.dumps(PARTS[name]()))
        if kept.exists():
            found[name] = json.loads(kept.read_text())
    text = f"Measured {date.today().isoformat()}, seeds {', '.join(map(str, SEEDS))}.\n\n{markdown(found)}"
    print(text)
    if arguments.write:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
        draw_all(found, DOCS.parent / "figures")


if __name__ == "__main__":
    main()

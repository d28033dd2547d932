"""Few data, and other data: reservoirs beside networks that are trained throughout."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from tqdm import tqdm

from neurorec.networks import Reservoir, System, build_network
from neurorec.plot import score_against_trials
from neurorec.report import Claim, Findings
from neurorec.tasks import DelayedMatchToSample, Loss, NoisyEvidence, Task
from neurorec.training import TrainingSettings, evaluate, train, train_readout

_DOI = "10.1038/s41467-021-25801-2"
# what a reservoir is drawn with: folds of the trials it learns from choose one
CHOICES: tuple[dict[str, float], ...] = (
    {"leak": 0.2, "spectral_radius": 1.0, "input_scaling": 1.0},
    {"leak": 0.5, "spectral_radius": 1.0, "input_scaling": 0.5},
)
TRAINED = ("leaky", "gru")
KEPT = 0.25  # share of the trials on which trained networks are looked at rather than trained
N_LOOK = 101  # trials of a look; a number that no batch has
SETTINGS = TrainingSettings(
    n_steps=600, batch=32, learning_rate=3e-3, check_every=50, n_held_out=N_LOOK, patience=8, criterion=1.0
)


class Setting(NamedTuple):
    """A task to learn, and another to be tried on."""

    task: Task
    other: Task
    said: str  # what is other


SETTINGS_OF: dict[str, Setting] = {
    "delayed match": Setting(
        DelayedMatchToSample(dt=0.05, noise=0.1), DelayedMatchToSample(dt=0.05, noise=0.1, delay=(1.5, 2.0)),
        "delays of 1.5 to 2 s rather than 0.4 to 1 s",
    ),
    "noisy evidence": Setting(
        NoisyEvidence(dt=0.05), NoisyEvidence(dt=0.05, stimulus=3.0), "evidence for 3 s rather than 1 s"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """A task of which there are so many trials and no more.

    `train` asks for `N_LOOK` trials, and four times as many, to look at and to confirm: these are of a quarter that is
    kept for it; all others are of the rest. Trials are drawn again and again.

    Parameters
    ----------
    task : Task
        Whose trials they are.
    trials : xarray.Dataset
        All there are.
    """

    task: Task
    trials: xr.Dataset

    loss: ClassVar[Loss] = "squared"
    score_name: ClassVar[str] = "score of the task"

    @property
    def dt(self) -> float:
        """The task's, s."""
        return self.task.dt

    @property
    def input_names(self) -> tuple[str, ...]:
        """The task's."""
        return self.task.input_names

    @property
    def output_names(self) -> tuple[str, ...]:
        """The task's."""
        return self.task.output_names

    @property
    def chance(self) -> float:
        """The task's."""
        return self.task.chance

    @property
    def best(self) -> float:
        """The task's."""
        return self.task.best

    @property
    def criterion(self) -> float:
        """The task's."""
        return self.task.criterion

    def sample(self, n_trials: int, *, rng: np.random.Generator) -> xr.Dataset:
        """Draw trials with replacement."""
        there = self.trials.sizes["trial"]
        kept = max(2, round(KEPT * there))
        low, high = (0, kept) if n_trials in (N_LOOK, 4 * N_LOOK) else (kept, there)
        return self.trials.isel(trial=rng.integers(low, high, n_trials))

    def score(self, trials: xr.Dataset, outputs: ArrayLike) -> float:
        """As the task does."""
        return self.task.score(trials, outputs)

    def psychometric(self, trials: xr.Dataset, outputs: ArrayLike) -> xr.Dataset:
        """As the task does."""
        return self.task.psychometric(trials, outputs)


def show_few_data(
    *, full: bool = False, seed: int = 0, folder: Path | None = None, n_jobs: int | None = None, progress: bool = False
) -> Findings:
    """Show how well reservoirs and trained networks do, by the trials they learnt from, on these and on other trials.

    Parameters
    ----------
    full : bool
        Twenty draws of everything rather than six, and up to 1024 trials rather than 256.
    seed : int
        From which everything is drawn.
    folder
        Not needed: minutes.
    n_jobs : int, optional
        Threads of the training.
    progress : bool
        Show a bar where standard error is a terminal.

    Returns
    -------
    Findings
    """
    sizes = (16, 64, 256, 1024) if full else (16, 64, 256)
    return measure_few_data(sizes, n_seeds=20 if full else 6, seed=seed, n_jobs=n_jobs, progress=progress)


def measure_few_data(
    sizes: tuple[int, ...],
    *,
    n_seeds: int,
    seed: int = 0,
    n_units: int = 64,
    n_reservoir: int = 300,
    n_test: int = 1000,
    settings: TrainingSettings = SETTINGS,
    tasks: dict[str, Setting] = SETTINGS_OF,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Findings:
    """The same with other numbers: trials, draws, units."""
    seeds = [seed + k for k in range(n_seeds)]
    learners = ("reservoir", *TRAINED)
    score = np.empty((len(tasks), len(learners), 2, len(sizes), n_seeds))
    with tqdm(total=len(tasks) * len(sizes) * n_seeds * 3, disable=None if progress else True, unit="network") as bar:
        for i, setting in enumerate(tasks.values()):
            tests = [t.sample(n_test, rng=np.random.default_rng([seed, 9])) for t in (setting.task, setting.other)]
            for j, n_trials in enumerate(sizes):
                for k, one in enumerate(seeds):
                    pool = Pool(setting.task, setting.task.sample(n_trials, rng=np.random.default_rng([one, 8])))
                    for m, name in enumerate(learners):
                        network = _learn(name, pool, one, n_units, n_reservoir, settings, n_jobs)
                        for place, (task, test) in enumerate(zip(setting[:2], tests, strict=True)):
                            score[i, m, place, j, k] = evaluate(network, task, test, noise=False).score
                        bar.update()
    over = ("task", "learner", "where", "n_trials", "seed")
    coords = {
        "task": list(tasks), "learner": list(learners), "where": ["same", "other"], "n_trials": list(sizes),
        "seed": seeds,
    }  # fmt: skip
    found = xr.Dataset({"score": (over, score)}, coords=coords)
    low, high = interval(score)
    found = found.assign(
        low=(over[:-1], low),
        high=(over[:-1], high),
        chance=(("task", "where"), [[t.chance for t in setting[:2]] for setting in tasks.values()]),
        best=(("task", "where"), [[t.best for t in setting[:2]] for setting in tasks.values()]),
    )
    return Findings(
        "Few data, and other data",
        "Do reservoirs learn from fewer trials than networks that are trained throughout, and do they know more?",
        _DOI,
        _claims(found),
        {"few_data": _figure(found, tasks)},
        {"few_data": found},
        settings={
            "units of a reservoir": n_reservoir, "units of a trained network": n_units, "draws": n_seeds,
            "most updates": settings.n_steps, "trials to test on": n_test,
        },
        notes=[
            "All have the same trials. Reservoirs choose penalty and settings by folds; trained networks keep a "
            "quarter of the trials to choose the update at which to stop.",
            "Trained networks: Adam at 3e-3, batches of 32, default weights; nothing else was tuned, for either side.",
            "Intervals are 95 %, by Student's t over draws of trials and weights.",
        ],
    )  # fmt: skip


def _learn(
    name: str, pool: Pool, seed: int, n_units: int, n_reservoir: int, settings: TrainingSettings, n_jobs: int | None
) -> System:
    n_inputs, n_outputs = len(pool.input_names), len(pool.output_names)
    if name in TRAINED:

        def build(rng: np.random.Generator) -> System:
            return build_network(name, n_inputs, n_outputs, n_units=n_units, dt=pool.dt, rng=rng)

        return train(pool, build, settings=settings, seeds=seed, n_jobs=n_jobs, progress=False).network
    trained = []
    for options in CHOICES:
        numbers: dict[str, Any] = {**options, "bias_scaling": 0.2, "dt": pool.dt, "n_outputs": n_outputs}
        reservoir = Reservoir.random(n_inputs, n_reservoir, rng=np.random.default_rng([seed, 7]), **numbers)
        trained.append(train_readout(reservoir, pool.trials))
    return min(trained, key=lambda found: float(found.readout.error.mean())).network


def interval(values: NDArray, *, level: float = 0.95) -> tuple[NDArray, NDArray]:
    """Student's interval of the mean over the last axis; one draw has none, and gives itself.

    Examples
    --------
    >>> low, high = interval(np.array([1.0, 2.0, 3.0]))
    >>> round(float(low), 2), round(float(high), 2)
    (-0.48, 4.48)
    """
    n, mean = values.shape[-1], values.mean(axis=-1)
    if n < 2:
        return mean, mean
    half = student.ppf((1 + level) / 2, n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def _claims(data: xr.Dataset) -> list[Claim]:
    claims = []
    few, many = int(data["n_trials"][0]), int(data["n_trials"][-1])
    for task in data["task"].values:
        for where, n_trials in (("same", few), ("same", many), ("other", many)):
            one = data["score"].sel(task=task, where=where, n_trials=n_trials)
            gain = one.sel(learner="reservoir") - one.sel(learner=list(TRAINED)).max("learner")
            low, high = (float(bound) for bound in interval(gain.values))
            span = f"{low:.2g} to {high:.2g}".replace("-", "−")
            trials = "new trials" if where == "same" else "other trials"
            what = f"{task}, {n_trials} trials, {trials}: reservoir less the better of the trained, score ({span})"
            claimed = where == "same" and n_trials == few
            published, source = ("above 0", f"doi:{_DOI}") if claimed else ("not given", "measured")
            claims.append(Claim(what, float(gain.mean()), published, source, low > 0 if claimed else None))
        for learner in data["learner"].values:
            one = data["score"].sel(task=task, learner=learner, n_trials=many).mean("seed")
            lost = float(one.sel(where="same") - one.sel(where="other"))
            claims.append(
                Claim(f"{task}, {many} trials: {learner} loses on other trials", lost, "not given", "measured")
            )
    return claims


def _figure(data: xr.Dataset, tasks: dict[str, Setting]) -> tuple[Figure, str]:
    figure = Figure(figsize=(8.4, 3.3 * len(tasks)), layout="constrained")
    axes = figure.subplots(len(tasks), 2, sharey="row", squeeze=False)
    for row, (task, setting) in zip(axes, tasks.items(), strict=True):
        for ax, where in zip(row, ("same", "other"), strict=True):
            score_against_trials(data.sel(task=task, where=where), ax=ax)
            if ax is not axes[0, 0] and (legend := ax.get_legend()):
                legend.remove()
            said = "new trials" if where == "same" else setting.said
            ax.set_title(f"{task}: {said}", fontsize=9.5)
    said = (
        "What reservoirs and trained networks learn from few trials. Left: new trials of the same kind; right: trials "
        "of another kind, never learnt from. Dots are draws, bands 95 % intervals of the mean; dotted: chance and best."
    )
    return figure, said

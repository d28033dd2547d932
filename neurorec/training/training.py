"""Training: updates, looks at held-out trials, checkpoints, and what came of it."""

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from neurorec.networks import System, build_network
from neurorec.recording import InputError
from neurorec.tasks import Task, find_task
from neurorec.training.batches import CONFIRM, FRESH, HELD_OUT, Batch, held_out_trials, stack_batches, training_batch
from neurorec.training.checkpoint import Progress, describe, load_checkpoint, save_checkpoint
from neurorec.training.defaults import default_settings
from neurorec.training.evaluating import Evaluation, check_fit, evaluate
from neurorec.training.learner import Fixed, Learner, one_network, start_learning
from neurorec.training.settings import TrainingSettings
from neurorec.training.updating import choose_engine

STATUS = ("solved", "no further improvement", "diverged", "out of steps")
SOLVED, STALLED, DIVERGED, SPENT = range(4)
GRAIN = 1e-4  # share of the loss by which it must fall to count as lower


class TrainingWarning(UserWarning):
    """Training did not end as it should."""


@dataclass(frozen=True)
class Training:
    """What training came to.

    Parameters
    ----------
    networks : tuple of System
        One a seed: as it was when it solved the task; else at the look with the best score, or, among equal ones,
        the lowest loss.
    curve : xarray.Dataset
        ``loss`` and ``gradient_norm (seed, step)`` of every update, before it; ``held_out_loss`` and
        ``score (seed, look)`` at the updates ``look``; ``best_score``, ``n_steps`` and ``status (seed)``;
        ``test_score (seed)``, on trials that neither trained nor chose the network: the best of many looks is
        somewhat lucky, this is not. ``attrs`` hold the settings, the task and its chance, best and criterion.
    """

    networks: tuple[System, ...]
    curve: xr.Dataset

    @property
    def network(self) -> System:
        """The network with the best score."""
        return self.networks[int(np.nanargmax(np.nan_to_num(self.curve["best_score"].values, nan=-np.inf)))]

    @property
    def solved(self) -> bool:
        """Whether every seed reached the criterion."""
        return bool((self.curve["status"] == STATUS[SOLVED]).all())


def train(
    task: Task | str,
    network: System | str | Callable[[np.random.Generator], System] = "leaky",
    *,
    settings: TrainingSettings | None = None,
    seeds: int | Sequence[int] = 0,
    checkpoint: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Training:
    """Train a network on a task, by backpropagation through time.

    The weights w of a network that answers f are changed to lower ``sum m e(y, f) / sum m + penalties``, e the error
    of the task's kind, y its targets and m its mask, over ever new trials, until held-out trials are done as well as
    the task asks for, and four times as many other trials confirm it.

    Parameters
    ----------
    task : Task or str
        What to learn, or its name, as in `neurorec.tasks.TASKS`.
    network : System, str or callable
        What learns: a network; the name of a kind, as in `neurorec.networks.NETWORKS`; or a function that builds one
        from a random number generator.
    settings : TrainingSettings, optional
        How; by default `default_settings` of the task.
    seeds : int or sequence of int
        One network is trained for each, side by side. A seed gives the weights to begin with, the trials and the
        noise; the same seed gives the same network.
    checkpoint : path, optional
        A file that is written at every look, and gone on from if it exists: then the weights are those of a training
        that was never interrupted.
    n_jobs : int, optional
        Threads; by default as many as there are cores. The answer does not depend on it.
    progress : bool
        Whether to show a bar, with the loss and the score.

    Returns
    -------
    Training
        ``networks``, one a seed; ``curve``, what was seen on the way; ``network``, the best of them.

    Raises
    ------
    InputError
        For an unknown name, or a network whose channels are not the task's.

    Warns
    -----
    TrainingWarning
        If loss or gradient stopped being finite. The network is then the best one before that.

    Examples
    --------
    >>> from neurorec.tasks import FlipFlop
    >>> training = train(FlipFlop(n_bits=1), settings=TrainingSettings(n_steps=20, check_every=10), progress=False)
    >>> training.curve["loss"].dims, training.curve.sizes["look"]
    (('seed', 'step'), 3)
    """
    task = find_task(task) if isinstance(task, str) else task
    seeds = tuple(int(seed) for seed in np.atleast_1d(seeds))
    settings = settings or default_settings(task)
    networks = _networks(task, network, seeds)
    held_out = [held_out_trials(task, settings.n_held_out, seed, HELD_OUT) for seed in seeds]
    check_fit(networks[0], held_out[0])
    learner, fixed = start_learning(networks, settings.optimiser())
    begin = Progress(0, learner.trained, np.full(len(seeds), -1), _empty_curves(len(seeds)))
    path = None if checkpoint is None else Path(checkpoint)
    of = describe(task, settings, seeds, networks[0], fixed)
    if path is not None and path.exists():
        learner, begin = load_checkpoint(path, of, (learner, begin))
    with ExitStack() as stack:
        n_jobs = os.cpu_count() or 1 if n_jobs is None or n_jobs < 1 else n_jobs
        stack.enter_context(threadpool_limits(1, "blas"))  # threads share out trials, not products
        pool = stack.enter_context(ThreadPoolExecutor(n_jobs)) if n_jobs > 1 else None
        bar = stack.enter_context(tqdm(total=settings.n_steps, disable=not progress, unit="step", delay=2))
        bar.update(begin.step)
        loop = _Loop(task, settings, seeds, fixed, held_out, pool, bar)
        reached = loop.run(learner, begin, save=lambda now, at: path and save_checkpoint(path, of, now, at))
    return _result(task, settings, seeds, fixed, reached)


class _Loop:
    """Updates and looks, until every seed is done."""

    def __init__(
        self,
        task: Task,
        settings: TrainingSettings,
        seeds: tuple[int, ...],
        fixed: Fixed,
        held_out: list[xr.Dataset],
        pool: ThreadPoolExecutor | None,
        bar: Any,
    ) -> None:
        self.task, self.settings, self.seeds, self.fixed = task, settings, seeds, fixed
        self.held_out, self.pool, self.bar = held_out, pool, bar
        self.criterion = task.criterion if settings.criterion is None else settings.criterion

    def run(self, learner: Learner, at: Progress, *, save: Callable[[Learner, Progress], object]) -> Progress:
        """The progress at the end."""
        engine = choose_engine(
            learner, self.fixed, loss=self.task.loss, settings=self.settings, seeds=self.seeds, pool=self.pool
        )
        if at.step == 0 and not at.curves["look"].size:
            at = self._look(learner, at)
        while (at.done < 0).any() and at.step < self.settings.n_steps:
            every = self.settings.check_every
            upto = min((at.step // every + 1) * every, self.settings.n_steps)
            metrics = []
            for step, batch in self._batches(at.step, upto):
                learner, seen = engine.update(learner, batch, step)
                metrics.append(seen)
                jax.block_until_ready(metrics[max(len(metrics) - 2, 0)])  # one update ahead, not fifty
                self.bar.update()
            found = {"loss": [m.loss for m in metrics], "gradient_norm": [m.gradient_norm for m in metrics]}
            curves = {name: np.hstack([at.curves[name], np.stack(found[name], axis=1)]) for name in found}
            at = self._look(learner, at._replace(step=upto, curves=at.curves | curves))
            learner = learner._replace(alive=jnp.asarray(np.asarray(learner.alive) & (at.done < 0)))
            save(learner, at)
        return at._replace(done=np.where(at.done < 0, SPENT, at.done))

    def _batches(self, low: int, high: int) -> Any:
        """Steps and batches from low to high; the next one is drawn while one is learnt from."""
        drawn: dict[int, list[Batch]] = {}

        def draw(step: int) -> Batch:
            size = self.settings.batch
            return stack_batches([training_batch(self.task, seed, step, size, drawn=drawn) for seed in self.seeds])

        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(draw, low)
            for step in range(low, high):
                batch = coming.result()
                if step + 1 < high:
                    coming = ahead.submit(draw, step + 1)
                yield step, batch

    def _look(self, learner: Learner, at: Progress) -> Progress:
        """Score held-out trials, keep what is best, and decide which seeds are done."""
        curves, done, best = dict(at.curves), at.done.copy(), at.best
        score, loss = np.full(len(self.seeds), np.nan), np.full(len(self.seeds), np.nan)
        alive = np.asarray(learner.alive)
        for place, seed in enumerate(self.seeds):
            if done[place] >= 0:
                continue
            seen = evaluate(one_network(learner, self.fixed, place), self.task, self.held_out[place], seed=seed)
            score[place], loss[place] = seen.score, seen.loss
            if not alive[place]:
                done[place] = DIVERGED
                continue
            is_best, has_moved = _progress(seen, curves["score"][place], curves["held_out_loss"][place])
            is_solved = seen.score >= self.criterion and self._confirmed(learner, place, at.step)
            if is_best or is_solved:
                best = jax.tree.map(lambda old, new, k=place: _replaced(old, new, k), best, learner.trained)
            curves["since"][place] = 0 if has_moved else curves["since"][place] + 1
            if is_solved:
                done[place] = SOLVED
            elif self.settings.patience and curves["since"][place] >= self.settings.patience:
                done[place] = STALLED
        curves["look"] = np.append(curves["look"], at.step)
        curves["score"] = np.column_stack([curves["score"], score])
        curves["held_out_loss"] = np.column_stack([curves["held_out_loss"], loss])
        self.bar.set_postfix(loss=_shown(loss), score=_shown(score), refresh=False)
        return at._replace(best=best, done=done, curves=curves)

    def _confirmed(self, learner: Learner, place: int, step: int) -> bool:
        """Whether other trials reach the criterion as well: of many looks at the same ones, one would be lucky."""
        network, seed = one_network(learner, self.fixed, place), self.seeds[place]
        return _fresh_score(network, self.task, self.settings.n_held_out, seed, CONFIRM, step) >= self.criterion


def _networks(task: Task, network: Any, seeds: tuple[int, ...]) -> list[System]:
    """A network a seed."""
    if not seeds or len(set(seeds)) < len(seeds):
        raise InputError("seeds", expected="one or more, all different", found=str(seeds), remedy="try range(3)")
    if isinstance(network, str):
        sizes = (len(task.input_names), len(task.output_names))
        return [build_network(network, *sizes, dt=task.dt, rng=np.random.default_rng(seed)) for seed in seeds]
    if isinstance(network, System):
        if len(seeds) > 1:
            remedy = "pass its kind, or a function of a random number generator that builds one"
            expected = "as many networks as seeds"
            raise InputError("network", expected=expected, found=f"one for {len(seeds)} seeds", remedy=remedy)
        return [network]
    return [network(np.random.default_rng(seed)) for seed in seeds]


def _empty_curves(n_seeds: int) -> dict[str, np.ndarray]:
    empty = {name: np.empty((n_seeds, 0)) for name in ("loss", "gradient_norm", "score", "held_out_loss")}
    return {**empty, "look": np.empty(0, dtype=int), "since": np.zeros(n_seeds, dtype=int)}


def _progress(seen: Evaluation, scores: np.ndarray, losses: np.ndarray) -> tuple[bool, bool]:
    """Whether a look is the best so far, and whether it is in any way better than those before.

    The best has the highest score, or an equal one with a loss that is lower by some grains; a loss that is lower than
    all before is progress also where the score is not the highest.
    """
    if not np.isfinite(seen.loss):
        return False, False
    known = np.isfinite(scores) & np.isfinite(losses)
    if not known.any():
        return True, True
    top, enough = scores[known].max(), 1 - GRAIN
    equal = losses[known & (scores == top)].min()
    is_best = bool(seen.score > top or (seen.score == top and seen.loss < equal * enough))
    return is_best, is_best or bool(seen.loss < losses[known].min() * enough)


def _shown(values: np.ndarray) -> str:
    """The mean over seeds that are still trained, for the bar."""
    known = values[np.isfinite(values)]
    return f"{known.mean():.3g}" if known.size else "nan"


def _replaced(old: Any, new: Any, place: int) -> np.ndarray:
    out = np.array(old)
    out[place] = np.asarray(new[place])
    return out


def _result(task: Task, settings: TrainingSettings, seeds: tuple[int, ...], fixed: Fixed, at: Progress) -> Training:
    """The networks at their best, and the curve; a warning for those that diverged."""
    curves, n_seeds = at.curves, len(seeds)
    if (at.done == DIVERGED).any():
        _warn(settings, seeds, at)
    nothing = Learner(at.best, None, np.ones(n_seeds, dtype=bool))  # type: ignore[arg-type]
    networks = tuple(jax.tree.map(jnp.asarray, one_network(nothing, fixed, k)) for k in range(n_seeds))
    test = [_fresh_score(network, task, settings.n_held_out, s, FRESH) for s, network in zip(seeds, networks)]
    known = np.isfinite(curves["score"])
    best = np.where(known, curves["score"], -np.inf).max(axis=1)
    updates = np.where(np.isfinite(curves["score"]), curves["look"], 0).max(axis=1)
    curve = xr.Dataset(
        {
            "loss": (("seed", "step"), curves["loss"], {"long_name": f"loss ({task.loss})"}),
            "gradient_norm": (("seed", "step"), curves["gradient_norm"], {"long_name": "norm of the gradient"}),
            "held_out_loss": (("seed", "look"), curves["held_out_loss"], {"long_name": f"held-out loss ({task.loss})"}),
            "score": (("seed", "look"), curves["score"], {"long_name": task.score_name}),
            "best_score": ("seed", best, {"long_name": task.score_name}),
            "test_score": ("seed", test, {"long_name": task.score_name}),
            "n_steps": ("seed", updates, {"long_name": "updates until the end"}),
            "status": ("seed", [STATUS[k] for k in at.done]),
        },
        coords={"seed": list(seeds), "step": np.arange(curves["loss"].shape[1]), "look": curves["look"]},
        attrs={
            **{name: str(value) for name, value in asdict(settings).items()},
            "task": repr(task),
            **{name: float(getattr(task, name)) for name in ("chance", "best")},
            "criterion": float(task.criterion if settings.criterion is None else settings.criterion),
        },
    )
    return Training(networks, curve)


def _fresh_score(network: System, task: Task, n_held_out: int, seed: int, *numbers: int) -> float:
    """Score on trials that nothing has seen, four times as many as were held out: the mean of four parts."""
    trials = held_out_trials(task, 4 * n_held_out, seed, *numbers)
    parts = [trials.isel(trial=slice(k, None, 4)) for k in range(4)]  # as many as have been compiled for
    return float(np.mean([evaluate(network, task, part, seed=seed).score for part in parts]))


def _warn(settings: TrainingSettings, seeds: tuple[int, ...], at: Progress) -> None:
    for place in np.flatnonzero(at.done == DIVERGED):
        norm = at.curves["gradient_norm"][place]
        bad = np.flatnonzero(~np.isfinite(norm) | ~np.isfinite(at.curves["loss"][place]))
        step, before = int(bad[0]), norm[max(bad[0] - 1, 0)]
        warnings.warn(
            f"seed {seeds[place]}: loss or gradient not finite at step {step} (norm of the gradient before it: "
            f"{before:.3g}); the best network before it is kept. Lower learning_rate ({settings.learning_rate:g}), "
            f"set clip ({settings.clip:g}) or begin with a smaller gain.",
            TrainingWarning,
            stacklevel=4,
        )

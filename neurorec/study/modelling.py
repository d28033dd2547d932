"""The modelled half of a session: networks on its task, their dynamics, and both beside the recording."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from neurorec.comparison import Role, compare, compare_trajectories
from neurorec.dynamics import fixed_points_of, line_attractor_of
from neurorec.io import load_dataset, load_tree, save_dataset, save_tree
from neurorec.networks import System, build_network, simulate
from neurorec.recording import InputError
from neurorec.report import ModelledSession
from neurorec.study.config import NetworkSettings, StudyConfig
from neurorec.study.session import Session
from neurorec.study.stages import MODELLED, Stage, StageRecord, finish_stage, plan_stage
from neurorec.tasks import TaskMatch, find_task, match_task
from neurorec.training import Training, default_settings, train

NO_TASK = "its trial table tells of no task that there is; name one and its columns under [network] in study.toml"
_FEEDFORWARD = ("delay_feedforward", "tapped_delay")
_STEP = 0.05  # s of the steps in which responses are compared: single trials of real units are noisier in shorter ones
_BY_AREA = ("cka_debiased", "rsa", "predictivity")
_ALL = ("shape", "cka_debiased", "cca", "rsa", "dsa", "predictivity")
_FEW = 4  # conditions
_FEWEST = 10  # units of an area that is compared on its own


class Modelling(NamedTuple):
    """Where the modelled half of a session lies.

    Attributes
    ----------
    match : TaskMatch
        The task, and how its trials go with the recording's.
    stages : dict of str to Stage
        ``learned`` (curves by kind), ``dynamics`` (fixed points and line attractors per network), ``comparison``,
        ``by_area`` and ``trajectories``.
    """

    match: TaskMatch
    stages: dict[str, Stage]


def find_match(settings: NetworkSettings, recording: xr.Dataset) -> TaskMatch | None:
    """The task of a recording: named in the settings, else told by its trial table; None where there is none.

    Raises
    ------
    InputError
        For a task without columns that go with the recording's, and columns that are not there.
    """
    if settings.task is None:
        return match_task(recording)
    task = find_task(settings.task)
    recorded, modelled = settings.recorded or (), settings.modelled or settings.recorded or ()
    sample = task.sample(2, rng=np.random.default_rng(0))
    there = [str(name) for name, values in sample.data_vars.items() if values.dims == ("trial",)]
    missing = [name for name in modelled if name not in there]
    if not recorded or len(recorded) != len(modelled) or missing:
        remedy = f"set network.recorded to trial columns and network.modelled to some of {', '.join(there)}"
        found = f"recorded {list(recorded)}, modelled {list(modelled)}"
        raise InputError("network", expected="as many columns of both", found=found, remedy=remedy)
    absent = [name for name in recorded if name not in recording or recording[name].dims != ("trial",)]
    if absent:
        remedy = "name columns of the trial table"
        raise InputError("network.recorded", expected="trial columns", found=absent[0], remedy=remedy)
    starts = [name for name in there if name.endswith("_start")]
    anchor = settings.anchor or next(iter(starts), "start")
    return TaskMatch(task, tuple(recorded), tuple(modelled), anchor=anchor, why="named in the study")


def plan_modelling(session: Session, config: StudyConfig, match: TaskMatch) -> Modelling:
    """Plan the stages of the modelled half of a session."""
    assert session.reading is not None
    settings, folder = config.network, session.folder / "networks"
    about = {"task": repr(match.task), "network": asdict(settings), "seed": config.seed}
    learned = plan_stage("networks", folder / "learned.nc", about, rooms=MODELLED)
    after = {"before": learned.fingerprint, "match": repr(match)}
    dynamics = plan_stage("dynamics", folder / "dynamics.nc", after, rooms=MODELLED)
    both = {**after, "recording": session.reading.fingerprint}
    tables = {
        name: plan_stage(name, folder / f"{name}.nc", both, rooms=MODELLED)
        for name in ("comparison", "by_area", "trajectories")
    }
    return Modelling(match, {"learned": learned, "dynamics": dynamics, **tables})


def model_session(
    session: Session,
    config: StudyConfig,
    match: TaskMatch,
    *,
    n_jobs: int | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[StageRecord]:
    """Train networks on a session's task, look at their dynamics, and put them beside its recording.

    Parameters
    ----------
    session : Session
        Already read.
    config : StudyConfig
        Of the study.
    match : TaskMatch
        The session's task.
    n_jobs : int, optional
        Threads; all cores by default.
    progress : callable
        Told each step as it begins.

    Returns
    -------
    list of StageRecord
        Of all stages, done now or before.
    """
    planned, settings = plan_modelling(session, config, match), config.network
    stages = planned.stages
    mark = stages["learned"].fingerprint[:8]  # what was learnt under other settings or by other code is not taken up
    work = _Work(match, settings, config.seed, session.folder / "networks" / mark, n_jobs, progress)
    makes: dict[str, Callable[[Path], None]] = {
        "learned": partial(_learn, work),
        "dynamics": partial(_look, work),
        "comparison": partial(_compare, work, session, False),
        "by_area": partial(_compare, work, session, True),
        "trajectories": partial(_trace, work, session, stages["dynamics"].target),
    }
    records = []
    for name, make in makes.items():

        def tell(path: Path, name: str = name, make: Callable[[Path], None] = make) -> None:
            progress(f"networks, {name.replace('_', ' ')}")
            make(path)

        records.append(finish_stage(stages[name], tell))
    return records


@dataclass(frozen=True)
class _Work:
    """What stages share, made when the first of them asks."""

    match: TaskMatch
    settings: NetworkSettings
    seed: int
    folder: Path
    n_jobs: int | None
    progress: Callable[[str], None]

    @property
    def seeds(self) -> range:
        """Of the networks."""
        return range(self.seed, self.seed + self.settings.n_networks)

    def trained(self, kind: str) -> Training:
        """The networks of a kind, trained now or before: what was learnt is kept beside the stages."""
        self.folder.mkdir(parents=True, exist_ok=True)
        task, most = self.match.task, self.settings.n_updates
        how = default_settings(task) if most is None else replace(default_settings(task), n_steps=most)
        file = self.folder / f"{kind}.npz"
        return train(task, kind, settings=how, seeds=self.seeds, checkpoint=file, n_jobs=self.n_jobs, progress=False)

    @cached_property
    def systems(self) -> dict[str, System]:
        """Every network by its name; those before training under "untrained"."""
        task, found = self.match.task, {}
        for kind in self.settings.kinds:
            for k, network in enumerate(self.trained(kind).networks):
                found[f"{kind} {k + 1}"] = network
        for kind in self.settings.kinds:
            if kind not in _FEEDFORWARD:
                for k, seed in enumerate(self.seeds):
                    sizes, rng = (len(task.input_names), len(task.output_names)), np.random.default_rng(seed)
                    found[f"{kind} {k + 1}, untrained"] = build_network(kind, *sizes, dt=task.dt, rng=rng)
        return found

    @cached_property
    def trials(self) -> xr.Dataset:
        """Trials that no network has learnt from."""
        return self.match.task.sample(self.settings.n_trials, rng=np.random.default_rng([self.seed, 17]))

    @cached_property
    def responses(self) -> dict[str, xr.Dataset]:
        """A recording of every network in these trials, with the conditions of the session's."""
        own = {name: ("trial", values) for name, values in self.match.conditions(self.trials).items()}
        return {
            name: simulate(network, self.trials, rng=np.random.default_rng([self.seed, 18, k])).assign(own)
            for k, (name, network) in enumerate(self.systems.items())
        }


def kind_of(name: str) -> str:
    """The family of a network, by its name."""
    return name.split()[0]


def role_of(name: str) -> Role:
    """What a network is in the comparison, by its name."""
    if name.endswith(", untrained"):
        return "untrained"
    return "feedforward" if kind_of(name) in _FEEDFORWARD else "trained"


def _learn(work: _Work, path: Path) -> None:
    curves = {}
    for kind in work.settings.kinds:
        work.progress(f"training {kind} networks")
        curve = work.trained(kind).curve
        curves[kind] = curve.assign(status=curve["status"].astype(str))
    save_tree(xr.DataTree.from_dict(curves), path)


def _look(work: _Work, path: Path) -> None:
    """Fixed points under the inputs of the middle of a stimulus without strength: the mean over trials and steps."""
    trials, found = work.trials, {}
    held = trials["inputs"].values[trials["inputs"].values.any(axis=-1)].mean(axis=0)
    for k, (name, network) in enumerate(work.systems.items()):
        if role_of(name) != "trained":
            continue
        rng = np.random.default_rng([work.seed, 19, k])
        found[f"{name}, points"] = fixed_points_of(network, trials, inputs=held, n_starts=256, rng=rng)
        found[f"{name}, line"] = line_attractor_of(network, trials, inputs=held, n_starts=256, n_null=19, rng=rng)
    save_tree(xr.DataTree.from_dict(found), path)


def _compare(work: _Work, session: Session, areas: bool, path: Path) -> None:
    recording, systems = session.recording(), work.responses
    if areas and not (np.unique(recording["area"].values.astype(str), return_counts=True)[1] >= _FEWEST).any():
        save_dataset(xr.Dataset(), path)
        return
    table = compare(
        recording,
        systems,
        roles={name: role_of(name) for name in systems},
        kinds={name: kind_of(name) for name in systems},
        n_shuffles=0 if areas else work.settings.n_shuffles,  # of areas the advantage is reported, which needs none
        n_bootstrap=work.settings.n_bootstrap,
        areas=areas,
        min_units=_FEWEST,
        measures=_BY_AREA if areas else _measures(recording, work.match),
        rng=np.random.default_rng([work.seed, 20]),
        progress=False,
        **_cut(work, recording, list(systems)),
    )
    save_dataset(table, path)


def _measures(recording: xr.Dataset, match: TaskMatch) -> tuple[str, ...]:
    """All, but no prediction across conditions where there are too few of them to learn from."""
    n_conditions = len(recording[list(match.recorded)].to_dataframe()[list(match.recorded)].drop_duplicates())
    return tuple(name for name in _ALL if name != "predictivity" or n_conditions >= _FEW)


def _trace(work: _Work, session: Session, dynamics: Path, path: Path) -> None:
    recording, systems, tree = session.recording(), work.responses, load_tree(dynamics)
    points = {name: [each] for name, each in _nodes(tree, ", points").items()}
    for name, line in _nodes(tree, ", line").items():
        points[name] += [line] if line.attrs["kind"] != "none" else []
    cut = _cut(work, recording, list(systems))
    save_dataset(compare_trajectories(recording, systems, points=points, **cut), path)


def _cut(work: _Work, recording: xr.Dataset, names: list[str]) -> dict[str, Any]:
    """How trials of both are cut: from the start of the stimulus on, as long as both last."""
    match, width = work.match, float(recording["activity"].attrs["bin_width"])
    length = float(np.nanmedian(recording["stop"].values - recording["start"].values))
    window = (0.0, min(length, _length_of(match, work.trials)))
    n_steps = int(np.clip(round(window[1] / max(_STEP, width)), 3, 20))
    event = {"recording": "start", **{name: match.anchor for name in names}}
    return {"by": match.recorded, "event": event, "window": window, "n_steps": n_steps}


def _length_of(match: TaskMatch, trials: xr.Dataset) -> float:
    """From the anchor to the end of the trial, the shortest."""
    begin = trials[match.anchor].values if match.anchor in trials else np.zeros(trials.sizes["trial"])
    return float((trials["duration"].values - begin).min())


def load_modelled(session: Session, config: StudyConfig, match: TaskMatch) -> ModelledSession:
    """What was found, from the stages that are done."""
    stages = plan_modelling(session, config, match).stages
    learned, dynamics = (load_tree(stages[name].target) for name in ("learned", "dynamics"))
    return ModelledSession(
        session=session.name,
        task=repr(match.task),
        why=match.why,
        curves={name: node.to_dataset() for name, node in learned.children.items()},
        points=_nodes(dynamics, ", points"),
        lines=_nodes(dynamics, ", line"),
        comparison=load_dataset(stages["comparison"].target),
        by_area=load_dataset(stages["by_area"].target),
        trajectories=load_dataset(stages["trajectories"].target),
    )


def _nodes(tree: xr.DataTree, end: str) -> dict[str, xr.Dataset]:
    """Datasets of the nodes whose names end so, without that end."""
    return {name.removesuffix(end): node.to_dataset() for name, node in tree.children.items() if name.endswith(end)}

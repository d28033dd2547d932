"""One size after the other: our fits and the peers' in turn, further folds, fresh processes, growth."""

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from clock import cpu, one_pass
from fresh import run_fresh
from jobs import TOL, Answer, Job, certify, dense, do, jobs_of, lagged_of, penalty_for, training
from numpy.typing import NDArray
from objective import bounds, null_half_deviance
from peers import PEERS, Peer, fit_peer
from results import ALONG, Alone, Fold, Growth, Ours, Results, Theirs
from simulate import Size, Work, make_work, simulate

from neurorec import glm

N_PEER_UNITS = {"tiny": 2, "S": 3, "M": 2, "L": 1, "low_rate": 1}
REPEATS = {"tiny": 1, "S": 3, "M": 2}  # of our fits, in between the peers'; otherwise one
LAGGED = ("tiny", "low_rate", "wide")  # sizes also fitted without making the coupling columns
GROWTH = {"bins": (10_000, 20_000, 40_000, 80_000), "units": (25, 50, 100, 200)}
AT = Size(n_units=30, n_times=20_000)  # the axis that does not grow


@dataclass
class Case:
    """A size at work."""

    name: str
    work: Work
    results: Results
    null: NDArray = field(init=False)
    jobs: dict[str, Job] = field(init=False)
    one_pass: float = field(init=False)

    def __post_init__(self) -> None:
        work = self.work
        self.null, self.jobs = null_half_deviance(work.Y), jobs_of(work.X, work.Y, work.allowed)
        self.one_pass = one_pass(work.X, work.n_units)
        said = f"{work.n_units} units, {len(work.X):,} bins, {work.X.shape[1]:,} columns, "
        said += f"{work.Y.mean():.3f} spikes per bin; {work.said}"
        self.results.work[self.name] = said
        tell(f"{self.name}: {said}; a pass takes {self.one_pass:.4f} s")


def tell(line: object) -> None:
    """Progress, beside the table."""
    print(line, file=sys.stderr, flush=True)


def keep(rows: list, row: Any) -> None:
    """Add a row and show it."""
    rows.append(row)
    tell(row)


def warm_up(n_jobs: int = 1) -> None:
    """Have every kernel compiled before anything is timed."""
    work = simulate(Size(3, 1_500), np.random.default_rng(0))
    for job in jobs_of(work.X, work.Y, work.allowed).values():
        do(job, work.X, work.Y, work.allowed, n_jobs)
        do(job, lagged_of(work), work.Y, work.allowed, n_jobs)
    glm.fit_population(
        work.X,
        work.Y,
        penalty=penalty_for(work.X),
        allowed=work.allowed,
        sample_weight=training(work, 0),
        n_jobs=n_jobs,
    )


def measure(
    name: str,
    seed: int,
    parts: list[str],
    peers: list[str],
    job_names: list[str],
    n_peer_units: int | None,
    results: Results,
) -> None:
    """All that is asked of one size."""
    case = Case(name, make_work(name, seed), results)
    n_peer = n_peer_units or N_PEER_UNITS.get(name, 0)
    if name == "wide" and "elastic-net path" in job_names:
        job_names = [job_name for job_name in job_names if job_name != "elastic-net path"]
        results.left_out.append("wide, elastic-net path: to certify 30 penalties in float64 takes an hour")
    for job in (case.jobs[job_name] for job_name in job_names):
        if "fits" in parts:
            chosen = [p for p in PEERS if p.module in peers and p.job == job.name and name in p.sizes and n_peer]
            beside_peers(case, job, chosen, n_peer)
        if "fits" in parts and name in LAGGED:
            ours_lagged(case, job)
        if "fresh" in parts and job.name != "ridge path":
            alone(case, job, "dense")
            if name in LAGGED:
                alone(case, job, "lagged")
    if "folds" in parts:
        further_fold(case)


def beside_peers(case: Case, job: Job, peers: list[Peer], n_peer: int) -> None:
    """Our fit of all units and the peers' of a few, in turn."""
    work, repeats = case.work, REPEATS.get(case.name, 1)
    answer, took = cpu(lambda: do(job, work.X, work.Y, work.allowed))
    seconds, fitted = [took], []
    for peer in peers:
        n = min(work.n_units, peer.jointly or n_peer)
        units = np.unique(np.linspace(0, work.n_units - 1, n).astype(int)).tolist()
        tell(f"{case.name}: {job.name}, {peer.name}")
        try:
            fitted.append((peer, units, fit_peer(peer, work, units, job.penalties, job.l1_ratio, cpu)))
        except Exception as problem:  # a package that fails is a finding, not the end of the run
            keep(
                case.results.left_out,
                f"{case.name}, {peer.name}: {type(problem).__name__}: {str(problem).partition(chr(10))[0]}",
            )
        if len(seconds) < repeats:
            seconds.append(cpu(lambda: do(job, work.X, work.Y, work.allowed))[1])
    while len(seconds) < repeats:
        seconds.append(cpu(lambda: do(job, work.X, work.Y, work.allowed))[1])
    ours, certified = note_ours(case, job, "dense", answer, float(np.median(seconds)))
    best = np.array([one.value for one in certified])  # (penalty, unit)
    values = [values_of(case, job, units, *found[:2]) for _, units, found in fitted]
    for (_, units, _), value in zip(fitted, values):
        best[:, units] = np.minimum(best[:, units], value)
    for (peer, units, found), value in zip(fitted, values):
        gap = float(((value - best[:, units]) / case.null[units]).max())
        per_unit = found[2] / len(units)
        row = Theirs(case.name, job.name, peer.name, peer.settings, len(units), per_unit, gap, per_unit / ours.per_unit)
        keep(case.results.theirs, row)


def note_ours(case: Case, job: Job, design: str, answer: Answer, seconds: float) -> tuple[Ours, list]:
    """A row about our fit, and the bounds at every penalty."""
    certified = certify(job, answer, case.work)
    gaps = np.array([(one.value - one.below) / case.null for one in certified])
    n_iter = answer.n_iter.sum(axis=0)
    row = Ours(
        size=case.name,
        job=job.name,
        design=design,
        n_units=case.work.n_units,
        seconds=seconds,
        one_pass=case.one_pass,
        n_iter=float(n_iter.mean()),
        n_iter_most=int(n_iter.max()),
        gap=float(np.nanmax(gaps)),
        own_gap=float(np.nanmax(answer.gap)),
    )
    keep(case.results.ours, row)
    return row, certified


def ours_lagged(case: Case, job: Job) -> None:
    """The same fit with the coupling columns never made."""
    work = case.work
    design = lagged_of(work)
    answer, seconds = cpu(lambda: do(job, design, work.Y, work.allowed))
    note_ours(case, job, "lagged", answer, seconds)


def values_of(case: Case, job: Job, units: list[int], coef: NDArray, intercept: NDArray) -> NDArray[np.float64]:
    """Objective of a peer's answers (penalty, unit)."""
    work, values = case.work, np.empty((len(job.penalties), len(units)))
    for place, unit in enumerate(units):
        alike = (len(job.penalties), 1)
        allowed, Y = np.tile(work.allowed[unit], alike), np.tile(work.Y[:, [unit]], alike[::-1])
        found = bounds(work.X, Y, coef[place], intercept[place], job.penalties[:, unit], job.l1_ratio, allowed)
        values[:, place] = found.value
    return values


def alone(case: Case, job: Job, design: str) -> None:
    """Memory, and one core against two."""
    found = run_fresh(case.work, job.name, design, repeats=2 if case.name in ("S", "M") else 1)
    keep(
        case.results.alone,
        Alone(
            case.name,
            job.name,
            design,
            extra={n: one.extra / case.work.X.nbytes for n, one in found.items()},
            seconds={n: one.seconds for n, one in found.items()},
        ),
    )


def further_fold(case: Case) -> None:
    """Ridge on a second training fold with shared curvature: cold, from the first fold's answer, down a path."""
    work = case.work
    given = {"allowed": work.allowed, "curvature": glm.gram_eigh(work.X), "tol": TOL, "n_jobs": 1}
    goal, path = (case.jobs[name].penalties for name in ("ridge", "ridge path"))
    kept = training(work, 1) > 0
    X, Y, null = work.X[kept], work.Y[kept], null_half_deviance(work.Y[kept])

    def fit(fold: int, penalties: NDArray, init: Any = None) -> Answer:
        weight = training(work, fold)
        if len(penalties) > 1:
            return Answer(*glm.penalty_path(work.X, work.Y, penalties=penalties, sample_weight=weight, **given)[:4])
        one = glm.fit_population(work.X, work.Y, penalty=penalties[0], sample_weight=weight, init=init, **given)
        return Answer(one.coef[None], one.intercept[None], one.gap[None], one.n_iter[None])

    def note(start: str, penalties: NDArray, init: Any) -> None:
        found, seconds = cpu(lambda: fit(1, penalties, init))
        seconds, gap = seconds / len(penalties), 0.0
        for k, penalty in enumerate(penalties):
            value, below = bounds(X, Y, dense(found.coef[k]), found.intercept[k], penalty, 0.0, work.allowed)
            gap = max(gap, float(np.nanmax((value - below) / null)))
        passes = float(found.n_iter.mean()), int(found.n_iter.max())
        keep(case.results.folds, Fold(case.name, start, seconds, seconds / case.one_pass, *passes, gap))

    first = fit(0, goal)
    note("cold", goal, None)
    note("warm", goal, (first.coef[0], first.intercept[0]))
    note(ALONG, path, None)


def growth(seed: int, job_names: list[str], results: Results) -> None:
    """Seconds along bins at fixed units, and along units at fixed bins."""
    for along, sizes in GROWTH.items():
        seconds: dict[str, list[float]] = {name: [] for name in ("one pass", *job_names)}
        for size in sizes:
            made = AT._replace(**{"n_times" if along == "bins" else "n_units": size})
            work = simulate(made, np.random.default_rng(seed))
            seconds["one pass"].append(one_pass(work.X, work.n_units))
            jobs = jobs_of(work.X, work.Y, work.allowed)
            for name in job_names:
                seconds[name].append(cpu(lambda job=jobs[name], work=work: do(job, work.X, work.Y, work.allowed))[1])
        for name, took in seconds.items():
            keep(results.growth, Growth(name, along, list(sizes), took))

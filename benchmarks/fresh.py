"""One fit in a process of its own, which holds the data and nothing else: peak memory, and one core against two."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from simulate import Past, Work

CORES = (1, 2)


class Fresh(NamedTuple):
    """What one fit took."""

    seconds: float  # by the wall clock
    extra: float  # peak memory beyond the data, in bytes


def run_fresh(work: Work, job: str, design: str, repeats: int) -> dict[int, Fresh]:
    """Seconds and extra memory of a fit by number of threads; best of ``repeats``, taken in turns."""
    found: dict[int, list[Fresh]] = {n_jobs: [] for n_jobs in CORES}
    with tempfile.TemporaryDirectory() as folder:
        for name, values in _files(work, design).items():
            np.save(Path(folder) / f"{name}.npy", values)
        for _ in range(repeats):
            for n_jobs in CORES:
                command = [sys.executable, str(Path(__file__)), folder, job, design, str(n_jobs)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[n_jobs].append(Fresh(**json.loads(said.splitlines()[-1])))
    return {
        n_jobs: Fresh(min(one.seconds for one in many), max(one.extra for one in many))
        for n_jobs, many in found.items()
    }


def _files(work: Work, design: str) -> dict[str, np.ndarray]:
    from jobs import first_columns, jobs_of

    files = {f"penalties {name}": job.penalties for name, job in jobs_of(work.X, work.Y, work.allowed).items()}
    files |= {"Y": work.Y, "allowed": work.allowed}
    if design == "dense":
        return files | {"X": work.X}
    return files | work.past._asdict() | {"first": first_columns(work)}


def main(folder: str, job_name: str, design: str, n_jobs: str) -> None:
    """Print seconds and extra bytes of one fit."""
    from clock import forget_peak, memory_in_use, peak_memory, wall
    from jobs import L1_RATIO, Job, do, lagged_design
    from measure import warm_up

    warm_up(int(n_jobs))
    penalties = np.load(Path(folder) / f"penalties {job_name}.npy")
    job = Job(job_name, penalties, L1_RATIO if job_name == "elastic-net path" else 0.0)
    Y, allowed = (np.load(Path(folder) / f"{name}.npy") for name in ("Y", "allowed"))
    if design == "dense":
        X = np.load(Path(folder) / "X.npy")
    else:
        past = Past(*(np.load(Path(folder) / f"{name}.npy") for name in Past._fields))
        X = lagged_design(past, np.load(Path(folder) / "first.npy"))
    held = memory_in_use()
    forget_peak()
    _, seconds = wall(lambda: do(job, X, Y, allowed, int(n_jobs)))
    print(json.dumps({"seconds": seconds, "extra": peak_memory() - held}))


if __name__ == "__main__":
    main(*sys.argv[1:])

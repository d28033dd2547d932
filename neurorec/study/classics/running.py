"""One classic system from its name to its figures, numbers and page."""

import time
from pathlib import Path
from typing import NamedTuple

from neurorec.recording import InputError
from neurorec.report import Findings, FindingsFacts, write_findings
from neurorec.study.classics.catalogue import CLASSICS
from neurorec.study.manifest import package_versions


class Reproduced(NamedTuple):
    """What came of it.

    Attributes
    ----------
    findings : Findings
        What was found.
    written : list of Path
        What lies where.
    seconds : float
        Wall time.
    """

    findings: Findings
    written: list[Path]
    seconds: float


def reproduce_classic(
    name: str,
    out: Path | str,
    *,
    full: bool = False,
    seed: int = 0,
    command: str = "",
    n_jobs: int | None = None,
    progress: bool = False,
) -> Reproduced:
    """Show again what is known of a classic system, and write it down.

    Parameters
    ----------
    name : str
        A key of `CLASSICS`.
    out : path
        Gets ``report.html``, ``claims.csv``, ``figures/`` and ``data/``.
    full : bool
        The published size, where the default is smaller.
    seed : int
        From which everything random follows.
    command : str
        As it was typed, for the page.
    n_jobs : int, optional
        Threads; all cores by default.
    progress : bool
        Show bars where standard error is a terminal.

    Returns
    -------
    Reproduced

    Raises
    ------
    InputError
        A name that is not there.
    """
    if name not in CLASSICS:
        raise InputError("name", expected=f"one of {', '.join(CLASSICS)}", found=repr(name), remedy="choose one")
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    findings = CLASSICS[name].show(full=full, seed=seed, folder=out, n_jobs=n_jobs, progress=progress)
    seconds = time.perf_counter() - begin
    facts = FindingsFacts(command=command, seed=seed, seconds=seconds, versions=package_versions())
    return Reproduced(findings, write_findings(out, findings, facts=facts), seconds)

"""How often each control reports a benefit, on simulated recordings of which it is known what their units share.

    python studies/calibration.py --cache CACHE --write

prints the false-positive table; progress goes to the error stream. See README.md beside this file.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from judging import Settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # processes share the cores, not threads


def read_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=64, help="of each scenario in which nothing is shared")
    parser.add_argument("--others", type=int, default=24, help="of each other scenario")
    parser.add_argument("--scenarios", nargs="+", help="all by default")
    parser.add_argument("--trials", type=int, help="of a recording, instead of 64")
    parser.add_argument("--steps", nargs="+", help="what is fitted, instead of all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="recordings at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="a folder: what is in it is not computed again")
    parser.add_argument("--write", action="store_true", help="put table and figure into studies/README.md and docs/")
    parser.add_argument("--figure", type=Path, help="draw into this file")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> None:
    """Simulate, judge, count, print."""
    arguments = read_arguments(words)
    from counting import count
    from judging import Settings
    from reporting import FIGURE, draw, markdown, write
    from scenarios import SCENARIOS

    chosen = {"n_trials": arguments.trials, "steps": arguments.steps and tuple(arguments.steps)}
    settings = Settings(seed=arguments.seed, **{name: value for name, value in chosen.items() if value})
    names = arguments.scenarios or list(SCENARIOS)
    many = {name: arguments.recordings if SCENARIOS[name].empty else arguments.others for name in names}
    judgements = judge_all(many, settings, cache=arguments.cache, n_jobs=arguments.jobs)
    counted = count(judgements)
    text = markdown(counted, settings)
    print(text)
    if arguments.write:
        write(text)
    for path in filter(None, [arguments.figure, FIGURE if arguments.write else None]):
        draw(counted, path)


def judge_all(
    many: dict[str, int], settings: "Settings", *, cache: Path | None, n_jobs: int | None
) -> dict[str, list[dict]]:
    """Judgements of so many recordings of each scenario, several at the same time.

    Scenarios take turns, so that a run that is cut short has some of each in its cache.
    """
    from judging import judged
    from tqdm import tqdm

    todo = [(name, index) for index in range(max(many.values())) for name in many if index < many[name]]
    with tqdm(total=len(todo), unit="recording", file=sys.stderr, miniters=1) as bar:
        done = dict(_answers(partial(judged, settings=settings, cache=cache), todo, n_jobs, bar.update))
    return {name: [done[name, index] for index in range(n)] for name, n in many.items()}


def _answers(
    ask: Callable[..., dict], todo: list[tuple[str, int]], n_jobs: int | None, progress: Callable[[], object]
) -> Iterator[tuple[tuple[str, int], dict]]:
    """Each recording's name and index with its judgement, in any order."""
    if n_jobs == 1:
        for one in todo:
            yield one, ask(*one)
            progress()
        return
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        asked = {pool.submit(ask, *one): one for one in todo}
        for answer in as_completed(asked):
            yield asked[answer], answer.result()
            progress()


if __name__ == "__main__":
    main()

"""Threads that share one fit: pieces of an array worked on side by side."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from threadpoolctl import threadpool_limits


class Team:
    """A pool of threads for one fit, each with single-threaded matrix products.

    Threads inside a matrix product wait for each other, on a busy machine for longer than they work; pieces of a
    larger task do not. A team of one works in the caller's thread and leaves the settings of the process alone.

    Parameters
    ----------
    n_jobs : int or None
        Threads; None or -1 for as many as there are cores.

    Examples
    --------
    >>> with Team(2) as team:
    ...     team.over(5, lambda low, high: (low, high))
    [(0, 3), (3, 5)]
    """

    def __init__(self, n_jobs: int | None) -> None:
        self.n_jobs: int = n_jobs if n_jobs is not None and n_jobs > 0 else os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._open = ExitStack()

    def __enter__(self) -> "Team":
        if self.n_jobs > 1:
            self._open.enter_context(threadpool_limits(1, "blas"))
            self._pool = self._open.enter_context(ThreadPoolExecutor(self.n_jobs))
        return self

    def __exit__(self, *_: object) -> None:
        self._pool = None
        self._open.close()

    def over(self, n: int, work: Callable[[int, int], Any]) -> list[Any]:
        """Results of ``work(low, high)`` on contiguous pieces of ``range(n)``, in order."""
        size = -(-n // self.n_jobs) if n else 0
        pieces = [(low, min(low + size, n)) for low in range(0, n, size)] if n else []
        if self._pool is None or len(pieces) < 2:
            return [work(*piece) for piece in pieces]
        return list(self._pool.map(lambda piece: work(*piece), pieces))

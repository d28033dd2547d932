"""Seconds, peak memory, and what machine it is."""

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PACKAGES = (
    *("neurorec", "numpy", "scipy", "numba"),
    *("scikit-learn", "statsmodels", "glum", "adelie", "nemos", "skglm"),
)


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """Result and CPU seconds of the process, all threads."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def wall(work: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds by the wall clock."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def one_pass(X: NDArray[np.float32], n_units: int, n_times: int = 3) -> float:
    """CPU seconds of two float32 products for all units, the least a gradient can cost; best of a few."""
    B = np.random.default_rng(0).standard_normal((n_units, X.shape[1])).astype(np.float32)
    return min(cpu(lambda: (B @ X.T) @ X)[1] for _ in range(n_times))


def memory_in_use() -> int:
    """Bytes this process holds now."""
    return _status("VmRSS:") or _largest_ever()


def forget_peak() -> None:
    """Let the peak start from what is held now, where the system can."""
    if CLEAR.exists():
        CLEAR.write_text("5")


def peak_memory() -> int:
    """Most bytes held since `forget_peak`."""
    return _status("VmHWM:") or _largest_ever()


def _status(key: str) -> int:
    lines = STATUS.read_text().splitlines() if STATUS.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), 0)


def _largest_ever() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def machine() -> str:
    """Processor, cores and versions, in one line each."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    processor = next(named, platform.processor() or platform.machine())
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}; {', '.join(_versions())}"


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found

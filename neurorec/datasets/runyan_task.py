"""The task of Runyan et al. 2017: a virtual T-maze in which the location of a sound says which way to turn."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LOCATIONS = (-90, -60, -30, -15, 15, 30, 60, 90)  # degrees; negative: left
MAZE, STEM = 3.0, 2.2  # m along the path: the whole, and where the turn begins
LEAD, TAIL = 10.0, 1.1  # s of imaging before the first trial and after the last, for filters to look back and ahead
_P_CORRECT = {15: 0.7, 30: 0.8, 60: 0.9, 90: 0.95}  # by distance from the midline: errors are more frequent near it
_MAZE_TIME = (2.6, 3.4)  # s
_BETWEEN = 1.4  # s from the end of a maze to the start of the next
_FIRST_SOUND, _SOUND_EVERY = 0.2, 0.6  # s after the start; until the turn begins


class MazeSession(NamedTuple):
    """What the animal heard and did.

    Attributes
    ----------
    time : ndarray (time,)
        Left edges of the frames, s.
    trials : pandas.DataFrame
        `start`, `stop`, `stimulus` (degrees), `context`, `sound_1`, `sound_2`, ... (s); in the maze also `choice`,
        `correct`, `turn`, `reward`, `no_reward` (s, NaN where it did not happen).
    signals : dict of str to ndarray (time,)
        In the maze `position` (m along the path, NaN outside), `velocity_x`, `velocity_y` (m/s), `view_angle`
        (degrees, 0 outside); passively none.
    """

    time: NDArray[np.float64]
    trials: pd.DataFrame
    signals: dict[str, NDArray[np.float64]]


def simulate_session(context: str, n_trials: int, bin_width: float, rng: np.random.Generator) -> MazeSession:
    """Simulate what an animal hears and does, in the maze (active) or outside it (passive)."""
    maze_time = rng.uniform(*_MAZE_TIME, n_trials)
    start = LEAD + np.concatenate([[0], np.cumsum(maze_time + _BETWEEN)[:-1]])
    stop = start + maze_time + _BETWEEN
    location = rng.permutation(np.resize(LOCATIONS, n_trials))
    time = np.arange(int((stop[-1] + TAIL) / bin_width), dtype=np.float64) * bin_width
    trials = pd.DataFrame({"start": start, "stop": stop, "stimulus": location, "context": context})
    phase = rng.uniform(0, 2 * np.pi, n_trials)
    turn = start + maze_time * _share_at(STEM / MAZE, phase)
    trials = trials.assign(**_sounds(start, turn))
    if context == "passive":
        return MazeSession(time, trials, {})
    correct = rng.random(n_trials) < np.vectorize(_P_CORRECT.get)(np.abs(location))
    right = (location > 0) == correct
    arrived = start + maze_time
    trials = trials.assign(
        choice=np.where(right, "right", "left"),
        correct=correct,
        turn=turn,
        reward=np.where(correct, arrived, np.nan),
        no_reward=np.where(correct, np.nan, arrived),
    )
    return MazeSession(time, trials, _movement(time, trials, maze_time, phase, rng))


def sound_times(trials: pd.DataFrame) -> NDArray[np.float64]:
    """Times of a session's sounds ``(trial, repeat)`` in s, NaN where a trial had fewer."""
    names = sorted((n for n in trials.columns if n.startswith("sound_")), key=lambda n: int(n.removeprefix("sound_")))
    return trials[names].to_numpy(float)


def smooth_noise(n: int, memory: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """First-order autoregressive noise of mean 0 and standard deviation 1; memory in bins."""
    keep = np.exp(-1 / memory)
    out = rng.standard_normal(n)
    out[1:] *= np.sqrt(1 - keep**2)
    for t in range(1, n):
        out[t] += keep * out[t - 1]
    return out


def _path(share: NDArray, phase: NDArray) -> NDArray:
    """Share of the path covered after a share of the time; speed varies by 30% along the way."""
    return share + 0.3 * (np.sin(2 * np.pi * share + phase) - np.sin(phase)) / (2 * np.pi)


def _share_at(path: float, phase: NDArray) -> NDArray:
    """Share of the time after which a share of the path is covered, trial by trial."""
    share = np.linspace(0, 1, 401)
    return np.array([np.interp(path, _path(share, p), share) for p in phase])


def _sounds(start: NDArray, turn: NDArray) -> dict[str, NDArray]:
    first = start + _FIRST_SOUND
    most = int(np.floor(np.max(turn - first) / _SOUND_EVERY)) + 1
    times = first[:, None] + _SOUND_EVERY * np.arange(most)
    times[times >= turn[:, None]] = np.nan
    return {f"sound_{k + 1}": times[:, k] for k in range(most)}


def _movement(
    time: NDArray, trials: pd.DataFrame, maze_time: NDArray, phase: NDArray, rng: np.random.Generator
) -> dict[str, NDArray]:
    """Position along the path, velocity and view angle, frame by frame."""
    row = np.searchsorted(trials["start"].to_numpy(), time, side="right") - 1
    share = (time - trials["start"].to_numpy()[row]) / maze_time[row]
    inside = (row >= 0) & (share < 1)
    position = np.where(inside, MAZE * _path(share, phase[row]), np.nan)
    memory = 0.3 / (time[1] - time[0])
    wobble = [smooth_noise(time.size, memory, rng) for _ in range(3)]
    speed = MAZE * (1 + 0.3 * np.cos(2 * np.pi * share + phase[row])) / maze_time[row]
    side = np.where(trials["choice"].to_numpy() == "right", 1.0, -1.0)[row]
    bend = np.clip((np.nan_to_num(position) - STEM) / 0.4, 0, 1)
    lean = 5.0 * np.nan_to_num(position) / MAZE  # mice drift to their side before they turn
    angle = np.where(inside, side * (lean + 85.0 * bend) + 4.0 * wobble[0], 0.0)
    heading, speed = np.deg2rad(angle), np.where(inside, speed, 0.0)
    return {
        "position": position,
        "velocity_x": speed * np.sin(heading) + 0.05 * wobble[1],
        "velocity_y": speed * np.cos(heading) + 0.05 * wobble[2],
        "view_angle": angle,
    }

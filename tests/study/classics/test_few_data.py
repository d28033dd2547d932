"""Few data: everyone learns from the same trials, and is tried on the same others."""

import numpy as np
import pytest

from neurorec.study.classics.few_data import CHOICES, N_LOOK, SETTINGS_OF, Pool, interval, measure_few_data
from neurorec.tasks import NoisyEvidence, Task
from neurorec.training import TrainingSettings


def test_a_pool_has_no_other_trials_and_keeps_some_to_look_at():
    task = NoisyEvidence(dt=0.05)
    trials = task.sample(20, rng=np.random.default_rng(0))
    pool = Pool(task, trials)
    assert isinstance(pool, Task)
    rng = np.random.default_rng(1)

    def which(n: int) -> set[int]:
        drawn = pool.sample(n, rng=rng)["inputs"].values
        return {int(np.flatnonzero((trials["inputs"].values == one).all(axis=(1, 2)))[0]) for one in drawn}

    looked, learnt = which(N_LOOK) | which(4 * N_LOOK), which(320)
    assert looked == set(range(5))
    assert learnt == set(range(5, 20))
    assert pool.score(trials, trials["targets"]) == task.score(trials, trials["targets"])


def test_the_interval_is_student_s():
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((4000, 4)) + 1
    low, high = interval(draws)
    assert np.mean((low < 1) & (high > 1)) == pytest.approx(0.95, abs=0.015)
    assert interval(np.array([2.0])) == (2.0, 2.0)


@pytest.mark.long
def test_learning_shows_in_small_form():
    short = TrainingSettings(n_steps=20, batch=16, learning_rate=3e-3, check_every=10, n_held_out=N_LOOK)
    tasks = {"noisy evidence": SETTINGS_OF["noisy evidence"]}
    found = measure_few_data(
        (24,), n_seeds=1, n_units=8, n_reservoir=100, n_test=300, settings=short, tasks=tasks, n_jobs=1
    )
    score = found.data["few_data"]["score"].sel(task="noisy evidence", n_trials=24)
    assert float(score.sel(learner="reservoir", where="same").mean()) > 0.65
    assert ((score > 0.2) & (score <= 1)).all()
    assert len(found.claims) == 6
    assert found.claims[0].holds is not None
    assert len(CHOICES) == 2
    assert len(found.figures["few_data"][0].axes) == 2

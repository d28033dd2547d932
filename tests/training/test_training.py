"""Training from end to end: what it promises about seeds, threads, checkpoints, divergence and what it leaves alone."""

import itertools
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    Constrained,
    Elman,
    Leaky,
    Stacked,
    block_mask,
    build_network,
    dale_signs,
    with_readout,
)
from neurorec.recording import FileError, InputError
from neurorec.tasks import FlipFlop, NoisyEvidence, Reber
from neurorec.training import TrainingSettings, TrainingWarning, evaluate, train
from neurorec.training.training import _progress

TASK = FlipFlop(n_bits=1, duration=0.3)
QUICK = TrainingSettings(n_steps=6, check_every=3, batch=8, n_held_out=16, learning_rate=1e-2)


def _leaky(rng):
    return with_readout(Leaky.random(1, 6, noise=0.2, rng=rng), 1, rng=rng)


def _train(network=_leaky, settings=QUICK, task=TASK, **options):
    return train(task, network, settings=settings, progress=False, **options)


def _same(one, other):
    for found, known in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(found, known)


@pytest.fixture(scope="module")
def plain():
    """Six updates of a leaky network."""
    return _train()


def test_the_same_seed_gives_the_same_weights_whatever_the_threads(plain):
    for n_jobs in (1, 3):
        again = _train(n_jobs=n_jobs)
        _same(again.networks, plain.networks)
        assert again.curve.identical(plain.curve)
    other = _train(seeds=1)
    assert (np.asarray(other.network.cell.recurrent) != np.asarray(plain.network.cell.recurrent)).all()


def test_the_curve_says_what_was_seen(plain):
    curve = plain.curve
    assert curve["loss"].dims == curve["gradient_norm"].dims == ("seed", "step")
    assert curve["look"].values.tolist() == [0, 3, 6]
    assert curve["n_steps"].values.tolist() == [6]
    assert curve["status"].values.tolist() == ["out of steps"]
    assert curve["best_score"].values[0] == curve["score"].max()
    assert np.isfinite(curve["loss"]).all()
    assert (curve.attrs["criterion"], curve.attrs["task"]) == (TASK.criterion, repr(TASK))
    assert not plain.solved
    assert plain.network is plain.networks[0]


def test_seeds_side_by_side_are_those_one_by_one(plain):
    both = _train(seeds=np.arange(2))
    assert both.curve["seed"].values.tolist() == [0, 1]
    np.testing.assert_allclose(both.curve["loss"][0], plain.curve["loss"][0], rtol=1e-4)
    np.testing.assert_allclose(both.curve["gradient_norm"][0], plain.curve["gradient_norm"][0], rtol=1e-3)
    np.testing.assert_allclose(both.curve["held_out_loss"][0], plain.curve["held_out_loss"][0], rtol=1e-3)
    best = both.networks[int(np.argmax(both.curve["best_score"].values))]
    assert both.network is best


@pytest.mark.parametrize("kind", ["leaky", "gru"])
def test_going_on_from_a_checkpoint_is_never_having_stopped(kind, tmp_path, plain):
    network = _leaky if kind == "leaky" else "gru"
    whole = plain if kind == "leaky" else _train(network)
    file = tmp_path / "there" / "checkpoint.npz"
    _train(network, replace(QUICK, n_steps=3), checkpoint=file)
    gone_on = _train(network, checkpoint=file)
    _same(gone_on.networks, whole.networks)
    assert gone_on.curve.identical(whole.curve)
    assert [path.name for path in file.parent.iterdir()] == ["checkpoint.npz"]
    _same(_train(network, checkpoint=file).networks, whole.networks)  # nothing is left to do


def test_looks_stay_in_step_when_training_is_lengthened(tmp_path):
    file = tmp_path / "checkpoint.npz"
    _train(settings=replace(QUICK, n_steps=4), checkpoint=file)
    assert _train(checkpoint=file).curve["look"].values.tolist() == [0, 3, 4, 6]


def test_checkpoints_of_something_else_are_refused(tmp_path):
    file = tmp_path / "checkpoint.npz"
    brief = replace(QUICK, n_steps=1)

    def masked(share):
        def build(rng):
            mask = np.random.default_rng(0).random((6, 6)) < share
            return with_readout(
                Leaky.random(1, 6, recurrent=Constrained.random(6, mask=mask, rng=rng), rng=rng), 1, rng=rng
            )

        return build

    _train(masked(0.5), brief, checkpoint=file)
    for differing, what in (
        ({"settings": replace(brief, clip=2.0)}, "settings"),
        ({"settings": brief, "seeds": 1}, "seeds"),
        ({"settings": brief, "task": replace(TASK, pulse_rate=1.0)}, "task"),
        ({"settings": brief, "network": _leaky}, "network"),
        ({"settings": brief, "network": masked(0.6)}, "frozen parts"),
    ):
        with pytest.raises(FileError, match=f"the same .*{what}") as caught:
            _train(**{"network": masked(0.5), **differing}, checkpoint=file)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["empty", "text", "cut", "array", "another"])
def test_broken_checkpoints_are_refused(content, tmp_path):
    file = tmp_path / "checkpoint.npz"
    if content in ("empty", "text"):
        file.write_text("" if content == "empty" else "no checkpoint\nat all")
    elif content == "array":
        np.save(file.with_suffix(".npy"), np.ones(3))
        file = file.with_suffix(".npy")
    else:
        np.savez(file, ones=np.ones(300))
        if content == "cut":
            file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FileError, match="expected a checkpoint") as caught:
        _train(checkpoint=file)
    assert "\n" not in str(caught.value)


def test_a_run_that_diverges_says_so_and_keeps_what_was_good():
    wild = replace(QUICK, n_steps=60, learning_rate=1e6, clip=0.0)
    with pytest.warns(TrainingWarning, match=r"seed 0: .* step \d+ \(norm .*Lower learning_rate \(1e\+06\)") as caught:
        training = _train(
            lambda rng: with_readout(Elman.random(1, 6, nonlinearity="linear", rng=rng), 1, rng=rng), wild
        )
    assert caught[0].filename == __file__
    assert training.curve["status"].values.tolist() == ["diverged"]
    for leaf in jax.tree.leaves(eqx.filter(training.networks, eqx.is_inexact_array)):
        assert np.isfinite(leaf).all()
    trials = TASK.sample(16, rng=np.random.default_rng(0))
    assert np.isfinite(evaluate(training.network, TASK, trials).loss)
    assert training.curve["score"].max() == training.curve["best_score"]


def test_one_diverging_seed_leaves_the_others_alone(plain):
    count = itertools.count()

    def build(rng):
        network = _leaky(rng)
        broken = next(count) == 1
        return eqx.tree_at(lambda n: n.output, network, np.inf * network.output) if broken else network

    with pytest.warns(TrainingWarning, match="seed 1: .* step 0"):
        training = _train(build, seeds=(0, 1))
    assert training.curve["status"].values.tolist() == ["out of steps", "diverged"]
    np.testing.assert_allclose(training.curve["loss"][0], plain.curve["loss"][0], rtol=1e-4)
    assert training.network is training.networks[0]


def test_nothing_but_broken_weights_ends_at_once():
    network = _leaky(np.random.default_rng(0))
    broken = eqx.tree_at(lambda n: n.cell.bias, network, jnp.full(6, jnp.nan))
    with pytest.warns(TrainingWarning, match="step 0"):
        training = _train(broken)
    assert training.curve["look"].values.tolist() == [0, 3]
    assert not training.solved


def test_training_ends_at_the_criterion_or_when_nothing_moves():
    solved = _train(settings=replace(QUICK, criterion=0.0))
    assert (solved.curve["status"].item(), solved.curve.sizes["step"], solved.solved) == ("solved", 0, True)
    still = _train(settings=replace(QUICK, n_steps=30, learning_rate=1e-12, patience=2))
    assert still.curve["status"].item() == "no further improvement"
    assert still.curve.sizes["step"] == 6


def test_a_lucky_look_is_not_a_solution():
    """Guessing reaches the criterion on few trials at some look; trials that confirm it do not."""
    task = NoisyEvidence(noise=3.0, coherences=(0.001,))  # nothing can be learnt
    settings = TrainingSettings(n_steps=40, batch=4, check_every=1, n_held_out=16, criterion=0.75, learning_rate=3e-2)
    training = _train("elman", settings, task, seeds=range(8))
    assert (training.curve["score"] >= 0.75).sum() > 3
    assert (training.curve["status"] == "out of steps").all()
    assert abs(training.curve["test_score"].mean() - 0.5) < 0.1


class _Seen:
    outputs = None

    def __init__(self, score, loss):
        self.score, self.loss = score, loss


def test_the_best_look_has_the_best_score_then_the_lowest_loss():
    scores, losses = np.array([0.5, 0.9, np.nan]), np.array([0.1, 0.3, np.nan])
    for score, loss, expected in (
        (0.9, 0.2, (True, True)),  # an equal score, a lower loss than with it
        (0.9, 0.3, (False, False)),
        (0.95, 0.9, (True, True)),
        (0.4, 0.05, (False, True)),  # not the best, but it moves
        (0.4, 0.2, (False, False)),
        (1.0, np.nan, (False, False)),
    ):
        assert _progress(_Seen(score, loss), scores, losses) == expected  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    two_in = with_readout(Leaky.random(2, 4, rng=rng), 1, rng=rng)
    two_out = with_readout(Leaky.random(1, 4, rng=rng), 2, rng=rng)
    with pytest.raises(InputError, match="1 input channels, as task FlipFlop has, found 2"):
        _train(two_in)
    with pytest.raises(InputError, match="1 output channels, as task FlipFlop has, found 2"):
        _train(two_out)
    with pytest.raises(InputError, match=r"frozen: expected parts of it: cell\.bias, .* found 'cell\.weights'"):
        _train(with_readout(Leaky.random(1, 4, rng=rng), 1, frozen=("cell.weights",), rng=rng))
    frozen = ("cell", "output", "output_bias", "initial")
    with pytest.raises(InputError, match="none: all parts are frozen"):
        _train(with_readout(Leaky.random(1, 4, rng=rng), 1, frozen=frozen, rng=rng))
    with pytest.raises(InputError, match="one for 2 seeds"):
        _train(_leaky(rng), seeds=(0, 1))
    with pytest.raises(InputError, match="all different"):
        _train(seeds=(1, 1))
    with pytest.raises(InputError, match="one kind, with one size"):
        _train(lambda rng: with_readout(Leaky.random(1, int(rng.integers(4, 9)), rng=rng), 1, rng=rng), seeds=(0, 1))
    for wrong in ({"window": (3, 2)}, {"n_steps": 0}, {"clip": -1.0}, {"schedule": "linear"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            replace(QUICK, **wrong)


def test_signs_masks_and_frozen_parts_hold():
    rng = np.random.default_rng(0)
    mask, area = block_mask({"V1": 4, "PPC": 4}, within=0.8, between=0.3, rng=rng)
    recurrent = Constrained.random(8, mask=mask, sign=dale_signs(8), rng=rng)
    cell = Leaky.random(1, 8, recurrent=recurrent, area=area, rng=rng)
    before = with_readout(cell, 1, frozen=("initial", "cell.input", "output_bias"), rng=rng)
    rough = replace(QUICK, n_steps=20, check_every=10, learning_rate=0.3, weight_penalty=1e-3)
    after = _train(before, rough).network
    weights = np.asarray(after.cell.recurrent.weights())
    assert not weights[~mask].any()
    assert (weights * dale_signs(8) >= 0).all()
    assert (weights != np.asarray(before.cell.recurrent.weights()))[mask].all()
    np.testing.assert_array_equal(after.cell.recurrent.mask, mask)
    for part in (lambda n: n.initial, lambda n: n.cell.input, lambda n: n.output_bias):
        np.testing.assert_array_equal(part(after), part(before))
    assert (np.asarray(after.output) != np.asarray(before.output)).all()
    assert after.cell.area == area
    free = _train(replace(before, frozen=()), rough).network
    assert (np.asarray(free.initial) != 0).all()


def test_stacks_learn_with_their_noise():
    rng = np.random.default_rng(0)
    cells = [Leaky.random(n_in, 4, noise=0.5, rng=rng) for n_in in (1, 4)]
    noisy = with_readout(Stacked(tuple(cells)), 1, rng=rng)
    quiet = with_readout(Stacked(tuple(replace(cell, noise=0.0) for cell in cells)), 1, rng=rng)
    quiet = eqx.tree_at(lambda n: n.output, quiet, noisy.output)
    brief = replace(QUICK, n_steps=1)
    assert noisy.noise_scale == cells[0].noise_scale > 0
    assert quiet.noise_scale == 0
    losses = [_train(network, brief).curve["loss"].item() for network in (noisy, quiet)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("kind", ["elman", "jordan", "gru", "second_order", "delay_feedforward"])
def test_networks_of_many_kinds_lower_their_loss(kind):
    settings = TrainingSettings(n_steps=40, check_every=40, batch=16, n_held_out=16, learning_rate=1e-2)
    task = FlipFlop(n_bits=1, duration=0.24)
    training = _train(lambda rng: build_network(kind, 1, 1, n_units=8, taps=5, rng=rng), settings, task)
    loss = training.curve["held_out_loss"].values[0]
    assert loss[1] < 0.9 * loss[0]


def test_trials_of_many_lengths_are_learnt_by_windows_and_a_schedule():
    settings = replace(QUICK, window=(2, 4), schedule="cosine", n_steps=20, check_every=20)
    curve = _train("elman", settings, Reber()).curve
    assert curve["held_out_loss"].values[0, 1] < 0.95 * curve["held_out_loss"].values[0, 0]

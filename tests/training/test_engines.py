"""The two ways to take a step: compiled loops and differentiation learn the same."""

import equinox as eqx
import jax
import numpy as np
import pytest

from neurorec.networks import GRU, LSTM, Constrained, Leaky, LowRank, SecondOrder, dale_signs, with_readout
from neurorec.training.learner import start_learning
from neurorec.training.settings import TrainingSettings
from neurorec.training.updating import ScanEngine, TiledEngine, choose_engine

LOSS = {"plain": "squared", "signed": "bernoulli", "low rank": "cross_entropy", "lstm": "squared", "gru": "bernoulli"}


def _network(kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind in ("lstm", "gru"):
        return with_readout({"lstm": LSTM, "gru": GRU}[kind].random(3, 5, rng=rng), 2, frozen=(), rng=rng)
    mask = np.random.default_rng(0).random((5, 5)) < 0.7
    recurrent = {
        "plain": lambda: None,
        "signed": lambda: Constrained.random(5, mask=mask, sign=dale_signs(5), rng=rng),
        "low rank": lambda: LowRank.random(5, 2, rng=rng),
    }[kind]()
    form = "current" if kind == "low rank" else "rate"
    cell = Leaky.random(3, 5, recurrent=recurrent, noise=0.0, form=form, nonlinearity="softplus", rng=rng)
    return with_readout(cell, 2, frozen=("cell.bias",) if kind == "signed" else (), rng=rng)


def _batches(make_batch, n_seeds):
    return type(make_batch())(*(np.stack(parts) for parts in zip(*(make_batch(9, 6, seed=k) for k in range(n_seeds)))))


@pytest.mark.long
@pytest.mark.parametrize(("kind", "n_seeds"), [("plain", 2), ("signed", 1), ("low rank", 1), ("lstm", 2), ("gru", 1)])
def test_both_engines_learn_the_same(kind, n_seeds, make_batch):
    settings = TrainingSettings(weight_penalty=1e-3, rate_penalty=0.1, clip=0.0)
    networks = [_network(kind, seed) for seed in range(n_seeds)]
    learner, fixed = start_learning(networks, settings.optimiser())
    seeds = tuple(range(n_seeds))
    tiled = choose_engine(learner, fixed, loss=LOSS[kind], settings=settings, seeds=seeds, pool=None)
    assert isinstance(tiled, TiledEngine)
    scanned = ScanEngine(fixed, networks[0], loss=LOSS[kind], settings=settings, seeds=seeds)
    batch = _batches(make_batch, n_seeds)
    one, other = learner, learner
    for step in range(2):
        one, seen = tiled.update(one, batch, step)
        other, expected = scanned.update(other, batch, step)
        np.testing.assert_allclose(seen.loss, expected.loss, rtol=3e-6)
        np.testing.assert_allclose(seen.gradient_norm, expected.gradient_norm, rtol=1e-5)
        # what Adam remembers is the gradient, which an update of the weights all but takes the sign of
        remembered = (jax.tree.leaves(part.optimiser) for part in (one, other))
        for found, known in zip(*remembered, strict=True):
            np.testing.assert_allclose(found, known, atol=3e-6 * float(seen.gradient_norm.max()))
    assert jax.tree.structure(one) == jax.tree.structure(other)


def test_which_engine_is_chosen():
    rng = np.random.default_rng(0)
    leaky = with_readout(Leaky.random(3, 5, rng=rng), 2, rng=rng)
    chosen = {}
    for name, network, settings in (
        ("leaky", leaky, TrainingSettings()),
        ("windows", leaky, TrainingSettings(window=(2, 4))),
        ("second order", with_readout(SecondOrder.random(3, 5, rng=rng), 2, rng=rng), TrainingSettings()),
        ("shortcut", with_readout(leaky.cell, 2, shortcut=True, rng=rng), TrainingSettings()),
        ("half", jax.tree.map(lambda x: x.astype("float16"), leaky), TrainingSettings()),
    ):
        learner, fixed = start_learning([network], settings.optimiser())
        chosen[name] = type(
            choose_engine(learner, fixed, loss="squared", settings=settings, seeds=(0,), pool=None)
        ).__name__
    on_cpu = jax.default_backend() == "cpu"
    assert chosen.pop("leaky") == ("TiledEngine" if on_cpu else "ScanEngine")
    assert set(chosen.values()) == {"ScanEngine"}


def test_what_is_not_finite_changes_nothing(make_batch):
    settings = TrainingSettings()
    networks = [_network("plain", seed) for seed in range(2)]
    broken = eqx.tree_at(lambda n: n.output, networks[1], np.inf * networks[1].output)
    learner, fixed = start_learning([networks[0], broken], settings.optimiser())
    engine = choose_engine(learner, fixed, loss="squared", settings=settings, seeds=(0, 1), pool=None)
    after, seen = engine.update(learner, _batches(make_batch, 2), 0)
    assert np.asarray(after.alive).tolist() == [True, False]
    assert np.isfinite(seen.loss).tolist() == [True, False]
    for old, new in zip(jax.tree.leaves(learner.trained), jax.tree.leaves(after.trained), strict=True):
        assert (np.asarray(old[0]) != np.asarray(new[0])).any()
        np.testing.assert_array_equal(old[1], new[1])

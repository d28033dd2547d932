"""One of each network, small, and batches to try them on."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurorec.networks import (
    GRU,
    LSTM,
    Constrained,
    DelayFeedforward,
    Elman,
    EncoderDecoder,
    Jordan,
    Leaky,
    LowRank,
    SecondOrder,
    Stacked,
    TappedDelay,
    dale_signs,
    with_readout,
)
from neurorec.training.batches import Batch


@cache
def of_each() -> dict:
    """Networks of 3 inputs and 2 outputs, by name."""
    rng = np.random.default_rng(0)
    signs, mask = dale_signs(5, excitatory=0.6), rng.random((5, 5)) < 0.6
    signed = Constrained.random(5, mask=mask, sign=signs, rng=rng)
    layers = (LSTM.random(3, 3, rng=rng), Leaky.random(3, 2, form="current", rng=rng))
    cells = {
        "elman": Elman.random(3, 4, nonlinearity="softplus", rng=rng),
        "leaky, noise inside": Leaky.random(3, 4, rng=rng),
        "leaky, noise outside": Leaky.random(3, 4, noise_inside=False, nonlinearity="sigmoid", rng=rng),
        "leaky, currents": Leaky.random(3, 4, form="current", rng=rng),
        "leaky, signed": Leaky.random(3, 5, recurrent=signed, rng=rng),
        "leaky, low rank": Leaky.random(3, 4, recurrent=LowRank.random(4, 2, rng=rng), rng=rng),
        "gru": GRU.random(3, 4, rng=rng),
        "lstm": LSTM.random(3, 3, rng=rng),
        "second order": SecondOrder.random(3, 4, first_order=True, rng=rng),
        "stacked": Stacked(layers),
    }
    return {
        **{name: with_readout(cell, 2, frozen=(), rng=rng) for name, cell in cells.items()},
        "shortcut": with_readout(cells["elman"], 2, shortcut=True, frozen=(), rng=rng),
        "jordan": Jordan.random(3, 4, 2, memory=0.4, feedback_nonlinearity="sigmoid", rng=rng),
        "encoder-decoder": EncoderDecoder.random(3, 2, 2, go=1, slots=3, feedback="tanh", rng=rng),
        "tapped delay": TappedDelay.random(3, 2, taps=3, rng=rng),
        "delay feedforward": DelayFeedforward.random(3, 4, 2, taps=3, rng=rng),
    }


NAMES = tuple(of_each())


@pytest.fixture(params=NAMES)
def name(request) -> str:
    """Of a network."""
    return request.param


@pytest.fixture
def network(name):
    """One of each."""
    return of_each()[name]


@pytest.fixture
def in_double():
    """What redraws the weights of a network in float64, so that none is 0 by chance."""
    rng = np.random.default_rng(5)

    def redrawn(leaf):
        floating = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)
        return jax.device_put(0.5 * rng.standard_normal(leaf.shape)) if floating else leaf

    return lambda network: jax.tree.map(redrawn, network)


@pytest.fixture
def make_batch():
    """What draws a batch of 3 inputs and 2 outputs; the last trials are shorter than the others."""

    def draw(n_steps=6, n_trials=3, dtype=np.float32, seed=1):
        rng = np.random.default_rng(seed)
        shape = (n_steps, n_trials)
        inside = (np.arange(n_steps)[:, None] < n_steps - np.arange(n_trials)).astype(dtype)
        inputs = rng.standard_normal((*shape, 3)).astype(dtype) * inside[:, :, None]
        targets = rng.dirichlet(np.ones(2), shape).astype(dtype) * inside[:, :, None]
        mask = rng.choice([0.0, 1.0, 2.5], shape).astype(dtype) * inside
        return Batch(inputs, targets, mask, inside)

    return draw

"""The convolutional network: its equation, by hand and by loops, and what it is without its recurrent kernels."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate2d

from neurorec.networks import Convolutional, System, run
from neurorec.recording import InputError


def drawn(**options) -> Convolutional:
    given = {"lateral": True, "top_down": True, "recurrent_gain": 0.7}
    return Convolutional.random(8, (3, 5), 4, **{**given, **options}, rng=np.random.default_rng(0))


def by_loops(network: Convolutional, states: list, image: np.ndarray) -> list:
    """One step as the equation says it, map by map."""

    def conv(maps, kernel):
        out = np.zeros((*maps.shape[:2], kernel.shape[3]))
        for b in range(kernel.shape[3]):
            for a in range(kernel.shape[2]):
                out[..., b] += correlate2d(maps[..., a], kernel[:, :, a, b], mode="same")
        return out

    n = image.shape[0] // 2
    seen = np.stack([image[i::2, j::2] for i in range(2) for j in range(2)], axis=-1)
    after = []
    for k in range(2):
        drive = conv(seen, np.asarray(network.bottom_up[k], float)) + np.asarray(network.bias[k], float)
        drive = drive + conv(states[k], np.asarray(network.lateral[k], float))
        if k == 0:
            drive = drive + np.kron(conv(states[1], np.asarray(network.top_down[0], float)), np.ones((2, 2, 1)))
        after.append(np.maximum(drive, 0))
        seen = after[0].reshape(n // 2, 2, n // 2, 2, -1).max(axis=(1, 3))
    return after


def test_its_steps_are_those_of_the_equation():
    network = drawn()
    network = eqx.tree_at(lambda n: n.bias, network, (jnp.array([0.1, -0.2, 0.3]), jnp.linspace(-0.1, 0.2, 5)))
    images = np.random.default_rng(1).random((3, 8, 8))
    states, seen = [np.zeros((4, 4, 3)), np.zeros((2, 2, 5))], []
    for image in images:
        states = by_loops(network, states, image)
        seen.append(np.concatenate([part.ravel() for part in states]))
    found = run(network, images.reshape(3, 64))
    np.testing.assert_allclose(found, seen, rtol=2e-5, atol=2e-6)
    outputs = np.asarray(network.output) @ seen[-1][48:] + np.asarray(network.output_bias)
    np.testing.assert_allclose(network.readout(found[-1]), outputs, rtol=1e-4, atol=1e-5)
    assert np.abs(seen[1] - seen[2]).max() > 0.1


def test_the_first_step_is_the_feedforward_sweep_and_without_kernels_nothing_follows():
    network, images = drawn(), np.random.default_rng(2).random((1, 6, 64)).astype(np.float32)
    still = np.repeat(images, 4, axis=0)
    whole, cut = run(network, still), run(network.feedforward(), still)
    np.testing.assert_allclose(whole[0], cut[0], atol=1e-6)
    np.testing.assert_allclose(cut, np.repeat(cut[:1], 4, axis=0), atol=1e-6)
    assert float(jnp.abs(whole[1] - whole[0]).max()) > 0.01


def test_lateral_kernels_alone_leave_the_layer_below_to_itself():
    images = np.repeat(np.random.default_rng(3).random((1, 64)), 3, axis=0)
    whole, lateral = drawn(), drawn(top_down=False)
    lateral = eqx.tree_at(
        lambda n: (n.bottom_up, n.lateral, n.output), lateral, (whole.bottom_up, whole.lateral, whole.output)
    )
    below = [np.asarray(run(n, images))[:, :48] for n in (whole, lateral)]
    np.testing.assert_allclose(below[0][0], below[1][0], atol=1e-6)
    assert np.abs(below[0][1] - below[1][1]).max() > 1e-3


def test_written_out_or_in_a_loop_it_is_the_same_and_axes_pass_through():
    network = drawn()
    inputs = np.random.default_rng(4).random((41, 2, 3, 64)).astype(np.float32) / 10
    calm = eqx.tree_at(lambda n: n.lateral, network, tuple(0.1 * k for k in network.lateral))
    long = run(calm, inputs)
    np.testing.assert_allclose(run(calm, inputs[:5]), long[:5], atol=1e-5)
    alone = run(calm, inputs[:5, 1, 2])
    np.testing.assert_allclose(alone, long[:5, 1, 2], atol=1e-5)
    assert calm.readout(long).shape == (41, 2, 3, 4)


def test_it_is_a_system_with_areas_and_weights_to_count():
    network = drawn()
    assert isinstance(network, System)
    assert (network.n_inputs, network.n_units, network.n_outputs, network.n_states) == (64, 68, 4, 68)
    assert network.area.count("layer_1") == 48
    assert network.area.count("layer_2") == 20
    counted = 9 * (4 * 3 + 3 * 5) + 8 + 9 * (9 + 25) + 9 * 15 + 4 * 20 + 4
    assert network.n_weights == counted
    layers = network.layers(jnp.arange(68.0))
    assert [part.shape for part in layers] == [(4, 4, 3), (2, 2, 5)]
    assert float(layers[1][0, 0, 0]) == 48
    assert jax.tree.leaves(network.feedforward().lateral) == []


def test_a_network_that_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"side: expected divisible by 2 for each of 2 layers.*found 10"):
        Convolutional.random(10, (3, 5), 4, rng=rng)
    with pytest.raises(InputError, match=r"kernel, n_maps: expected an odd size, and one map or more, found 4 and"):
        Convolutional.random(8, (3, 5), 4, kernel=4, rng=rng)
    network = drawn()
    with pytest.raises(InputError, match=r"lateral: expected square kernels of odd size"):
        Convolutional(network.bottom_up, network.bias, network.lateral[:1], (), network.output, network.output_bias, 8)
    with pytest.raises(InputError, match=r"output: expected 20 columns"):
        Convolutional(network.bottom_up, network.bias, (), (), network.output[:, 1:], network.output_bias, 8)
    with pytest.raises(InputError, match=r"draws: expected a system with private noise"):
        run(network, np.zeros((2, 64)), draws=np.zeros((2, 68)))

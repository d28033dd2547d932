"""The network that follows: membranes, tuning, feedback, and weights of low rank beside all weights one by one."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from neurorec.networks import FollowNetwork, run, run_follow, simulate_follow
from neurorec.networks.spiking.follow_tuning import draw_tuning, fit_decoders, points_in_ball, steady_rates
from neurorec.recording import InputError, check_recording


def drawn(n: int = 60, m: int = 40, *, seed: int = 0, **options) -> FollowNetwork:
    rng = np.random.default_rng(seed)
    return FollowNetwork.random(n, m, radius=1.0, command_radius=0.2, rng=rng, **options)


def signals(n_steps: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    command = np.repeat(rng.uniform(-0.1, 0.1, (n_steps // 50, 2)), 50, axis=0)
    time = np.arange(n_steps) * 1e-3
    return command, 0.7 * np.stack([np.cos(9 * time), np.sin(9 * time)], axis=1)


class OneByOne:
    """The paper's equations, a number for each pair of units, each layer in turn."""

    def __init__(self, network: FollowNetwork, eta: float, base: np.ndarray) -> None:
        self.n, self.eta = network, eta
        self.w = base.copy()
        self.w_in = np.zeros((network.n_units, len(network.input_bias)))
        self.layers = [np.zeros((3, size)) for size in (network.n_units, len(network.input_bias))]
        self.x, self.fed, self.slow = np.zeros(2), np.zeros(2), np.zeros(2)

    def membrane(self, layer, current):
        v, wait, trace = layer
        n = self.n
        free = np.clip(n.dt - wait, 0, n.dt)
        u = np.maximum(current + (v - current) * np.exp(-free / n.tau_membrane), 0)
        spike = u > 1
        late = np.zeros_like(u)
        late[spike] = n.tau_membrane * np.log((current[spike] - 1) / (current[spike] - u[spike]))  # since threshold
        keep = np.exp(-n.dt / n.tau)
        layer[0] = np.where(spike, 0, u)
        layer[1] = np.where(spike, n.refractory - late, np.maximum(wait - n.dt, 0))
        layer[2] = keep * trace + (1 - keep) / n.dt * spike

    def step(self, u, x):
        n, (own, layer) = self.n, self.layers
        encoder = n.encoder.T
        current = self.w @ own[2] + self.w_in @ layer[2] + n.gain * encoder @ self.fed + n.bias
        self.membrane(own, current)
        self.membrane(layer, n.input_encoder.T @ u + n.input_bias)
        keep, slow = np.exp(-n.dt / n.tau), np.exp(-n.dt / 0.2)
        self.x = keep * self.x + (1 - keep) * x
        error = self.x - n.decoder @ own[2]
        self.fed = keep * self.fed + (1 - keep) * error
        self.slow = slow * self.slow + (1 - slow) * error
        push = n.gain * encoder @ self.slow  # of each unit: k times its encoder times the error
        self.w += self.eta * n.dt / len(own[2]) * np.outer(push, own[2])
        self.w_in += self.eta * n.dt / len(layer[2]) * np.outer(push, layer[2])
        return n.decoder @ own[2]


@pytest.mark.parametrize("begins_with_weights", [False, True])
def test_low_rank_learning_is_that_of_all_weights_one_by_one(begins_with_weights):
    network = replace(drawn(), feedback=True)
    base = 1e-4 * np.random.default_rng(5).standard_normal((60, 60)) * begins_with_weights
    command, reference = signals(500)
    plain = OneByOne(network, 0.02, base)
    outputs = np.array([plain.step(u, x) for u, x in zip(command, reference, strict=True)])
    begun = replace(network, base=base) if begins_with_weights else network
    found = run_follow(begun, command, reference=reference, learning_rate=0.02)
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-10)
    np.testing.assert_allclose(found.network.weights(), plain.w, rtol=1e-7, atol=1e-13)
    change = plain.w - base
    assert np.abs(change).max() > 1e-4  # it learned something
    assert np.linalg.svd(change, compute_uv=False)[2] < 1e-12  # of rank 2
    np.testing.assert_allclose(network.encoder.T @ found.network.input_weight, plain.w_in, rtol=1e-7, atol=1e-13)


@pytest.mark.parametrize("feedback", [False, True])
def test_a_compiled_run_is_the_system_stepped(feedback):
    rng = np.random.default_rng(3)
    network = drawn(30, 20)
    weight = 1e-3 * rng.standard_normal((2, 30))
    network = replace(network, feedback=feedback, weight=weight, input_weight=1e-3 * rng.standard_normal((2, 20)))
    command, reference = signals(300)
    inputs = np.concatenate([command, reference], axis=1) if feedback else command
    with jax.enable_x64(True):
        states = np.asarray(run(network, inputs, state=np.zeros(network.n_states)))
        outputs = np.asarray(network.readout(states))
    found = run_follow(network, command, reference=reference if feedback else None)
    np.testing.assert_allclose(found.outputs, outputs, atol=1e-9)
    np.testing.assert_allclose(found.state, states[-1], atol=1e-9)
    np.testing.assert_allclose(network.activity(states[-1]), found.state[60:90], rtol=1e-4)


def test_units_fire_at_the_rate_of_theory():
    network = drawn(50, 10)
    run_ = run_follow(replace(network, bias=np.linspace(0.5, 30, 50)), np.zeros((4000, 2)), bin_width=4.0)
    expected = steady_rates(np.linspace(0.5, 30, 50))
    np.testing.assert_allclose(run_.counts[0] / 4.0, expected, atol=0.5)
    assert run_.counts[0].max() > 4 * 340  # spikes lie between steps: intervals are no whole milliseconds


def test_tuning_begins_and_ends_where_it_was_drawn():
    tuning = draw_tuning(
        500, 2, radius=3.0, max_rates=(150.0, 150.0), intercepts=(0.5, 0.5), rng=np.random.default_rng(0)
    )
    direction = tuning.encoder / np.linalg.norm(tuning.encoder, axis=0)
    at = [np.einsum("au,au->u", tuning.encoder, r * direction) + tuning.bias for r in (1.49, 1.51, 3.0)]
    rates = [steady_rates(current) for current in at]
    assert rates[0].max() == 0
    assert rates[1].min() > 0
    np.testing.assert_allclose(rates[2], 150)
    assert np.linalg.norm(direction.mean(axis=1)) < 0.1  # no direction is preferred


def test_decoders_are_ridge_regression():
    rng = np.random.default_rng(0)
    rates, targets = rng.uniform(0, 100, (30, 12)), rng.standard_normal((30, 2))
    root = np.sqrt(30) * 0.1 * rates.max()
    stacked = np.concatenate([rates, root * np.eye(12)]), np.concatenate([targets, np.zeros((12, 2))])
    expected = np.linalg.lstsq(*stacked, rcond=None)[0].T
    np.testing.assert_allclose(fit_decoders(rates, targets), expected, rtol=1e-8)
    more = rng.uniform(0, 100, (30, 50))  # more units than points: the same, the other way round
    root = np.sqrt(30) * 0.1 * more.max()
    stacked = np.concatenate([more, root * np.eye(50)]), np.concatenate([targets, np.zeros((50, 2))])
    np.testing.assert_allclose(fit_decoders(more, targets), np.linalg.lstsq(*stacked, rcond=None)[0].T, atol=1e-12)


def test_what_is_read_is_what_drives():
    network = drawn(500)
    points = points_in_ball(200, 2, 0.9, rng=np.random.default_rng(1))
    read = network.rates(points) @ network.decoder.T
    assert np.sqrt(np.mean((read - points) ** 2)) < 0.03


def test_feedback_leaves_one_part_in_eleven():
    network = replace(drawn(300), feedback=True)
    held = run_follow(network, np.zeros((1500, 2)), reference=np.tile([0.5, -0.3], (1500, 1)))
    np.testing.assert_allclose(held.outputs[500:].mean(axis=0), np.array([0.5, -0.3]) * 10 / 11, atol=0.02)
    np.testing.assert_allclose(held.errors[-1], [0.5, -0.3] - held.outputs[-1], atol=1e-6)
    off = run_follow(replace(network, feedback=False), np.zeros((1500, 2)), reference=held.outputs * 0 + 0.5)
    assert np.abs(off.outputs[500:].mean(axis=0)).max() < 0.03


def test_a_run_cut_in_two_is_a_run():
    network = replace(drawn(), feedback=True)
    command, reference = signals(400)
    whole = run_follow(network, command, reference=reference, learning_rate=0.02)
    first = run_follow(network, command[:150], reference=reference[:150], learning_rate=0.02)
    second = run_follow(
        first.network, command[150:], reference=reference[150:], learning_rate=0.02, state=first.state,
        slow_error=first.slow_error,
    )  # fmt: skip
    np.testing.assert_allclose(np.concatenate([first.outputs, second.outputs]), whole.outputs, atol=1e-10)
    np.testing.assert_allclose(second.network.weight, whole.network.weight, rtol=1e-8)


def test_ideal_weights_make_the_rate_model_go_as_asked():
    network = drawn(800, 400)
    points = points_in_ball(3000, 2, 1.0, rng=np.random.default_rng(2))
    matrix = np.array([[-2.0, -10.0], [10.0, -2.0]])
    weight = network.ideal_weight(lambda x: x @ matrix.T, points)
    commands = points_in_ball(1000, 2, 0.2, rng=np.random.default_rng(3))
    through = network.ideal_input_weight(commands)
    np.testing.assert_allclose(network.input_rates(commands) @ through.T, commands, atol=0.03)
    made = replace(network, weight=weight, input_weight=through)
    inside = points[np.linalg.norm(points, axis=1) < 0.8]
    off = made.velocity(inside, np.zeros(2)) - inside @ matrix.T
    assert np.sqrt(np.mean(off**2)) < 0.6  # of 7, root mean squared
    model = made.rate_model()
    after = np.asarray(model.step(np.array([0.5, 0.2]), np.array([0.05, 0.0])))
    expected = np.array([0.5, 0.2]) + (1 - made.keep) * made.tau * made.velocity([0.5, 0.2], [0.05, 0.0])
    np.testing.assert_allclose(after, expected, atol=1e-5)
    # and the spiking network does the same: a pulse sets off an oscillation of 0.63 s
    command = np.zeros((1000, 2))
    command[:100, 0] = 0.15
    path = run_follow(made, command).outputs[100:, 0]
    expected = linear_path(matrix, command)[100:, 0]
    assert np.corrcoef(path, expected)[0, 1] > 0.8


def linear_path(matrix: np.ndarray, command: np.ndarray) -> np.ndarray:
    path = [np.zeros(2)]
    for u in command:
        path.append(path[-1] + 1e-3 * (matrix @ path[-1] + u / 0.02))
    return np.array(path[1:])


def test_a_recording_of_it_passes():
    network = drawn(20, 20)
    rng = np.random.default_rng(0)
    command = rng.uniform(-0.1, 0.1, (3, 500, 2))
    recording = check_recording(simulate_follow(replace(network, feedback=True), command, units=[3, 5, 7]))
    assert dict(recording.sizes) | {"unit": 3, "time": 150} == dict(recording.sizes)
    counts = run_follow(network, command[1], bin_width=0.01).counts[:, [3, 5, 7]]
    np.testing.assert_array_equal(recording["activity"].values[50:100], counts)
    np.testing.assert_allclose(recording["inputs"].values[0], command[0, :10].mean(axis=0))
    assert recording["outputs"].attrs["role"] == "output"


def test_wrong_things_are_refused():
    network = drawn(10, 10)
    still = np.zeros((20, 2))
    with pytest.raises(InputError, match="a twentieth"):
        replace(network, dt=0.002)
    with pytest.raises(InputError, match="units"):
        replace(network, bias=np.zeros(3))
    with pytest.raises(InputError, match="below 1 / refractory"):
        drawn(max_rates=(200.0, 600.0))
    with pytest.raises(InputError, match="radius"):
        FollowNetwork.random(10, 10, radius=0.0, command_radius=0.2, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="a reference to learn from"):
        run_follow(network, still, learning_rate=0.1)
    with pytest.raises(InputError, match="finite"):
        run_follow(network, still * np.nan)
    with pytest.raises(InputError, match="shapes"):
        run_follow(network, still, reference=np.zeros((5, 2)))
    with pytest.raises(InputError, match="ended in"):
        run_follow(network, still, state=np.zeros(3))
    with pytest.raises(InputError, match="whole number of steps"):
        run_follow(network, still, bin_width=0.0015)
    with pytest.raises(InputError, match="whole bins"):
        simulate_follow(network, np.zeros((2, 15, 2)))
    with pytest.raises(InputError, match="no weights beside"):
        replace(network, base=np.eye(10)).rate_model()
    with pytest.raises(InputError, match="as many points"):
        fit_decoders(np.ones((3, 2)), np.ones((4, 1)))


def test_a_network_is_the_same_however_many_threads_there_are():
    drawn = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            rng = np.random.default_rng(0)
            drawn.append(FollowNetwork.random(900, 10, radius=1.0, command_radius=0.2, rng=rng).decoder)
    np.testing.assert_array_equal(*drawn)

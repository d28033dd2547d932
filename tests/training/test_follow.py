"""FOLLOW learning: errors fall, with feedback and without; what stops can go on; controls learn nothing."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from neurorec.networks import FollowNetwork, run_follow
from neurorec.recording import FileError, InputError
from neurorec.training import Commands, linear_oscillator, train_follow, van_der_pol

COMMANDS = Commands(held=(1 / 16, 1 / 16), noise=(1 / 30, 1 / 30))


def drawn(n: int = 60, seed: int = 0) -> FollowNetwork:
    return FollowNetwork.random(n, n, radius=1.0, command_radius=0.2, rng=np.random.default_rng(seed))


def learn(network: FollowNetwork, seconds: float, **options):
    options = {"rng": np.random.default_rng(1)} | options
    return train_follow(network, linear_oscillator(), COMMANDS, seconds=seconds, **options)


def free_error(network: FollowNetwork) -> float:
    """Mean squared error without feedback in new trials, over that of an output of 0."""
    off, size = 0.0, 0.0
    for k in range(5):
        command = COMMANDS.draw(1e-3, rng=np.random.default_rng([9, k]))
        reference = linear_oscillator().follow(command, dt=1e-3)
        off += np.mean((run_follow(network, command).outputs - reference) ** 2)
        size += np.mean(reference**2)
    return float(off / size)


@pytest.fixture(scope="module")
def learned():
    return learn(drawn(300), 400.0, learning_rate=1e-3, looks=(0.0, 100.0, 400.0))


def test_errors_fall_with_feedback_and_without(learned):
    on = learned.curve["error"].values
    assert on[-50:].mean() < 0.4 * on[:2].mean()
    assert free_error(learned.network_at(0)) == pytest.approx(1.0, abs=0.05)  # it says nothing yet
    assert free_error(learned.network) < 0.2
    assert learned.seconds == 400
    assert not learned.network.feedback
    fifths = on.reshape(5, -1).mean(axis=1)
    assert learned.converged == (fifths[-1] > 0.95 * fifths[-2])
    assert not learn(drawn(), 8.0).converged


def test_nothing_is_learned_without_a_rate_and_little_without_feedback(learned):
    still = learn(drawn(300), 40.0, learning_rate=0.0)
    assert not still.network.weight.any()
    assert still.curve["error"][-5:].mean() > 0.5 * still.curve["error"][:5].mean()
    alone = learn(drawn(300), 400.0, learning_rate=1e-3, feedback=False)
    assert free_error(alone.network) > 3 * free_error(learned.network)


def test_weights_come_nearer_to_those_that_need_no_feedback(learned):
    dynamics, begun = linear_oscillator(), drawn(300)
    points = np.concatenate([
        dynamics.follow(COMMANDS.draw(1e-3, rng=np.random.default_rng([5, k])), dt=1e-3)[::20] for k in range(20)
    ])  # fmt: skip
    right = begun.ideal_weight(dynamics.velocity, points)
    wrong = begun.ideal_weight(lambda x: -dynamics.velocity(x), points)
    weights = [learned.network_at(k).weight for k in range(3)]
    to_right, to_wrong = ([np.linalg.norm(w - ideal) for w in weights] for ideal in (right, wrong))
    assert to_right[0] > to_right[1] > to_right[2]
    assert to_right[2] / to_right[0] < to_wrong[2] / to_wrong[0]


def test_the_learned_velocity_is_that_of_the_reference(learned):
    points = np.random.default_rng(0).uniform(-0.3, 0.3, (200, 2))
    wanted = linear_oscillator().velocity(points)
    found = learned.network.velocity(points, np.zeros(2))
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.9
    assert np.abs(np.corrcoef(drawn(300).velocity(points, np.zeros(2)).ravel(), wanted.ravel())[0, 1]) < 0.5


def test_what_stops_goes_on_as_if_it_had_not(tmp_path, monkeypatch):
    whole = learn(drawn(), 40.0, looks=(10.0, 30.0))
    path = tmp_path / "kept" / "follow.npz"
    learn(drawn(), 20.0, looks=(10.0, 30.0)[:1], checkpoint=path)
    again = learn(drawn(), 40.0, looks=(10.0, 30.0), checkpoint=path)
    for found in (again, learn(drawn(), 40.0, looks=(10.0, 30.0), checkpoint=path)):  # a second time nothing is done
        np.testing.assert_array_equal(found.network.weight, whole.network.weight)
        np.testing.assert_array_equal(found.network.input_weight, whole.network.input_weight)
        np.testing.assert_array_equal(found.curve["error"], whole.curve["error"])
        np.testing.assert_array_equal(found.looks["weight"], whole.looks["weight"])
    assert [p.name for p in path.parent.iterdir()] == ["follow.npz"]


def test_it_is_kept_while_it_learns(tmp_path, monkeypatch):
    path, calls = tmp_path / "follow.npz", []

    def stopped(*a, **k):
        calls.append(0)
        if len(calls) > 7:
            raise KeyboardInterrupt
        return run_follow(*a, **k)

    monkeypatch.setattr("neurorec.training.follow._OFTEN", 4.0)
    with monkeypatch.context() as m:
        m.setattr("neurorec.training.follow.run_follow", stopped)
        with pytest.raises(KeyboardInterrupt):
            learn(drawn(), 20.0, checkpoint=path)
    monkeypatch.setattr("neurorec.training.follow.run_follow", lambda *a, **k: calls.append(1) or run_follow(*a, **k))
    found = learn(drawn(), 20.0, checkpoint=path)
    assert calls.count(1) == 4  # six of ten trials were kept
    np.testing.assert_array_equal(found.network.weight, learn(drawn(), 20.0).network.weight)


def test_a_network_of_other_last_digits_is_gone_on_with(tmp_path):
    path, begun = tmp_path / "follow.npz", drawn()
    learn(begun, 10.0, checkpoint=path)
    other = replace(begun, decoder=begun.decoder * (1 + 1e-12))
    found, whole = learn(other, 20.0, checkpoint=path), learn(begun, 20.0)
    np.testing.assert_array_equal(found.network.weight, whole.network.weight)
    np.testing.assert_array_equal(found.network.decoder, begun.decoder)
    with pytest.raises(FileError, match="network"):
        learn(replace(begun, decoder=begun.decoder * (1 + 1e-4)), 20.0, checkpoint=path)


def test_trials_may_begin_anew():
    found = learn(drawn(), 8.0, anew=True)
    command = COMMANDS.draw(1e-3, rng=np.random.default_rng([int(np.random.default_rng(1).integers(2**62)), 0]))
    reference = linear_oscillator().follow(command, dt=1e-3)
    once = run_follow(replace(drawn(), feedback=True), command, reference=reference, learning_rate=2e-4)
    assert found.curve["error"].values[0] == pytest.approx(np.mean(once.errors**2))


@pytest.mark.parametrize("dynamics", [linear_oscillator(), van_der_pol()])
def test_references_solve_their_equations(dynamics):
    command = Commands(held=(0.03, 0.03), noise=(0.0, 0.0), length=1.0).draw(1e-3, rng=np.random.default_rng(0))
    path = dynamics.follow(command, dt=1e-3, start=[0.5, -1.0])
    solved = solve_ivp(
        lambda _, x: dynamics.velocity(x) + command[0] / 0.02, (0, 1), [0.5, -1.0], rtol=1e-10, atol=1e-10
    )  # fmt: skip
    np.testing.assert_allclose(path[-1], solved.y[:, -1], atol=1e-6)


def test_velocities_are_as_written():
    x = np.array([[0.5, -1.5], [2.0, 0.3]])
    mu, tau = 2.0, 0.125
    expected = np.stack([x[:, 1], mu * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1) / tau
    np.testing.assert_allclose(van_der_pol().velocity(x), expected)
    np.testing.assert_allclose(linear_oscillator().velocity(x[0]), [-0.2 * 5 + 15, 5 + 0.2 * 15])


def test_commands_are_held_and_pulsed():
    commands = Commands(held=(0.3, 0.1), noise=(0.02, 0.0), pulse=(1.0, 1.0), length=1.0)
    drawn_ = np.stack([commands.draw(1e-3, rng=np.random.default_rng(k)) for k in range(200)])
    assert (np.diff(drawn_[:, 100:, 1], axis=1) == 0).all()  # only what is held is left
    late = drawn_[:, 100:].mean(axis=1)
    np.testing.assert_allclose((late / [0.3, 0.1] * [1, 1])[:, 1] ** 2 + (late[:, 0] / 0.3) ** 2, 1, atol=0.15)
    jumps = np.diff(drawn_[:, :, 0], axis=1) != 0
    assert set(np.flatnonzero(jumps.any(axis=0)) % 50) == {49}
    pulse = drawn_[:, 0, 1] - drawn_[:, 500, 1]
    assert np.abs(pulse).max() == pytest.approx(1.0, abs=0.01)


def test_wrong_things_are_refused(tmp_path):
    path = tmp_path / "follow.npz"
    learn(drawn(), 10.0, checkpoint=path)
    with pytest.raises(FileError, match="settings"):
        learn(drawn(), 10.0, checkpoint=path, learning_rate=1e-3)
    with pytest.raises(FileError, match="same network"):
        learn(drawn(seed=3), 10.0, checkpoint=path)
    with pytest.raises(FileError, match="network"):
        learn(replace(drawn(), gain=9.0), 10.0, checkpoint=path)
    with pytest.raises(FileError, match="rng"):
        learn(drawn(), 10.0, checkpoint=path, rng=np.random.default_rng(7))
    with pytest.raises(FileError, match="at most 2 trials"):
        learn(drawn(), 4.0, checkpoint=path)
    with pytest.raises(FileError, match="all looks"):
        learn(drawn(), 12.0, checkpoint=path, looks=(4.0,))
    path.write_bytes(b"not this")
    with pytest.raises(FileError, match="a checkpoint"):
        learn(drawn(), 10.0, checkpoint=path)
    with pytest.raises(InputError, match="at least one trial"):
        learn(drawn(), 0.5)
    with pytest.raises(InputError, match="within them"):
        learn(drawn(), 4.0, looks=(8.0,))
    with pytest.raises(InputError, match="learning_rate >= 0"):
        learn(drawn(), 4.0, learning_rate=-1.0)
    three = Commands(held=(0.1,) * 3, noise=(0.1,) * 3, pulse=(0.0,) * 3)
    with pytest.raises(InputError, match="as the network has"):
        train_follow(drawn(), linear_oscillator(), three, seconds=4.0, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="as many channels"):
        Commands(held=(0.1,), noise=(0.1, 0.1)).draw(1e-3, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="a channel for each state"):
        linear_oscillator().follow(np.zeros((5, 3)), dt=1e-3)
    begun = drawn()
    with pytest.raises(InputError, match="lower the learning rate"):
        learn(replace(begun, weight=begun.weight * np.nan), 4.0)
    strong = COMMANDS._replace(held=(30.0, 30.0))
    with pytest.raises(InputError, match="weaken the commands"):
        train_follow(begun, van_der_pol(), strong, seconds=4.0, rng=np.random.default_rng(0))

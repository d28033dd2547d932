"""Trajectories and warps: planted ones are found, and help on conditions that they have not seen."""

import numpy as np
import pytest

from neurorec.comparison import align_trajectories
from neurorec.comparison.warping import apart, find_warp, plain_stretch, warped
from neurorec.recording import InputError


def courses(place, *, n_conditions=8, noise=0.0, seed=0):
    """Smooth trajectories in 4 dimensions at places between 0 and 1 ``(condition, time, 4)``."""
    rng = np.random.default_rng(3)
    speed, phase = rng.uniform(2, 8, (n_conditions, 1, 4)), rng.uniform(0, 6, (n_conditions, 1, 4))
    found = np.sin(speed * np.asarray(place)[None, :, None] + phase)
    return found + noise * np.random.default_rng(seed).standard_normal(found.shape)


TIME = np.linspace(0, 1, 40)


def test_a_rotation_is_undone():
    x = courses(TIME)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0][:4]
    found = align_trajectories(x, 3 * x @ turn + 2)
    assert found.distance < 1e-12
    assert found.held_out < 1e-12
    np.testing.assert_allclose(found.y, found.x, atol=1e-9)
    np.testing.assert_allclose(found.place, np.arange(40))
    assert found.variance_x.sum() == pytest.approx(1)
    flat = (x - x.mean(axis=(0, 1))).reshape(-1, 4)
    np.testing.assert_allclose((found.x**2).sum(), (flat**2).sum())


@pytest.mark.parametrize(
    ("kind", "bend"), [("linear", lambda t: 0.1 + 0.8 * t), ("piecewise", lambda t: t**1.5), ("piecewise", np.sqrt)]
)
def test_planted_warps_are_found_and_help_on_other_conditions(kind, bend):
    x, y = courses(bend(TIME), noise=0.1, seed=1), courses(TIME, noise=0.1, seed=2)
    found = align_trajectories(x, y, warp=kind)
    assert found.held_out < 0.35 * found.held_out_unwarped
    middle = slice(4, -4)
    assert np.abs(found.place[middle] / 39 - bend(TIME)[middle]).max() < 0.06
    assert found.converged
    assert (np.diff(found.place) >= 0).all()


def test_a_warp_of_nothing_does_not_help():
    x, y = courses(TIME, noise=0.5, seed=1), courses(TIME, noise=0.5, seed=2)
    found = align_trajectories(x, y, warp="piecewise")
    assert found.held_out > 0.95 * found.held_out_unwarped


def test_unrelated_trajectories_meet_no_variance():
    x, y = np.cumsum(np.random.default_rng(4).standard_normal((2, 10, 30, 5)), axis=2)
    found = align_trajectories(x, y)
    assert found.held_out > 0.9
    assert found.distance < found.held_out


def test_the_warp_is_the_best_of_all():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((3, 7, 2)), rng.standard_normal((3, 9, 2))
    found = find_warp(x, y, kind="linear", n_knots=2, reach=0.5)
    cost = lambda place: apart(x, y, place)  # noqa: E731
    places = np.arange(0, 8.25, 0.5)
    others = [np.linspace(a, b, 7) for a in places for b in places if b - a >= 2 and a <= 4 and b >= 4]
    assert cost(found) == pytest.approx(min(cost(place) for place in others))
    bent = find_warp(x, y, kind="piecewise", n_knots=3, reach=0.5)
    assert cost(bent) <= cost(found) + 1e-9
    np.testing.assert_allclose(warped(y, plain_stretch(9, 9)), y)


def test_lengths_and_missing_steps():
    x = courses(TIME)
    cut = x.copy()
    cut[2, 33:] = np.nan
    assert align_trajectories(x, cut).x.shape[1] == 33
    assert align_trajectories(x, courses(np.linspace(0, 1, 60)), warp="linear").held_out < 0.01
    assert np.isnan(align_trajectories(x[:2], x[:2]).held_out)
    with pytest.raises(InputError, match="'none', 'linear' or 'piecewise'"):
        align_trajectories(x, x, warp="bent")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="three steps or more"):
        align_trajectories(x[:, :2], x[:, :2])
    with pytest.raises(InputError, match="equally many conditions"):
        align_trajectories(x, x[:3])

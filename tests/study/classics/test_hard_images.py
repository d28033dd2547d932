"""Hard images: networks are matched as said, images are chosen by others, and times are those that were planted."""

import equinox as eqx
import jax
import numpy as np
import pytest

from neurorec.study.classics import hard_images_learning
from neurorec.study.classics.hard_images import measure_hard_images
from neurorec.study.classics.hard_images_learning import (
    DEEP,
    KINDS,
    MATCHED,
    MORE,
    RECURRENT,
    UNITS,
    Kind,
    answers,
    draw,
    learn,
    learn_all,
    lesioned,
    look,
    n_weights,
    training_images,
)
from neurorec.study.classics.hard_images_measures import (
    DT,
    Timed,
    by_level,
    choose_images,
    compare_times,
    crossed_interval,
    decode_images,
    explain,
    over_seeds,
    record,
)
from neurorec.tasks import HardImages

SMALL = {
    RECURRENT: Kind((4, 6), 1e-2, lateral=True, top_down=True, n_steps=2),
    UNITS: Kind((4, 6), 1e-2),
    MATCHED: Kind((5, 8), 1e-2),
    DEEP: Kind((3, 4), 1e-2, lateral=True, top_down=True, n_steps=2, tied=False),
}

N_UPDATES = 80  # in all tests, so that updates are compiled once
CLEAR = HardImages(levels=((0, 0),), duration=DT)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_kinds_are_matched_as_they_say():
    sweeps = {name: draw(kind, rng=rng()) for name, kind in (KINDS | MORE).items()}
    whole = sweeps[RECURRENT]
    for name in (MATCHED, DEEP):
        assert n_weights(sweeps[name]) / n_weights(whole) == pytest.approx(1, abs=0.04)
    for name in (UNITS, "deep feedforward, as many units", "lateral only"):
        assert sweeps[name][0].n_units == whole[0].n_units
    assert len(sweeps[UNITS]) == 1
    assert all(network is whole[0] for network in whole)
    assert len({id(network) for network in sweeps[DEEP]}) == len(sweeps[DEEP]) > 1


def test_weights_that_are_not_counted_have_no_say():
    """Of an unrolled network the answer's gradient is 0 where weights are idle, and only there."""
    sweeps = draw(SMALL[DEEP], rng=rng())
    images = rng(1).random((40, 144)).astype(np.float32)
    gradient = eqx.filter_jit(eqx.filter_grad(lambda s: (answers(s, images)[-1] ** 2).sum()))(sweeps)
    idle = sum(int(not np.any(part)) * part.size for part in jax.tree.leaves(gradient))
    assert sum(network.n_weights for network in sweeps) - idle == n_weights(sweeps)


def test_networks_learn_and_a_first_sweep_is_the_lesioned_network():
    images, digit = training_images(CLEAR, N_UPDATES, seed=3)
    np.testing.assert_array_equal(images, training_images(CLEAR, N_UPDATES, seed=3)[0])
    trained = learn(SMALL[RECURRENT], images, digit, seed=3)
    trials = CLEAR.sample(300, rng=rng(1))
    outputs = look(trained, trials)[1]
    assert (outputs[-1].argmax(-1) == trials["digit"].values).mean() > 0.35  # chance is 0.1
    cut = look(lesioned(trained), trials)[1]
    np.testing.assert_allclose(outputs[0], cut[0], atol=1e-4)
    np.testing.assert_allclose(cut[1], cut[0], atol=1e-4)
    assert np.abs(outputs[1] - outputs[0]).max() > 0.1
    same = learn(SMALL[RECURRENT], images, digit, seed=3)
    np.testing.assert_array_equal(same[0].output, trained[0].output)


def test_what_was_trained_is_read_again(tmp_path, monkeypatch):
    kinds = {MATCHED: SMALL[MATCHED], DEEP: SMALL[DEEP]}
    options = {"n_updates": N_UPDATES, "n_seeds": 1, "seed": 5, "folder": tmp_path}
    first = learn_all(kinds, **options)
    monkeypatch.setattr(hard_images_learning, "learn", None)
    second = learn_all(kinds, **options)
    for name in kinds:
        for a, b in zip(first[name][0], second[name][0], strict=True):
            np.testing.assert_array_equal(a.output, b.output)
    assert len(list(tmp_path.rglob("*.eqx"))) == 2


def test_images_are_chosen_by_other_seeds_than_are_measured():
    n_seeds, n_images = 5, 4000
    hard = rng().random((2, n_images)) * 0.8
    feedforward, recurrent = (rng(k).random((n_seeds, n_images)) > hard[k] for k in range(2))
    groups = choose_images(feedforward, recurrent)
    for k in range(n_seeds):
        changed = feedforward.copy()
        changed[k] = ~changed[k]
        np.testing.assert_array_equal(choose_images(changed, recurrent).challenge[k], groups.challenge[k])
    others = np.delete(feedforward, 0, axis=0).mean(axis=0)
    assert (others[groups.challenge[0]] <= 0.34).all()
    assert not (groups.challenge & groups.control).any()


@pytest.mark.parametrize("differ", [False, True])
def test_the_choice_makes_no_difference_where_there_is_none(differ):
    """Both kinds right with the same chance in an image: networks that did not choose it show no gain."""
    chance = rng(0).random((5000, 2))
    chance[:, 1] = chance[:, 1] if differ else chance[:, 0]
    feedforward, recurrent = (rng(k + 1).random((6, 5000)) < chance[:, k] for k in range(2))
    member = choose_images(feedforward, recurrent).challenge
    gain = np.where(member, recurrent.astype(float) - feedforward, np.nan)
    low, high = crossed_interval(gain, np.arange(5000), n_draws=300, rng=rng(4))
    assert (low > 0.2) if differ else (low < 0 < high)
    biased = (feedforward.mean(axis=0) <= 1 / 3) & (recurrent.mean(axis=0) >= 2 / 3)
    assert recurrent[:, biased].mean() - feedforward[:, biased].mean() > 0.4  # chosen and measured by the same ones


def planted(late: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Activity ``(step, image, unit)`` that tells the digit from the first step, or from the third where `late`."""
    digit = np.arange(late.size) % 10
    code = rng(seed).random((10, 60))
    begin = np.where(late, 2, 0)
    there = np.arange(6)[:, None] >= begin
    return 0.3 + there[..., None] * code[digit], digit


def test_planted_times_are_found():
    late = np.arange(400) % 4 == 0
    top, digit = planted(late)
    counts = record(4 * top, rng=rng(1))
    assert counts.shape == (400, 8, 6, 60)
    timed = decode_images(counts, digit, np.arange(400), rng=rng(2))
    np.testing.assert_array_equal(timed.accuracy[..., 0], 0.1)
    assert timed.accuracy[..., -2:].mean() > 0.5
    found = compare_times(timed, ~late, late, matched=False, rng=rng(3))
    assert found.difference == pytest.approx(0.02, abs=0.003)
    assert 0.01 < found.low < found.difference < found.high
    pairs = compare_times(timed, ~late, late, matched=True, rng=rng(3))
    assert pairs.n_images[0] == pairs.n_images[1] > 50
    assert pairs.difference == pytest.approx(0.02, abs=0.004)
    mixed = rng(4).permutation(late)
    assert abs(compare_times(timed, ~mixed, mixed, matched=False, rng=rng(3)).difference) < 0.004
    assert np.isnan(compare_times(timed, ~late, np.zeros(400, dtype=bool), matched=False, rng=rng(3)).difference)


def test_images_that_are_only_harder_are_not_later():
    """Accuracy that is constant in time but lower, and noisy: no difference, all or matched."""
    hard = np.arange(3000) % 3 == 0
    chance = np.where(hard, 0.5, 0.9) + 0.1 * rng(0).standard_normal(3000)
    right = rng(1).random((2, 4, 3000, 6)) < np.clip(chance, 0.1, 1)[:, None]
    accuracy = np.concatenate([np.full((2, 3000, 1), 0.1), right.mean(axis=1)], axis=2)
    timed = Timed(accuracy, DT * np.arange(7))
    for matched in (False, True):
        found = compare_times(timed, ~hard, hard, matched=matched, rng=rng(2))
        assert abs(found.difference) < 0.0005


def test_what_features_explain_is_asked_of_groups_and_steps():
    n = 300
    drawn = rng(5)
    features = drawn.standard_normal((n, 8))
    other = drawn.standard_normal((n, 8))
    group = np.arange(n) % 2 == 0
    weight = drawn.standard_normal((8, 20))
    drive = np.repeat((features @ weight)[:, None], 6, axis=1)
    drive[group, 4:] = (other @ weight)[group, None]  # late in one group something else decides
    rates = drive[:, None] + 0.5 * drawn.standard_normal((n, 6, 6, 20))
    found = explain(features, rates, ~group, group, n_units=10, rng=rng(6))
    assert found.control[:4].min() > 0.85
    assert found.challenge[:4].min() > 0.85
    assert found.challenge[-1] < 0.1
    assert found.control[-1] > 0.6  # the map was learnt from both
    assert found.all.shape == (6,)


def test_intervals_over_seeds_and_digits():
    assert over_seeds(np.array([1.0])).mean == 1
    assert np.isnan(over_seeds(np.array([1.0])).low)
    assert np.isnan(over_seeds(np.array([np.nan])).mean)
    inside = []
    for k in range(60):
        drawn = rng(k)
        value = drawn.standard_normal((6, 1)) + drawn.standard_normal(300)[drawn.integers(0, 300, 600)] + 1
        low, high = crossed_interval(value, np.arange(600) // 2, n_draws=200, rng=drawn)
        inside.append(low < 1 < high)
    assert np.mean(inside) > 0.75  # few seeds: the bootstrap is narrow, not useless
    np.testing.assert_allclose(by_level(np.array([[1, 0, 1]]), np.array([0, 0, 1])), [[0.5, 1]])


@pytest.mark.long
def test_everything_in_small_form():
    found = measure_hard_images(SMALL, n_updates=N_UPDATES, n_seeds=2, seed=1, n_test=300)
    said = [claim.what for claim in found.claims]
    assert len(set(said)) > 25
    assert any("first sweep" in what or "less first" in what for what in said)
    levels = found.data["levels"]
    assert dict(levels["accuracy"].sizes) == {"network": 4, "level": 5, "seed": 2}
    assert float(levels["accuracy"].sel(network=RECURRENT, level="clear").mean()) > 0.2
    np.testing.assert_allclose(levels["by_step"].isel(time=-1), levels["accuracy"].sel(network=RECURRENT))
    assert len(found.figures["hard_images"][0].axes) == 6
    untrained = next(claim for claim in found.claims if claim.what.startswith("untrained"))
    assert untrained.value < 0.25

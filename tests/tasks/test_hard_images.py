"""Hard images: what is in them, what is hidden, and that no part knows the digits of another."""

import numpy as np
import pytest

from neurorec.recording import InputError
from neurorec.tasks import HardImages, Task, check_trials
from neurorec.tasks.hard_images import PARTS, digits, part_of


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_parts_share_no_digit_and_leave_none_out():
    everything = np.concatenate([part_of(part) for part in PARTS])
    assert sorted(everything) == list(range(1797))
    for part in PARTS:
        trials = HardImages(part=part).sample(40, rng=rng())
        assert set(trials["source"].values) <= set(part_of(part))


def test_pieces_are_of_the_same_part(monkeypatch):
    """Were all ink outside the test digits gone, no test image would change."""
    from neurorec.tasks import hard_images

    task = HardImages(levels=((0, 6),), part="test")
    before = task.sample(30, rng=rng(1))
    known = digits()
    kept = np.zeros_like(known.image)
    kept[part_of("test")] = known.image[part_of("test")]
    monkeypatch.setattr(hard_images, "digits", lambda: known._replace(image=kept))
    np.testing.assert_array_equal(task.sample(30, rng=rng(1))["inputs"], before["inputs"])


def test_a_clear_image_is_its_digit_a_pixel_off_the_middle_at_most():
    task = HardImages(levels=((0, 0),))
    trials = task.sample(60, rng=rng())
    images = trials["inputs"].values[:, 0].reshape(-1, 12, 12)
    corners = set()
    for image, source in zip(images, trials["source"].values):
        found = [
            (i, j) for i in range(5) for j in range(5)
            if np.array_equal(image[i : i + 8, j : j + 8], digits().image[source])
            and image.sum() == pytest.approx(digits().image[source].sum(), rel=1e-5)
        ]  # fmt: skip
        assert found
        corners |= {min(found, key=lambda c: abs(c[0] - 2) + abs(c[1] - 2))}
    assert corners <= {(i, j) for i in (1, 2, 3) for j in (1, 2, 3)}
    assert len(corners) >= 5
    assert (trials["digit"].values == digits().digit[trials["source"].values]).all()


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_the_share_that_was_asked_for_is_hidden_in_squares(patch):
    task = HardImages(levels=((0.25, 0),), patch=patch)
    source = part_of("training")[:20]
    shown = task.compose(source, np.full(20, 0.25), np.zeros(20, dtype=int), rng=rng(3))
    whole = task.compose(source, np.zeros(20), np.zeros(20, dtype=int), rng=rng(3))
    changed = (shown != whole).reshape(20, 12 // patch, patch, 12 // patch, patch).any(axis=(2, 4))
    assert (changed.sum(axis=(1, 2)) == round(0.25 * (12 // patch) ** 2)).all()
    squares = shown.reshape(20, 12 // patch, patch, 12 // patch, patch).swapaxes(2, 3)[changed]
    assert (np.ptp(squares.reshape(len(squares), -1), axis=1) == 0).all()


def test_pieces_only_darken():
    task = HardImages()
    source = part_of("training")[:50]
    none, many = (task.compose(source, np.zeros(50), np.full(50, k), rng=rng(4)) for k in (0, 6))
    assert (many >= none).all()  # the same draws place the digit
    assert ((many > none).any(axis=(1, 2))).mean() > 0.9
    assert 0 <= many.min() <= many.max() <= 1


def test_trials_are_those_of_a_task_and_stand_still():
    task = HardImages()
    trials = check_trials(task.sample(1100, rng=rng()))
    assert isinstance(task, Task)
    assert trials["inputs"].dims == ("trial", "time", "input")
    assert (trials["inputs"].values == trials["inputs"].values[:, :1]).all()
    assert np.unique(trials["source"].values[:1000]).size == 1000  # each once before any again
    share = np.bincount(trials["level"].values) / 1100
    np.testing.assert_allclose(share, 0.2, atol=0.05)
    assert trials.identical(task.sample(1100, rng=rng()))
    assert task.score(trials, trials["targets"]) == 1
    noisy = HardImages(noise=0.02).sample(50, rng=rng())
    still = HardImages().sample(50, rng=rng())
    moved = noisy["inputs"].values - still["inputs"].values
    assert moved.std() == pytest.approx(0.02 / np.sqrt(0.01), rel=0.02)
    assert abs(np.corrcoef(moved[:, 0].ravel(), moved[:, 1].ravel())[0, 1]) < 0.05


def test_the_score_is_of_the_last_step_and_by_level_of_each():
    task = HardImages(levels=((0, 0), (0.4, 2)))
    trials = task.sample(200, rng=rng())
    outputs = np.array(trials["targets"].values)
    outputs[:, :-1] = np.roll(outputs[:, :-1], 1, axis=2)
    outputs[trials["level"].values == 1, -1] = 0
    zero = ((trials["level"] == 1) & (trials["digit"] == 0)).values.mean()  # of equal outputs the first is taken
    assert task.score(trials, outputs) == pytest.approx((trials["level"].values == 0).mean() + zero)
    found = task.psychometric(trials, outputs)
    assert found["correct"].sel(level=0).values.tolist() == [0] * 5 + [1]
    assert found["hidden"].values.tolist() == [0, 0.4]
    assert found["pieces"].values.tolist() == [0, 2]
    assert int(found["n_trials"].sum()) == 200


REFUSED = [
    ({"levels": ()}, "levels: expected one or more pairs"),
    ({"levels": ((1.0, 0),)}, "levels"),
    ({"levels": ((-0.1, 0),)}, "levels"),
    ({"levels": ((0, 1.5),)}, "levels"),
    ({"part": "all"}, "part: expected one of training, validation, test, found 'all'"),
    ({"side": 8}, "side: expected 10 or more"),
    ({"patch": 5}, "patch: expected pixels that divide the side, 12, found 5"),
    ({"noise": -1}, "noise"),
    ({"duration": 0.0}, "duration"),
    ({"dt": 0}, "dt"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        HardImages(**options)

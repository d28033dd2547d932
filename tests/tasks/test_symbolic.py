"""Tasks of symbols: the rules against others written anew, chance and best as measured, what is refused."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import xarray as xr

from neurorec.recording import InputError
from neurorec.tasks import (
    CharacterPrediction,
    CopyMemory,
    Counting,
    DelayedAddition,
    EmbeddedReber,
    NeurogymTask,
    Parity,
    Reber,
    Task,
    TemporalXOR,
    Tomita,
    annotate,
    bracketed_text,
    check_trials,
)
from neurorec.tasks.tomita import AUTOMATA

INNER = r"(?:TS*X(?:XT*VP)*(?:S|XT*VV)|PT*V(?:V|P(?:XT*VP)*(?:S|XT*VV)))"
EVERY = [
    TemporalXOR(),
    Reber(),
    EmbeddedReber(),
    EmbeddedReber(bias=0.15),
    *(Tomita(grammar) for grammar in AUTOMATA),
    Tomita(3, when="each"),
    Counting(),
    Parity(),
    Parity(5, when="end"),
    DelayedAddition(),
    CopyMemory(),
    CharacterPrediction(),
]


def _draw(task, n_trials=64, seed=0):
    return task.sample(n_trials, rng=np.random.default_rng(seed))


def _strings(trials, symbols):
    """What came in, padding left out."""
    steps = np.rint(trials["duration"].values / trials.attrs["dt"]).astype(int)
    said = trials["inputs"].values.argmax(axis=-1)
    return ["".join(symbols[k] for k in row[:n]) for row, n in zip(said, steps)]


def _blind(task, trials, test):
    """Score of the best answer by the time alone, found on some trials, tested on others."""
    weight = trials["mask"].values[:, :, None]
    mean = (weight * trials["targets"].values).sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
    outputs = np.log(np.maximum(mean, 1e-9)) - np.log(np.maximum(1 - mean, 1e-9))
    if isinstance(task, Tomita):  # whose score gives both answers the same weight
        overall = (weight * trials["targets"].values).sum() / weight.sum()
        outputs -= np.log(overall / (1 - overall))
    return task.score(test, np.broadcast_to(outputs, test["targets"].shape))


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_trials_are_whole_and_padding_is_silent(task):
    trials = check_trials(_draw(task))
    assert isinstance(task, Task)
    assert trials["input"].values.tolist() == list(task.input_names)
    assert trials["output"].values.tolist() == list(task.output_names)
    padding = trials["time"].values >= trials["duration"].values[:, None] - 1e-6
    assert not trials["inputs"].values[padding].any()
    assert not trials["targets"].values[padding].any()
    assert not trials["mask"].values[padding].any()
    if task.loss == "cross_entropy":
        assert (trials["targets"].values.sum(axis=-1)[~padding] == 1).all()
    extra = [name for name in trials if trials[name].dims[:2] == ("trial", "time")]
    assert set(extra) >= {"inputs", "targets", "mask"}
    if not isinstance(task, DelayedAddition):
        assert (trials["inputs"].values.sum(axis=-1)[~padding] == 1).all() or isinstance(task, TemporalXOR)


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_the_same_generator_makes_the_same_trials(task):
    assert _draw(task, seed=3).identical(_draw(task, seed=3))
    assert not _draw(task, seed=3).identical(_draw(task, seed=4))


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_chance_is_where_the_blind_end(task):
    if isinstance(task, Reber | EmbeddedReber | CharacterPrediction | DelayedAddition):
        return  # theirs are tested below
    assert _blind(task, _draw(task, 3000), _draw(task, 3000, seed=1)) == pytest.approx(task.chance, abs=0.03)


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_the_score_is_the_mean_of_what_is_summarised(task):
    trials, rng = _draw(task, 300), np.random.default_rng(5)
    outputs = trials["targets"].values - 0.5 + rng.normal(0, 0.4, trials["targets"].shape)
    found = task.psychometric(trials, outputs)
    counts = next(found[name] for name in found if str(name).startswith("n_"))
    assert isinstance(found, xr.Dataset)
    if not isinstance(task, TemporalXOR | Tomita | DelayedAddition):  # those score a part, or a balance
        assert float(found["correct"].weighted(counts).mean()) == pytest.approx(task.score(trials, outputs))


# --- temporal exclusive or ---


def test_every_third_bit_is_the_exclusive_or_of_the_two_before():
    trials = _draw(TemporalXOR(n_triples=7))
    bits = np.concatenate([trials["inputs"].values[..., 0], trials["targets"].values[:, -1:, 0]], axis=1).astype(int)
    np.testing.assert_array_equal(bits[:, 2::3], bits[:, 0:-1:3] ^ bits[:, 1::3])
    np.testing.assert_array_equal(trials["inputs"].values[:, 1:], trials["targets"].values[:, :-1])
    np.testing.assert_array_equal(trials["position"].values[0], [2, 3, 1] * 7)
    assert abs(bits[:, 0::3].mean() - 0.5) < 0.1


def test_who_knows_the_rule_is_wrong_only_where_nothing_can_be_known():
    task = TemporalXOR()
    trials = _draw(task, 500)
    bit = trials["inputs"].values[..., 0].astype(int)
    outputs = np.zeros(trials["targets"].shape)
    outputs[:, 1:, 0] = np.where(bit[:, 1:] ^ bit[:, :-1], 9.0, -9.0)
    outputs[trials["position"].values != 3] = 0
    assert task.score(trials, outputs) == task.best
    found = task.psychometric(trials, outputs)
    np.testing.assert_allclose(found["squared_error"], [0.25, 0.25, 0], atol=1e-4)
    np.testing.assert_allclose(found["correct"], [0.5, 0.5, 1], atol=0.03)


# --- Reber grammars ---


@pytest.mark.parametrize(
    ("task", "pattern"),
    [(Reber(), f"B{INNER}E"), (EmbeddedReber(bias=0.1), f"B(?:TB{INNER}ET|PB{INNER}EP)E")],
    ids=["Reber", "EmbeddedReber"],
)
def test_strings_and_legal_letters_are_the_grammars(task, pattern):
    trials = _draw(task, 400)
    strings = [string + "E" for string in _strings(trials, task.input_names)]
    assert all(re.fullmatch(pattern, string) for string in strings)
    np.testing.assert_array_equal(trials["length"], [len(string) for string in strings])
    assert trials["length"].max() <= task.longest
    # What is legal after a beginning is what has followed it in some string; frequent beginnings show all there is.
    seen = {}
    many = _draw(task, 6000, seed=1)
    for string in (s + "E" for s in _strings(many, task.input_names)):
        for k in range(1, min(len(string), 7)):
            seen.setdefault(string[:k], []).append(string[k])
    legal, letters = trials["legal"].values, np.array(task.output_names)
    for row, string in enumerate(strings):
        for k in range(1, 7):
            if len(seen.get(string[:k], "")) > 60:
                assert set(letters[legal[row, k - 1]]) == set(seen[string[:k]])


def test_examples_from_the_literature_are_reber_strings():
    for string in ("BTSSXXTVVE", "BPVVE", "BTXXVPSE", "BPVPXVPXVPXVVE", "BTSXXVPSE"):
        assert re.fullmatch(f"B{INNER}E", string)
    for string in ("BTSSPXSE", "BPTVVB", "BTXXVVSE", "BPVSPSE", "BTSSSE"):
        assert not re.fullmatch(f"B{INNER}E", string)
    lengths = _draw(Reber(), 5000)["length"].values - 1
    assert lengths.mean() == pytest.approx(7, abs=0.15)  # Cleeremans et al. 1989: mean 7, standard deviation 3.3
    assert lengths.std() == pytest.approx(3.3, abs=0.15)


def test_nodes_say_all_about_what_may_come():
    trials = _draw(EmbeddedReber(), 500)
    node, legal = trials["node"].values, trials["legal"].values
    assert set(np.unique(node)) == set(range(-1, 18))
    for k in range(18):
        assert (legal[node == k] == legal[node == k][0]).all()
    assert not legal[node < 0].any()
    np.testing.assert_array_equal(node[:, 1] == 1, trials["second"] == "T")


def test_the_score_asks_for_all_legal_letters_and_no_other():
    task, trials = Reber(), _draw(Reber(), 400)
    legal = trials["legal"].values
    assert task.score(trials, np.log(legal + 1e-3)) == task.best
    one = np.where(legal.argmax(axis=-1)[..., None] == np.arange(7), 9.0, 0.0)
    assert task.score(trials, one) == pytest.approx((legal.sum(axis=-1)[trials["mask"] > 0] == 1).mean())
    assert task.score(trials, np.zeros(legal.shape)) == 0
    found = task.psychometric(trials, np.log(legal + 1e-3))
    assert found["node"].values.tolist() == [0, 1, 2, 3, 4, 5]
    assert (found["correct"] == 1).all()


def test_chance_of_the_reber_grammar_is_that_of_the_most_frequent_set_at_each_time():
    task, trials, test = Reber(), _draw(Reber(), 4000), _draw(Reber(), 4000, seed=1)
    kinds, kind = np.unique(trials["legal"].values[trials["mask"] > 0], axis=0, return_inverse=True)
    at = np.full(trials["mask"].shape, -1)
    at[trials["mask"] > 0] = kind.ravel()
    best = [np.bincount(row[row >= 0], minlength=len(kinds)).argmax() for row in at.T]
    outputs = np.broadcast_to(np.where(kinds[best], 9.0, 0.0), test["targets"].shape)
    assert task.score(test, outputs) == pytest.approx(task.chance, abs=0.02)


def test_the_long_distance_letter_is_scored_apart():
    task, trials = EmbeddedReber(), _draw(EmbeddedReber(), 400)
    outputs = np.log(trials["legal"].values + 1e-3)
    assert task.score(trials, outputs) == task.legal_steps(trials, outputs) == 1
    forgotten = outputs.copy()
    late = np.isin(trials["node"].values, (8, 16))
    assert (late.sum(axis=1) == 1).all()
    forgotten[late] = np.array([0, 9.0, 0, 0, 0, 0, 0])  # always T
    assert task.score(trials, forgotten) == (trials["second"] == "T").mean()
    assert task.score(trials, forgotten) == pytest.approx(task.chance, abs=0.07)
    assert 0.9 < task.legal_steps(trials, forgotten) < 1


def test_a_bias_is_in_the_arms():
    trials = _draw(EmbeddedReber(bias=0.2, threshold=0.2), 4000)
    share = {}
    for second, base in (("T", 2), ("P", 10)):
        due = trials["targets"].values[trials["node"].values == base].mean(axis=0)
        share[second] = due[1]
    assert share["T"] == pytest.approx(0.7, abs=0.03)
    assert share["P"] == pytest.approx(0.3, abs=0.03)


# --- Tomita grammars ---


def _no_odd_zeros_after_odd_ones(string):
    return not any(len(ones) % 2 and len(zeros) % 2 for ones, zeros in re.findall("(1+)(0+)", string))


MEMBER = {
    1: lambda s: "0" not in s,
    2: lambda s: re.fullmatch("(10)*", s) is not None,
    3: _no_odd_zeros_after_odd_ones,
    4: lambda s: "000" not in s,
    5: lambda s: s.count("0") % 2 == 0 and s.count("1") % 2 == 0,
    6: lambda s: (s.count("1") - s.count("0")) % 3 == 0,
    7: lambda s: re.fullmatch("0*1*0*1*", s) is not None,
}


@pytest.mark.parametrize("grammar", MEMBER)
def test_automata_accept_the_languages(grammar):
    ways, final = AUTOMATA[grammar]
    for length in range(11):
        for bits in product((0, 1), repeat=length):
            state = 0
            for bit in bits:
                state = ways[state][bit]
            assert (state in final) == MEMBER[grammar]("".join(map(str, bits)))


@pytest.mark.parametrize("grammar", MEMBER)
@pytest.mark.parametrize("when", ["end", "each"])
def test_strings_are_judged_as_they_should_be(grammar, when):
    task = Tomita(grammar, when=when)
    trials = _draw(task, 600)
    strings = _strings(trials, "01")
    np.testing.assert_array_equal([len(s) for s in strings], trials["length"])
    np.testing.assert_array_equal([MEMBER[grammar](s) for s in strings], trials["belongs"])
    assert trials["belongs"].values.mean() == pytest.approx(0.5, abs=0.07)
    asked = [range(1, len(s) + 1) if when == "each" else [len(s)] for s in strings]
    expected = np.full(trials["mask"].shape, np.nan)
    for row, (string, lengths) in enumerate(zip(strings, asked)):
        for k in lengths:
            expected[row, k - 1] = MEMBER[grammar](string[:k])
    np.testing.assert_array_equal(~np.isnan(expected), trials["mask"].values > 0)
    np.testing.assert_array_equal(np.nan_to_num(expected), trials["targets"].values[..., 0])
    by_length = [trials["belongs"].values[trials["length"].values == n].mean() for n in task.lengths]
    assert min(by_length) > 0.15
    assert max(by_length) < 0.85


def test_near_misses_are_one_symbol_away():
    trials = _draw(Tomita(2, near=1.0), 300)
    for string, near in zip(_strings(trials, "01"), trials["near"].values):
        assert near == (string not in ("10" * (len(string) // 2),))
        assert not near or sum(a != b for a, b in zip(string, "10" * len(string))) == 1
    assert not _draw(Tomita(2, near=0.0))["near"].any()


def test_strings_of_a_class_are_all_as_likely():
    trials = _draw(Tomita(4, shortest=4, longest=4, near=0.0), 8000)
    strings = np.array(_strings(trials, "01"))
    for belongs, n in ((True, 13), (False, 3)):
        found, count = np.unique(strings[trials["belongs"].values == belongs], return_counts=True)
        assert len(found) == n
        np.testing.assert_allclose(count / count.sum(), 1 / n, atol=0.02)


# --- counting, parity, adding, copying ---


def test_words_are_counted_and_half_of_the_first_letters_guessed():
    task = Counting(n_repeats=3, n_words=8)
    trials = _draw(task, 2000)
    assert all(re.fullmatch("(ABBBC|DEEEF){8}", string) for string in _strings(trials, "ABCDEF"))
    np.testing.assert_array_equal(trials["inputs"].values[:, 1:], trials["targets"].values[:, :-1])
    outputs = trials["targets"].values.copy()
    outputs[trials["position"].values == 1] = np.eye(6)[0]
    assert task.score(trials, outputs) == pytest.approx(task.best, abs=0.005)
    found = task.psychometric(trials, outputs)["correct"]
    np.testing.assert_allclose(found, [0.5, 1, 1, 1, 1], atol=0.02)
    outputs[trials["position"].values == 5] = 0  # who does not count says B again
    assert task.score(trials, outputs) < task.criterion < task.best


@pytest.mark.parametrize("task", [Parity(3, n_steps=20), Parity(4, when="end"), Parity(1, n_steps=5)], ids=repr)
def test_parity_is_that_of_the_last_bits(task):
    trials = _draw(task)
    for row, string in enumerate(_strings(trials, "01")):
        for k in range(len(string)):
            asked = k >= task.n_bits - 1
            assert trials["mask"].values[row, k] == asked
            odd = string[k - task.n_bits + 1 : k + 1].count("1") % 2 if asked else 0
            assert trials["targets"].values[row, k, 0] == odd
    assert trials.sizes["time"] == (task.n_bits if task.when == "end" else task.n_steps)


@pytest.mark.parametrize("n_numbers", [1, 2, 3])
def test_marked_numbers_are_added_and_others_not(n_numbers):
    task = DelayedAddition(n_numbers, presentation=1.1, delay=0.3, response=0.2)
    trials = _draw(task, 300)
    number, marked, asked = np.moveaxis(trials["inputs"].values, -1, 0)
    assert (marked.sum(axis=1) == n_numbers).all()
    np.testing.assert_allclose((number * marked).sum(axis=1), trials["sum"], rtol=1e-6)
    np.testing.assert_array_equal(asked, trials["mask"])
    np.testing.assert_array_equal(np.flatnonzero(asked[0]), [14, 15])
    assert not number[:, 11:].any()
    assert (marked[:, :11].sum(axis=0) > 0).all()
    np.testing.assert_allclose(trials["targets"].values[:, -1, 0], trials["sum"])
    assert (trials["last_marked"] < 1.1).all()


def test_errors_within_the_papers_tolerance_solve_addition():
    task, trials, rng = DelayedAddition(), _draw(DelayedAddition(), 4000), np.random.default_rng(0)
    targets = trials["targets"].values
    assert task.score(trials, np.ones(targets.shape)) == pytest.approx(task.chance, abs=0.01)
    error = rng.normal(0, 0.04, (len(targets), 1, 1))
    assert (np.abs(error) < 0.08).mean() > 0.94
    assert task.score(trials, targets + error) == pytest.approx(task.criterion, abs=0.001)
    found = task.psychometric(trials, targets)
    np.testing.assert_allclose(found["answer"], found["sum"], atol=0.05)


def test_items_are_to_be_said_in_order_after_the_cue():
    task = CopyMemory(n_symbols=4, n_items=3, gap=0.6)
    trials = _draw(task)
    heard, said = trials["inputs"].values.argmax(axis=-1), trials["targets"].values.argmax(axis=-1)
    assert heard.shape[1] == 3 + 6 + 3
    np.testing.assert_array_equal(heard[:, :3], said[:, -3:])
    assert (heard[:, 9] == 5).all()
    assert (heard[:, 3:9] == 4).all()
    assert (said[:, :9] == 4).all()
    np.testing.assert_allclose(trials["recall_start"], 0.9)
    outputs = trials["targets"].values.copy()
    outputs[:, -1] = np.eye(5)[4]
    np.testing.assert_array_equal(task.psychometric(trials, outputs)["correct"], [1, 1, 0])
    assert task.score(trials, outputs) == pytest.approx(2 / 3)


# --- characters ---


def test_stretches_are_of_the_text_and_the_next_character_is_due():
    text = "the quick brown fox jumps over the lazy dog, " * 4
    task = CharacterPrediction(text, n_characters=12)
    trials = _draw(task)
    for row, string in enumerate(_strings(trials, task.input_names)):
        place = int(trials["offset"][row])
        assert string == text[place : place + 12]
        assert task.output_names[trials["targets"].values[row, -1].argmax()] == text[place + 12]
    assert trials["offset"].max() <= len(text) - 13
    most = max(set(text), key=text.count)
    assert task.chance == text.count(most) / len(text)
    assert np.isnan(task.best)


def test_the_criterion_is_a_table_of_pairs():
    text = bracketed_text(3000, rng=np.random.default_rng(3))
    after = {}
    for k in range(len(text) - 2):
        after.setdefault(text[k : k + 2], []).append(text[k + 2])
    right = sum(max(map(found.count, set(found))) for found in after.values())
    assert CharacterPrediction(text).criterion == pytest.approx(right / (len(text) - 2))


def test_quotes_and_brackets_are_followed():
    text = 'a (b "c(d" [e]) f)\n\n"g\n\nh \u201ci\u201d j'
    notes = annotate(text)
    inside, depth, open_quote = [], 0, False
    depths = []
    for k, letter in enumerate(text):
        if letter == '"':
            open_quote = not open_quote
        if letter == "\n" and text[k - 1] == "\n":
            open_quote = False
        if letter in "\u201c\u201d":
            open_quote = letter == "\u201c"
        depth = max(0, depth + (letter in "([") - (letter in ")]"))
        inside.append(open_quote)
        depths.append(depth)
    np.testing.assert_array_equal(notes.inside_quotes, inside)
    np.testing.assert_array_equal(notes.depth, depths)


def test_the_built_in_text_is_well_formed_and_asks_for_memory():
    text = bracketed_text(6000, rng=np.random.default_rng(1))
    pairs, letters, stack, after = {")": "(", "]": "["}, {"": "b", '"': "c", "(": "d", "[": "e"}, [], {}
    for k, letter in enumerate(text[:-1]):
        if letter in "([" or (letter == '"' and stack[-1:] != ['"']):
            stack.append(letter)
        elif letter == '"' or letter in pairs:
            assert stack.pop() == pairs.get(letter, '"')
        innermost = stack[-1] if stack else ""
        assert len(stack) <= 4
        assert len(stack) - (innermost == '"') <= 3
        if letter == "a":
            assert text[k + 1] == letters[innermost]
        after.setdefault((text[k - 1 : k + 1], innermost), []).append(text[k + 1])
    with_memory = sum(max(map(found.count, set(found))) for found in after.values()) / (len(text) - 1)
    task = CharacterPrediction(text)
    assert with_memory > task.criterion + 0.05
    assert task.criterion > task.chance + 0.1


def test_another_text_can_be_read_with_the_same_channels():
    one = CharacterPrediction("abcabcab", n_characters=3, vocabulary="abcd")
    assert one.input_names == CharacterPrediction("dcba", n_characters=2, vocabulary="abcd").input_names
    assert CharacterPrediction() == CharacterPrediction()
    assert len(repr(CharacterPrediction())) < 100


# --- neurogym ---


class _Space:
    def __init__(self, *, n=None, shape=(), name=None):
        self.shape, self.name = shape, name
        if n is not None:
            self.n = n


class _Environment:
    """What an environment of neurogym shows, without neurogym: two-choice trials of random length."""

    dt = 50

    def __init__(self, *, discrete=True):
        self.observation_space = _Space(shape=(3,), name={"fixation": 0, "stimulus": [1, 2]})
        names = {"fixation": 0, "choice": [1, 2]}
        self.action_space = _Space(n=3, name=names) if discrete else _Space(shape=(1,))
        self.start_t, self.discrete, self.offset = {}, discrete, 0

    @property
    def unwrapped(self):
        return self

    def seed(self, seed):
        self.rng = np.random.RandomState(seed)

    def new_trial(self):
        n, side = self.rng.randint(4, 8), self.rng.randint(2)
        self.start_t.update(fixation=0, decision=50 * (n - 1))
        if side:
            self.start_t["extra"] = 100
        self.ob = np.zeros((n, 3), dtype=np.float32)
        self.ob[:-1, 0], self.ob[1:3, 1 + side] = 1, 1
        self.gt = np.zeros(n, dtype=int)
        self.gt[-1] = 1 + side + self.offset
        if not self.discrete:
            self.gt = np.where(np.arange(n) == n - 1, 2.0 * side - 1, 0.0)[:, None]
        return {"side": "right" if side else "left", "coherence": np.float64(3.0), "mask": 1, "list": [1, 2]}


def test_an_environment_becomes_a_task():
    task = NeurogymTask(_Environment())
    trials = check_trials(_draw(task, 200))
    assert isinstance(task, Task)
    assert (task.loss, task.dt) == ("cross_entropy", 0.05)
    assert task.input_names == ("fixation", "stimulus_1", "stimulus_2")
    assert task.output_names == ("fixation", "choice_1", "choice_2")
    assert set(np.rint(trials["duration"].values / 0.05)) == {4, 5, 6, 7}
    right = trials["side"].values == "right"
    np.testing.assert_array_equal(np.isnan(trials["extra_start"]), ~right)
    np.testing.assert_allclose(trials["decision_start"], trials["duration"] - 0.05)
    assert (trials["trial_mask"] == 1).all()
    assert "list" not in trials
    assert task.score(trials, trials["targets"]) == 1
    assert trials.identical(_draw(NeurogymTask(_Environment()), 200))
    blind = _blind(task, _draw(task, 500), _draw(task, 500, seed=1))
    assert blind - 0.05 < task.chance < 0.85
    assert task.chance < task.criterion < 1
    said = np.where(right[:, None, None], trials["targets"].values, np.eye(3)[0])
    found = task.psychometric(trials, said)
    assert found["correct"].sel(action=["fixation", "choice_1", "choice_2"]).values.tolist() == [1, 0, 1]


def test_an_environment_of_values_is_regressed():
    task = NeurogymTask(_Environment(discrete=False))
    trials = check_trials(_draw(task))
    assert trials.attrs["loss"] == task.loss == "squared"
    assert (task.chance, task.score(trials, trials["targets"])) == (0, 1)
    assert set(task.psychometric(trials, trials["targets"])["target"].values) == {-1, 0, 1}


def test_environments_that_cannot_be_learnt_from_are_refused():
    with pytest.raises(InputError, match=r"environment: expected one of neurogym's, found object"):
        _ = NeurogymTask(object()).env
    strange = _Environment()
    strange.offset = 5
    with pytest.raises(InputError, match="one of its 3 actions"):
        _draw(NeurogymTask(strange))
    silent = _Environment()
    silent.new_trial = dict
    with pytest.raises(InputError, match="says what is seen"):
        _draw(NeurogymTask(silent))


def test_without_neurogym_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "neurogym", None)
    with pytest.raises(InputError, match="pip install neurogym"):
        _draw(NeurogymTask("PerceptualDecisionMaking-v0"))


def test_neurogym_itself():
    pytest.importorskip("neurogym")
    task = NeurogymTask("PerceptualDecisionMaking-v0", options={"dt": 20})
    trials = check_trials(_draw(task))
    assert task.dt == 0.02
    assert task.input_names == ("fixation", "stimulus_1", "stimulus_2")
    assert {"coh", "decision_start"} <= set(trials)
    assert trials.identical(_draw(task))
    assert task.chance == pytest.approx(2 / 3, abs=0.05)
    with pytest.raises(InputError, match="an environment that neurogym makes"):
        _draw(NeurogymTask("Nonsense-v0"))


# --- what is refused ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TemporalXOR(n_triples=0), "numbers above 0"),
        (lambda: TemporalXOR(dt=0), "numbers above 0"),
        (lambda: Reber(longest=4), "at least 5"),
        (lambda: EmbeddedReber(longest=8), "at least 9"),
        (lambda: Reber(threshold=0.5), "rarest legal letter"),
        (lambda: EmbeddedReber(bias=0.25), "between 0 and 0.25"),
        (lambda: EmbeddedReber(bias=0.5), "bias"),
        (lambda: Tomita(8), "1 to 7, found 8"),
        (lambda: Tomita(1, when="always"), "end or each"),
        (lambda: Tomita(2, shortest=3, longest=3), "a length at which some strings belong"),
        (lambda: Tomita(1, shortest=5, longest=3), "5 to 3"),
        (lambda: Tomita(1, near=1.5), "near in 0 to 1"),
        (lambda: Counting(n_repeats=0), "numbers above 0"),
        (lambda: Parity(0), "n_bits"),
        (lambda: Parity(9, n_steps=8), "n_steps >= n_bits"),
        (lambda: Parity(when="now"), "running or end"),
        (lambda: DelayedAddition(delay=-1), "delay >= 0"),
        (lambda: DelayedAddition(response=0), "a response of a step"),
        (lambda: DelayedAddition(9, presentation=0.5), "a step for each of 9"),
        (lambda: CopyMemory(gap=-0.1), "gap >= 0"),
        (lambda: CopyMemory(n_symbols=1), "two symbols"),
        (lambda: CharacterPrediction("short"), "more characters than"),
        (lambda: CharacterPrediction("abc" * 30, vocabulary="ab"), "found 'c'"),
        (lambda: CharacterPrediction("abc" * 30, vocabulary="abca"), "a character twice"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("task", EVERY, ids=repr)
def test_outputs_of_another_shape_are_refused(task):
    trials = _draw(task, 5)
    with pytest.raises(InputError, match="outputs: expected shape"):
        task.score(trials, np.zeros((5, 3, 1)))


def test_tasks_can_be_changed_and_compared():
    assert replace(Tomita(2), longest=8) == Tomita(2, longest=8)
    assert hash(Reber()) == hash(Reber())

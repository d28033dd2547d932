"""One classic system from its name to its page, and the list of those there are."""

import pytest

from neurorec import cli
from neurorec.recording import InputError
from neurorec.study import CLASSICS, reproduce_classic


def test_the_command_knows_every_classic(capsys):
    assert list(cli.CLASSICS) == list(CLASSICS)
    with pytest.raises(SystemExit) as leaving:
        cli.main(["reproduce", "--list"])
    assert leaving.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*CLASSICS, "runyan2017", "recurrence-calibration"))


def test_a_name_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="oculomotor"):
        reproduce_classic("nothing", tmp_path)

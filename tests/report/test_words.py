"""The answer in words follows from the table."""

import numpy as np
import pandas as pd

from neurorec.report import answer


def test_the_answer_names_most_and_least_with_intervals(table):
    said = answer(table)
    assert "explain 0.100 (95% interval 0.090 to 0.110) of the deviance of the median unit of V1 (n = 12)" in said
    assert "0.020 (95% interval −0.0010 to 0.040) of the deviance of the median unit of PPC (n = 8), the least" in said
    assert "The interval lies above zero in 1 of the 2 areas." in said
    assert "The two differ (p < 0.0001)." in said


def test_the_answer_does_not_claim_a_difference_that_is_not_there(table):
    table["p_value"] = 0.3
    assert "The two cannot be told apart (p = 0.3)." in answer(table)
    three = pd.concat([table, table.iloc[:1].assign(area="CA1")]).assign(q_value=[0.01, 0.3, np.nan])
    assert "Against the mean of the others, V1 differs (1 of 3, q < 0.05)." in answer(three)
    assert "No area can be told from the mean of the others" in answer(three.assign(q_value=0.2))
    table["benefit_low"] = -0.1
    assert "includes zero, or lies below it, in every area" in answer(table)


def test_small_and_unknown_areas_are_not_named_the_most_or_least(table):
    table["n_units"] = [3, 40]
    more = table.iloc[[1, 1]].assign(area=["CA1", ""], benefit=[0.05, 0.5], n_units=40)
    said = answer(pd.concat([table, more]))
    assert "median unit of CA1 (n = 40), the most of 2 areas with 10 units or more" in said
    assert "above zero in 1 of the 4 areas" in said


def test_one_area_and_none(table):
    assert "nothing to compare it with" in answer(table.iloc[:1])
    assert "nothing can be said" in answer(table.assign(benefit=np.nan))

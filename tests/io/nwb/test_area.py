"""The area of a unit, by every route that files take."""

import h5py
import numpy as np
import pytest

from neurorec.io import read_nwb
from neurorec.recording import InputError, SelectionError

SPIKES = [[0.1, 0.2], [0.15], [0.3, 0.9]]


def areas(recording):
    return recording["area"].values.tolist()


@pytest.mark.parametrize("link", [[0, 2, 1], [[0], [2], [1]]])
def test_electrode_link_ragged_or_not(build, read, link):
    recording, _ = read(build().electrodes(["V1", "PPC", "M2"]).units(SPIKES, electrodes=link))
    assert areas(recording) == ["V1", "M2", "PPC"]


def test_electrode_link_is_by_row_and_channel_column_by_id(build, read):
    file = build().electrodes(["V1", "PPC", "M2"], ids=[2, 0, 1])
    assert areas(read(file.units(SPIKES, electrodes=[0, 1, 2]))[0]) == ["V1", "PPC", "M2"]
    other = build("peak.nwb").electrodes(["V1", "PPC", "M2"], ids=[20, 10, 11])
    assert areas(read(other.units(SPIKES, peak_channel_id=[10, 11, 20]))[0]) == ["PPC", "M2", "V1"]


def test_peak_channel_wins_over_the_first_of_many_electrodes(build, read):
    file = build().electrodes(["V1", "V1", "PPC"]).units(SPIKES, electrodes=[[0, 1, 2]] * 3, peak_channel=[2, 2, 0])
    assert areas(read(file)[0]) == ["PPC", "PPC", "V1"]


def test_majority_of_many_electrodes_is_taken_and_said(build, read, said):
    file = build().electrodes(["V1", "PPC", "PPC"]).units(SPIKES, electrodes=[[0, 1, 2], [0], [1, 2]])
    recording, doubts = read(file)
    assert areas(recording) == ["PPC", "V1", "PPC"]
    assert said(doubts, "Units 0 ", "several areas")


def test_unit_column_wins_and_disagreement_is_said(build, read, said):
    file = build().electrodes(["V1", "V1", "PPC"]).units(SPIKES, electrodes=[0, 1, 2], location=["V1", "M2", "PPC"])
    recording, doubts = read(file)
    assert areas(recording) == ["V1", "M2", "PPC"]
    assert said(doubts, "column location and electrodes.location", "1 of 3", "'M2' and 'V1'")


def test_group_location_where_nothing_else_is_known(build, read):
    file = build().electrodes(["unknown"] * 3, group_location=["V1", "PPC", "M2"]).units(SPIKES, electrodes=[0, 1, 2])
    assert areas(read(file)[0]) == ["V1", "PPC", "M2"]


def test_group_of_the_unit_where_there_are_no_electrodes(build, read):
    file = build().electrodes(["V1", "PPC"]).units(SPIKES)

    def link(h5):
        ephys = h5["general/extracellular_ephys"]
        references = [ephys["group1"].ref, ephys["group0"].ref, ephys["group1"].ref]
        h5["units"].create_dataset("electrode_group", data=np.array(references, dtype=h5py.ref_dtype))

    recording, _ = read(file.edit(link))
    assert areas(recording) == ["PPC", "V1", "PPC"]
    assert recording["electrode_group"].values.tolist() == ["group1", "group0", "group1"]


def test_location_and_group_location_that_disagree_are_said(build, read, said):
    file = build().electrodes(["V1", "V1", "M2"], group_location=["V1", "V2", "M2"])
    recording, doubts = read(file.units(SPIKES, electrodes=[0, 1, 2]))
    assert areas(recording) == ["V1", "V1", "M2"]
    assert said(doubts, "electrode_group.location", "1 of 3", "'V1' and 'V2'")


@pytest.mark.parametrize("nobody_knows", ["unknown", "VOID", "n/a", "", "None", "nan"])
def test_unknown_areas_are_empty(build, read, said, nobody_knows):
    recording, doubts = read(build().electrodes(["V1", nobody_knows, "V1"]).units(SPIKES, electrodes=[0, 1, 2]))
    assert areas(recording) == ["V1", "", "V1"]
    assert said(doubts, "no area for 1 of 3")


@pytest.mark.parametrize(
    "packed",
    [
        "brain_region: ALM; brain_subregion: N/A; hemisphere: left",
        "{'brain_region': 'ALM', 'depth': 300}",
        '{"area": "ALM", "depth": null}',
        "area=ALM, depth=300",
    ],
)
def test_packed_text_is_unpacked_and_said(build, read, said, packed):
    recording, doubts = read(build().electrodes([packed] * 3).units(SPIKES, electrodes=[0, 1, 2]))
    assert areas(recording) == ["ALM"] * 3
    assert said(doubts, "'ALM' was taken from", packed[:10])


def test_names_with_commas_and_layers_are_left_alone(build, read):
    name = "Primary visual area, layer 5"
    recording, doubts = read(build().electrodes([name] * 3).units(SPIKES, electrodes=[0, 1, 2]))
    assert areas(recording) == [name] * 3
    assert not any("packs" in doubt for doubt in doubts)


def test_area_of_the_electrode_table_without_units_is_said(build, read, said):
    _, doubts = read(build().electrodes(["V1", "PPC"]).units(SPIKES, electrodes=[0, 0, 0]))
    assert said(doubts, "No unit lies in PPC")


def test_user_says_the_area(build, read, said):
    file = build().electrodes(["V1", "PPC"]).units(SPIKES, electrodes=[0, 0, 1], ids=[7, 8, 9], probe=["A", "B", "B"])
    assert areas(read(file, area="probe")[0]) == ["A", "B", "B"]
    assert areas(read(file, area="location")[0]) == ["V1", "V1", "PPC"]
    assert areas(read(file, area={"V1": "visual"})[0]) == ["visual", "visual", "PPC"]
    assert areas(read(file, area={"V1 ": "visual"})[0]) == ["visual", "visual", "PPC"]
    assert areas(read(file, area={8: "M2", "PPC": "parietal"})[0]) == ["V1", "M2", "parietal"]
    assert areas(read(file, area=lambda units: units["probe"] + units["electrode_location"])[0]) == [
        "AV1",
        "BV1",
        "BPPC",
    ]
    _, doubts = read(file, area={"V1": "visual", "S1": "touch"})
    assert said(doubts, "S1", "neither an area nor a unit")


def test_a_choice_that_fits_nothing_is_refused(build):
    file = build().electrodes(["V1", "PPC"]).units(SPIKES, electrodes=[0, 0, 1])
    with pytest.raises(SelectionError, match=r"area: .*V1.*keys S1"):
        read_nwb(file.path, area={"S1": "touch"})
    with pytest.raises(SelectionError, match="electrode_location"):
        read_nwb(file.path, area="no_such_column")
    with pytest.raises(InputError, match="one area per unit"):
        read_nwb(file.path, area=lambda units: ["V1"])


def test_electrodes_outside_the_table_are_said(build, read, said):
    recording, doubts = read(build().electrodes(["V1", "PPC"]).units(SPIKES, electrodes=[0, 5, 1]))
    assert areas(recording) == ["V1", "", "PPC"]
    assert said(doubts, "units 1 ", "outside the electrode table")

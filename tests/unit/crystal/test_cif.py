"""Reading CIFs: expansion by the listed operations, and every refusal."""

import numpy as np
import pytest

from confvib.crystal.cif import read_cif_sites
from confvib.errors import CrystalError

GOOD = """data_x
_cell_length_a 4.0
_cell_length_b 5.0(1)
_cell_length_c 6.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_operation_xyz
'x,y,z'
'-x,-y,-z+1/2'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
LiT Li1+ 0.1 0.2 0.3(2) 0.5
O1 O2- 0 0 0.25 1
"""


def _read(tmp_path, text):
    path = tmp_path / "x.cif"
    path.write_text(text)
    return read_cif_sites(path)


def test_operations_expand_general_and_special_positions(tmp_path):
    sites = _read(tmp_path, GOOD)
    assert sites.labels == ("LiT", "LiT", "O1")
    np.testing.assert_array_equal(sites.numbers, [3, 3, 8])
    np.testing.assert_array_equal(sites.occupancy, [0.5, 0.5, 1.0])
    expected = [[0.1, 0.2, 0.3], [0.9, 0.8, 0.2], [0.0, 0.0, 0.25]]
    np.testing.assert_allclose(sites.fractional, expected)
    np.testing.assert_allclose(sites.cell, np.diag([4.0, 5.0, 6.0]), atol=1e-12)


def test_elements_come_from_labels_and_occupancy_defaults_to_one(tmp_path):
    text = GOOD.replace("_atom_site_type_symbol\n", "").replace("Li1+ ", "")
    text = text.replace("O2- ", "").replace("_atom_site_occupancy\n", "")
    sites = _read(tmp_path, text.replace("0.3(2) 0.5", "0.3").replace("0.25 1", "0.25"))
    np.testing.assert_array_equal(sites.numbers, [3, 3, 8])
    np.testing.assert_array_equal(sites.occupancy, 1.0)


def test_missing_file(tmp_path):
    with pytest.raises(CrystalError, match=r"nowhere.cif: no such CIF file"):
        read_cif_sites(tmp_path / "nowhere.cif")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (GOOD, "this is no CIF\n", "not a readable CIF"),
        (GOOD, "data_x\n_cell_length_a 4.0\n", "0 data blocks with a structure"),
        (GOOD, GOOD + GOOD.replace("data_x", "data_y"), "2 data blocks"),
        ("O1 O2- 0 0 0.25 1", "O1 O2- 0 0 0.25 1 7 8", "not a readable CIF"),
        ("_cell_angle_beta 90\n", "", "CIF has no _cell_angle_beta"),
        ("_cell_length_a 4.0", "_cell_length_a ?", "cannot be interpreted"),
        (
            "loop_\n_space_group_symop_operation_xyz\n'x,y,z'\n'-x,-y,-z+1/2'\n",
            "_space_group_IT_number 2\n",
            "no _space_group_symop_operation_xyz loop; write the operations out",
        ),
        ("-x,-y,-z+1/2", "-x,-y,x", "holds something that is no operation"),
        ("O1 O2-", "O1 Qq", "no element in atom type 'Qq'"),
        ("0.25 1\n", "0.25 1.2\n", "site O1 has occupancy 1.2, expected 0 < value <= 1"),
        (
            "-x,-y,-z+1/2'\n",
            "-x,-y,-z+1/2'\n'x,y+0.005,z'\n",
            r"site LiT and its image by symmetry are 0.0250 Å apart, .* look rounded",
        ),
        ("0.3(2) 0.5", "0.3(2) 0", "site LiT has occupancy 0.0"),
        ("0.3(2) 0.5", "0.3(2) nan", "site LiT has occupancy nan"),
        ("0.3(2) 0.5", "0.3(2) ?", "cannot be interpreted"),
        ("_atom_site_label\n", "_atom_site_name\n", "CIF has no _atom_site_label"),
    ],
)
def test_refusals(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(CrystalError, match=message):
        _read(tmp_path, GOOD.replace(old, new))

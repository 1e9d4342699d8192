import gzip
import hashlib
import json
import re
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from confvib.dft import potcars
from confvib.dft.engine import VaspEngine
from confvib.dft.level import level_of_theory
from confvib.dft.potcars import read_potcars
from confvib.dft.preflight import Pseudopotential, check_installation
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError


def complaint(settings, symbols=("Li", "O")):
    with pytest.raises(LabelError) as caught:
        check_installation(settings, symbols)
    return str(caught.value)


def of_functional(library, lexch):
    """Rewrite the library as if made with another functional."""
    for path in (library / "POTCAR.Li_sv_GW", library / "O_GW" / "POTCAR"):
        text = re.sub(r"LEXCH  = \w+", f"LEXCH  = {lexch}", path.read_text())
        path.write_text(text)


def test_what_a_complete_installation_is(settings, library):
    found = check_installation(settings, ["Li", "O"])
    text = (library / "POTCAR.Li_sv_GW").read_text()
    assert found.pseudopotentials["Li"] == Pseudopotential(
        symbol="Li_sv_GW",
        title="PAW_PBE Li_sv_GW 01Jan2000",
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        lexch="PE",
        enmax_eV=100.0,
    )
    assert found.level_of_theory == level_of_theory(settings, read_potcars(settings))
    assert found.program == str(Path(sys.executable).absolute())
    assert found.warnings == ()
    assert json.loads(json.dumps(asdict(found)))["pseudopotentials"]["O"]["lexch"] == "PE"


def test_a_login_node_need_not_have_the_program(values, library):
    settings = VaspSettings.from_mapping(values | {"command": "no_such_program"})
    assert check_installation(settings, ["Li"], needs_program=False).program is None
    with pytest.raises(LabelError, match="is not on PATH"):
        check_installation(settings, ["Li"])


def test_a_cutoff_below_that_of_a_potcar_is_a_warning(values, library):
    values["incar"] |= {"ENCUT": 90}
    found = check_installation(VaspSettings.from_mapping(values), ["Li"])
    assert found.warnings == (
        "ENCUT is 90 eV, below the ENMAX of 100 eV that POTCAR 'Li_sv_GW' was made for",
        "ENCUT is 90 eV, below the ENMAX of 100 eV that POTCAR 'O_GW' was made for",
    )


@pytest.mark.parametrize(
    ("keys", "lexch", "expected"),
    [
        ({}, "CA", "PE, which goes with potcar_functional 'PBE_54'"),
        ({}, "91", "PE, which goes with potcar_functional 'PBE_54'"),
        ({"GGA": "PS"}, "CA", "PE, which goes with GGA = PS in incar"),
        ({"GGA": "CA"}, "PE", "CA, which goes with GGA = CA in incar"),
        ({"GGA": 91}, "PE", "91, which goes with GGA = 91 in incar"),
    ],
)
def test_potcars_of_another_functional(values, library, keys, lexch, expected):
    values["incar"] |= keys
    of_functional(library, lexch)
    assert complaint(VaspSettings.from_mapping(values)) == (
        "POTCAR 'Li_sv_GW' (PAW_PBE Li_sv_GW 01Jan2000) was made with LEXCH = "
        f"{lexch}; expected {expected}"
    )


@pytest.mark.parametrize(
    ("keys", "lexch"), [({"METAGGA": "R2SCAN"}, "CA"), ({"GGA": "PS"}, "PE")]
)
def test_functionals_that_have_no_potcars_of_their_own(values, library, keys, lexch):
    values["incar"] |= keys
    of_functional(library, lexch)
    check_installation(VaspSettings.from_mapping(values), ["Li", "O"])


def test_compressed_potcars_are_found(settings, library):
    plain = library / "POTCAR.Li_sv_GW"
    shutil.move(plain, library / "unpacked")
    with pytest.raises(LabelError):
        check_installation(settings, ["Li"])
    (library / "POTCAR.Li_sv_GW.gz").write_bytes(
        gzip.compress((library / "unpacked").read_bytes())
    )
    check_installation(settings, ["Li"])


def test_unset_library(settings, library, monkeypatch):
    monkeypatch.delenv("PMG_VASP_PSP_DIR")
    monkeypatch.setattr(potcars, "SETTINGS", {})
    assert complaint(settings) == (
        "PMG_VASP_PSP_DIR is not set; expected the directory that holds the POTCAR sets "
        "of your VASP licence (in the environment or in ~/.config/.pmgrc.yaml)"
    )


def test_library_that_is_no_directory(settings, library, monkeypatch):
    monkeypatch.setenv("PMG_VASP_PSP_DIR", "/nowhere/potcars")
    assert complaint(settings) == (
        "PMG_VASP_PSP_DIR is '/nowhere/potcars', which is not a directory; expected the "
        "directory that holds the POTCAR sets"
    )


def test_missing_potcar(settings, library):
    (library / "POTCAR.Li_sv_GW").unlink()
    assert complaint(settings) == (
        "no POTCAR 'Li_sv_GW' of the set 'PBE_54'; expected "
        f"{library}/POTCAR.Li_sv_GW or {library}/Li_sv_GW/POTCAR (plain or compressed)"
    )


def test_potcar_of_another_element(settings, library):
    shutil.copy(library / "O_GW" / "POTCAR", library / "POTCAR.Li_sv_GW")
    assert complaint(settings) == (
        f"{library}/POTCAR.Li_sv_GW is titled 'PAW_PBE O_GW 01Jan2000'; expected a "
        "POTCAR of Li"
    )


def test_file_that_is_no_potcar(settings, library):
    (library / "POTCAR.Li_sv_GW").write_text("<html>please log in</html>")
    assert complaint(settings).endswith("has no TITEL line; expected a POTCAR")


def test_element_without_symbol(settings, library):
    assert complaint(settings, ["Li", "Zr"]) == (
        "potcar_symbols has no entry for 'Zr'; expected one for each element, found "
        "{'Li': 'Li_sv_GW', 'O': 'O_GW'}"
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "no_such_launcher vasp_std",
            (
                "command 'no_such_launcher vasp_std': 'no_such_launcher' is not on PATH; "
                "expected a program, for example 'srun vasp_gam' after loading the VASP "
                "module"
            ),
        ),
        ("  ", "command is empty; expected how VASP is started"),
        (
            "srun 'vasp_std",
            'command "srun \'vasp_std" cannot be split into words: No closing quotation',
        ),
    ],
)
def test_command_that_cannot_start(values, library, tmp_path, command, message):
    settings = VaspSettings.from_mapping(values | {"command": command})
    assert complaint(settings) == message
    with pytest.raises(LabelError, match=re.escape(message)):
        VaspEngine(settings, tmp_path / "scratch", tmp_path / "kept")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"incr": {}}, r"unknown VASP settings \['incr'\]; known: \['command'"),
        ({"incar": {"PREC": "Low"}}, r"incar has no ENCUT; expected a cutoff \[eV\]"),
        (
            {"incar": {"ENCUT": 500, "nsw": 5, "IBRION": 1}},
            r"incar sets \['IBRION', 'NSW'\], which the task decides",
        ),
        (
            {"incar": {"ENCUT": 500, "encut": 400}},
            r"incar names \['ENCUT'\] more than once",
        ),
        ({"potcar_functional": "PBE54"}, r"potcar_functional is 'PBE54', expected one"),
        ({"kpoints": [1, 1]}, r"kpoints is \(1, 1\), expected three integers >= 1"),
        ({"ediffg": 0.0}, r"ediffg is 0, expected a value > 0 \[eV\] or < 0"),
        ({"max_corrections": 0}, "max_corrections is 0, expected an integer >= 1"),
        ({"poll_s": 0.0}, r"poll_s is 0\.0, expected a time > 0 \[s\]"),
        ({"grace_s": -1}, r"grace_s is -1, expected a time > 0 \[s\]"),
        (
            {"keep": ["POTCAR"]},
            r"keep is \['POTCAR'\], expected names among WAVECAR, CHGCAR",
        ),
        (
            {"incar": {"ENCUT": 500, "icharg": 11}},
            "incar sets ICHARG = 11, which keeps the charge density as it is",
        ),
        (
            {"incar": {"ENCUT": 500, "ANDERSEN_PROB": 0.1, "RANDOM_SEED": "1 0 0"}},
            r"incar sets \['ANDERSEN_PROB', 'RANDOM_SEED'\], which the task decides",
        ),
    ],
)
def test_settings_outside_their_domain(values, change, message):
    with pytest.raises(LabelError, match=message):
        VaspSettings.from_mapping(values | change)


def test_settings_that_lack_something(values):
    del values["command"], values["incar"]
    with pytest.raises(LabelError, match=r"VASP settings lack \['command', 'incar'\]"):
        VaspSettings.from_mapping(values)

"""Finished VASP runs, written as VASP writes them, for what no published run shows."""

from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_numbers, chemical_symbols

HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator><i name="program" type="string">vasp </i>
  <i name="version" type="string">{version}  </i></generator>
 <incar>{incar}</incar>
 <kpoints><generation param="{style}"><v type="int" name="divisions"> {mesh} </v>
   <v name="usershift"> 0.0 0.0 0.0 </v></generation>
  <varray name="kpointlist" ><v> 0.0 0.0 {third} </v></varray>
  <varray name="weights" ><v> 1.0 </v></varray></kpoints>
 <parameters><separator name="electronic" >{parameters}</separator>
  <separator name="response functions" ><i type="int" name="NELM"> 1</i></separator>
 </parameters>
 <atominfo><array name="atoms" ><set>{atoms}</set></array>
  <array name="atomtypes" ><set>{kinds}</set></array></atominfo>
"""


def tag(key, value):
    kind = {bool: "logical", int: "int", str: "string"}.get(type(value))
    text = {True: "T", False: "F"}.get(value) if kind == "logical" else value
    typed = f'type="{kind}" ' if kind else ""
    if isinstance(value, list):
        return f'<v name="{key}"> {" ".join(map(str, value))} </v>'
    return f'<i {typed}name="{key}"> {text}</i>'


def vectors(name, rows):
    body = "".join("<v> {:16.8f} {:16.8f} {:16.8f} </v>\n".format(*row) for row in rows)
    return f'<varray name="{name}" >\n{body}</varray>\n'


def energies(free_eV, extra=""):
    number = f"{free_eV:16.8f}" if abs(free_eV) < 1e7 else "*" * 16
    return f'<energy><i name="e_fr_energy"> {number} </i>{extra}</energy>\n'


def step(atoms, free_eV, forces, n_electronic, kinetic_eV, correction_eV):
    kinetic = f'<i name="kinetic"> {kinetic_eV:.8f} </i>' if kinetic_eV else ""
    scstep = f"<scstep>{energies(free_eV - correction_eV)}</scstep>\n"
    return (
        "<calculation>\n"
        + scstep * n_electronic
        + f"<structure><crystal>{vectors('basis', atoms.cell)}</crystal>"
        + vectors("positions", atoms.get_scaled_positions(wrap=False))
        + "</structure>\n"
        + vectors("forces", forces)
        + energies(free_eV, kinetic)
        + "</calculation>\n"
    )


def write_run(
    path,
    frames,
    *,
    incar=(),
    version="6.3.2",
    style="Gamma",
    mesh="1 1 1",
    kinetic_eV=0.0,
    n_electronic=5,
    correction_eV=0.0,
    cut=None,
):
    """Write a run; its energies and forces are functions of the positions.

    Args:
        path: The file.
        frames: ASE's atoms, grouped by element.
        incar: Keys beside those of a relaxation.
        cut: Characters to leave out at the end.
    """
    keys = {"ENCUT": 500.0, "IBRION": 2, "NSW": 99, "ISIF": 2, "NELM": 60} | dict(incar)
    keys = {key: value for key, value in keys.items() if value is not None}
    symbols = frames[0].get_chemical_symbols()
    kinds = list(dict.fromkeys(symbols))
    text = HEAD.format(
        version=version,
        style=style,
        mesh=mesh,
        third="0.0" if mesh == "1 1 1" else "0.25",
        incar="".join(tag(key, value) for key, value in keys.items()),
        parameters="".join(
            tag("ENMAX" if key == "ENCUT" else key, value) for key, value in keys.items()
        ),
        atoms="".join(f"<rc><c>{el:2s}</c><c>   1</c></rc>" for el in symbols),
        kinds="".join(
            f"<rc><c>{symbols.count(el)}</c><c>{el:2s}</c><c> 1.0</c><c> 1.0</c>"
            f"<c>  PAW_PBE {el} 05Jan2001                </c></rc>"
            for el in kinds
        ),
    )
    for atoms in frames:
        energy_eV, forces = label(atoms)
        text += step(atoms, energy_eV, forces, n_electronic, kinetic_eV, correction_eV)
    text += "</modeling>\n"
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text[: len(text) - (cut or 0)])
    return path


def label(atoms):
    """Return a made-up energy [eV] and forces [eV/Å] of a geometry."""
    positions = atoms.get_scaled_positions(wrap=False)
    weights = np.array([atomic_numbers[el] for el in atoms.get_chemical_symbols()])
    return -float(weights @ np.cos(positions).sum(axis=1)), 0.1 * np.sin(positions)


@pytest.fixture(scope="session")
def vasp_run():
    """The function that writes a run."""
    return write_run


@pytest.fixture(scope="session")
def vasp_label():
    """The function that a written run follows."""
    return label


@pytest.fixture
def potcar_library(tmp_path, monkeypatch):
    """Make a library with a POTCAR per element, titled as in written runs."""
    root = tmp_path / "psp"
    folder = root / "POT_GGA_PAW_PBE_54"
    folder.mkdir(parents=True)
    for symbol in chemical_symbols[1:100]:
        title = f"PAW_PBE {symbol} 05Jan2001"
        (folder / f"POTCAR.{symbol}").write_text(
            f"  {title}\n   LEXCH  = PE\n   TITEL  = {title}\n   ENMAX  =  300.000\n"
        )
    monkeypatch.setenv("PMG_VASP_PSP_DIR", str(root))
    return root

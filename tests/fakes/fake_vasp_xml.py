"""Pieces of vasprun.xml."""

import numpy as np

DEFAULTS = {
    "general": {"SYSTEM": "unknown system"},
    "electronic": {
        "PREC": "normal",
        "ENMAX": 400.0,
        "EDIFF": 1e-4,
        "IALGO": 38,
        "NELM": 60,
        "ISMEAR": 1,
        "SIGMA": 0.2,
        "ISPIN": 1,
        "LREAL": False,
        "LNONCOLLINEAR": False,
        "LSORBIT": False,
    },
    "ionic": {
        "NSW": 0,
        "IBRION": -1,
        "ISIF": 2,
        "EDIFFG": 1e-3,
        "POTIM": 0.5,
        "SMASS": -3.0,
        "TEBEG": 1e-4,
        "TEEND": 1e-4,
        "NBLOCK": 1,
        "MDALGO": 0,
    },
    "symmetry": {"ISYM": 2, "SYMPREC": 1e-5},
    "electronic exchange-correlation": {
        "GGA": "--",
        "METAGGA": "--",
        "LHFCALC": False,
        "LDAU": False,
        "IVDW": 0,
    },
}
"""Tags that VASP writes under <parameters> whether INCAR names them or not."""


def tag(key, value, *, like=None):
    """Write one tag in the type of ``like``, or in the one its text suggests."""
    like = _guessed(value) if like is None else like
    if isinstance(like, bool):
        truth = "T" if str(value).strip(". ").upper()[:1] == "T" else "F"
        return f'<i type="logical" name="{key}">{truth}</i>\n'
    if isinstance(like, int):
        return f'<i type="int" name="{key}">{int(float(value))}</i>\n'
    if isinstance(like, float):
        return f'<i name="{key}">{float(value):.8f}</i>\n'
    return f'<i type="string" name="{key}">{value}</i>\n'


def _guessed(value):
    if str(value).strip(". ").upper() in {"TRUE", "FALSE", "T", "F"}:
        return True
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return str(value)


def vectors(name, rows, digits=8):
    body = "".join(
        "<v> " + " ".join(f"{x:16.{digits}f}" for x in row) + " </v>\n" for row in rows
    )
    return f'<varray name="{name}" >\n{body}</varray>\n'


def structure(poscar, name=""):
    label = f' name="{name}"' if name else ""
    volume = f'<i name="volume"> {np.linalg.det(poscar.cell):.8f} </i>\n'
    reciprocal = vectors("rec_basis", np.linalg.inv(poscar.cell).T)
    crystal = vectors("basis", poscar.cell) + volume + reciprocal
    places = vectors("positions", poscar.scaled())
    return f"<structure{label} >\n<crystal>\n{crystal}</crystal>\n{places}</structure>\n"


def energies(free_eV, kinetic_eV=None):
    text = "".join(
        f'<i name="{name}"> {free_eV + more:.8f} </i>\n'
        for name, more in (
            ("e_fr_energy", 0.0),
            ("e_wo_entrp", 0.004),
            ("e_0_energy", 0.002),
        )
    )
    if kinetic_eV is not None:
        text += (
            f'<i name="kinetic"> {kinetic_eV:.8f} </i>\n'
            '<i name="lattice kinetic"> 0.00000000 </i>\n'
            f'<i name="total"> {free_eV + kinetic_eV:.8f} </i>\n'
        )
    # A field of fourteen places, filled with stars when the number does not fit.
    if not np.isfinite(free_eV):
        text = text.replace("nan", "*" * 14)
    return f"<energy>\n{text}</energy>\n"


def calculation(poscar, free_eV, forces, kinetic_eV):
    """Write the rest of an ionic step after its electronic steps."""
    return (
        structure(poscar)
        + vectors("forces", forces)
        + vectors("stress", np.zeros((3, 3)))
        + energies(free_eV, kinetic_eV)
        + '<time name="totalsc">    0.01    0.01</time>\n</calculation>\n'
    )


def _kpoints(kpoints):
    divisions = " ".join(map(str, kpoints.divisions))
    weights = np.full((len(kpoints.points), 1), 1 / len(kpoints.points))
    return (
        f'<kpoints>\n<generation param="{kpoints.scheme}">\n'
        f'<v type="int" name="divisions"> {divisions} </v>\n'
        '<v name="usershift"> 0.0 0.0 0.0 </v>\n</generation>\n'
        + vectors("kpointlist", kpoints.points)
        + vectors("weights", weights)
        + "</kpoints>\n"
    )


def _parameters(incar, electrons):
    known = {**DEFAULTS, "found": electrons}
    text = ""
    for section, tags in known.items():
        given = {
            key: incar.get("ENCUT" if key == "ENMAX" else key, value)
            for key, value in tags.items()
        }
        lines = "".join(
            tag(key, value, like=_like(value, tags[key])) for key, value in given.items()
        )
        text += f'<separator name="{section}" >\n{lines}</separator>\n'
    return f"<parameters>\n{text}</parameters>\n"


def _like(value, default):
    """Keep the type of VASP's default, but not for LREAL = Auto."""
    return default if not isinstance(default, bool) else _guessed(value)


def _atominfo(poscar, potcar):
    rows = "".join(
        f"<rc><c>{poscar.kinds[k]:<2}</c><c>{k + 1:4d}</c></rc>\n"
        for k in poscar.kind_of_atom
    )
    types = "".join(
        f"<rc><c>{n:4d}</c><c>{el:<2}</c><c>{mass:12.5f}</c><c>{zval:12.5f}</c>"
        f"<c>{title:<40}</c></rc>\n"
        for n, el, mass, zval, title in zip(
            poscar.counts,
            poscar.kinds,
            potcar.masses_amu,
            potcar.valences,
            potcar.titles,
            strict=True,
        )
    )
    return (
        f"<atominfo>\n<atoms>{sum(poscar.counts):8d} </atoms>\n"
        f"<types>{len(poscar.kinds):8d} </types>\n"
        f'<array name="atoms" >\n<set>\n{rows}</set>\n</array>\n'
        f'<array name="atomtypes" >\n<set>\n{types}</set>\n</array>\n</atominfo>\n'
    )


def header(incar, poscar, potcar, kpoints, electrons):
    tags = "".join(tag(key, value) for key, value in incar.items())
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n<generator>\n'
        '<i name="program" type="string">vasp </i>\n'
        '<i name="version" type="string">6.4.2  </i>\n'
        '<i name="subversion" type="string">stand-in of the tests</i>\n</generator>\n'
        f"<incar>\n{tags}</incar>\n"
        + _kpoints(kpoints)
        + _parameters(incar, electrons)
        + _atominfo(poscar, potcar)
        + structure(poscar, "initialpos")
    )

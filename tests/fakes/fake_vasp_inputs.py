"""The four input files of VASP, and how it complains of them."""

import re
import sys
from pathlib import Path

import numpy as np

TITEL = re.compile(r"^\s*TITEL\s*=\s*(.+?)\s*$", re.MULTILINE)
ZVAL = re.compile(r"ZVAL\s*=\s*([\d.]+)")
POMASS = re.compile(r"POMASS\s*=\s*([\d.]+)")
BOX = 77


def stop(*lines, code=1):
    """End with VASP's box of an error."""
    body = "".join(f"|     {line:<{BOX - 5}}|\n" for line in lines)
    sys.stdout.write(f" {'-' * BOX}\n{body} {'-' * BOX}\n")
    sys.stdout.flush()
    sys.exit(code)


def read(name):
    path = Path(name)
    if not path.is_file():
        sys.stdout.write(f" No {name} found, STOPPING\n")
        sys.exit(1)
    return path.read_text(encoding="utf-8", errors="replace")


class Incar(dict):
    """INCAR tags as text, with VASP's defaults on request."""

    @classmethod
    def from_file(cls):
        text = re.sub(r"[!#].*", "", read("INCAR")).replace(";", "\n")
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
        return cls({key.strip().upper(): value.strip() for key, value in pairs})

    def number(self, key, default):
        return float(self.get(key, default))

    def integer(self, key, default):
        return int(float(self.get(key, default)))


class Potcar:
    """What VASP takes from the headers of POTCAR: order, masses, electrons."""

    def __init__(self):
        text = read("POTCAR")
        datasets = re.split(r"End of Dataset\s*", text)[:-1]
        self.titles = [TITEL.search(dataset)[1] for dataset in datasets]
        self.elements = [title.split()[1].split("_")[0] for title in self.titles]
        self.valences = [float(ZVAL.search(dataset)[1]) for dataset in datasets]
        self.masses_amu = [float(POMASS.search(dataset)[1]) for dataset in datasets]


class Kpoints:
    """An automatic mesh, as points that no symmetry has reduced."""

    def __init__(self):
        lines = read("KPOINTS").splitlines()
        if int(lines[1]) != 0 or lines[2].strip()[0].upper() not in "GM":
            stop("stand-in: only automatic meshes in KPOINTS")
        self.scheme = "Gamma" if lines[2].strip()[0].upper() == "G" else "Monkhorst-Pack"
        self.divisions = [int(n) for n in lines[3].split()]
        counts = np.array(self.divisions)
        shift = 0.0 if self.scheme == "Gamma" else (1 - counts) / 2 % 1
        self.points = (np.indices(counts).reshape(3, -1).T + shift) / counts


class Poscar:
    """Hold POSCAR: species, cell, places, and what an earlier run left behind them.

    Attributes:
        positions: Cartesian [Å], shape (N, 3).
        velocities: [Å/fs], shape (N, 3); None where POSCAR has none.
        continued: Whether a predictor-corrector block follows them. The velocities then
            are half a time step behind the positions.
    """

    def __init__(self):
        lines = read("POSCAR").splitlines()
        self.title = lines[0]
        self.cell = np.array([line.split() for line in lines[2:5]], dtype=float)
        self.cell *= float(lines[1])
        if np.linalg.det(self.cell) < 0:
            stop("ERROR: the triple product of the basis vectors is negative")
        self.kinds = [kind.split("/")[0].split("_")[0] for kind in lines[5].split()]
        self.counts = [int(n) for n in lines[6].split()]
        n = sum(self.counts)
        places = np.array([line.split()[:3] for line in lines[8 : 8 + n]], dtype=float)
        direct = lines[7].strip()[0].lower() == "d"
        self.positions = places @ self.cell if direct else places * float(lines[1])
        self.velocities, self.continued = _motion(lines[8 + n :], n)

    @property
    def kind_of_atom(self):
        return np.repeat(np.arange(len(self.kinds)), self.counts)

    @property
    def symbols(self):
        return [self.kinds[k] for k in self.kind_of_atom]

    def scaled(self):
        return self.positions @ np.linalg.inv(self.cell) % 1.0


def _motion(tail, n):
    """Return velocities [Å/fs] and whether a predictor-corrector block follows them."""
    if len(tail) < n + 1:
        return None, False
    velocities = np.array([line.split()[:3] for line in tail[1 : n + 1]], dtype=float)
    return velocities, any(line.strip() for line in tail[n + 1 :])


def check_species(poscar, potcar):
    """Stop where the potentials are not those of the species.

    VASP itself only warns of names in another order, and computes something else.
    """
    if len(potcar.elements) != len(poscar.kinds):
        stop(
            "ERROR: number of potentials on File POTCAR incompatible with number",
            "       of species INPUT :",
            f"found : {len(poscar.kinds)} number of species on POTCAR "
            f"{len(potcar.elements)}",
        )
    if potcar.elements != poscar.kinds:
        stop(
            "type information on POSCAR and POTCAR are incompatible",
            f"POSCAR: {' '.join(poscar.kinds)}",
            f"POTCAR: {' '.join(potcar.elements)}",
        )

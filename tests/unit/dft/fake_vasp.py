"""Stand in for vasp_std: read its inputs, follow Lennard-Jones, write its outputs.

FAKE_VASP_LJ holds the parameters of ASE's LennardJones, FAKE_VASP what goes wrong:
"crash:N" dies in ionic step N, "unconverged:N" fails to converge its electrons,
"overflow:N" writes stars for its energy, "say:TEXT" prints TEXT and stops, unless a
repair has been made, "hang:N" writes its process id two folders up and sleeps.
"""

import itertools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

KB_EV_PER_K = 8.617333262e-5
TITLE = (
    "<rc><c>{n}</c><c>{el}</c><c>{mass}</c><c>1.0</c><c> PAW_PBE {el}_GW fake </c></rc>"
)


def read_incar():
    lines = [
        line.split("=", 1) for line in Path("INCAR").read_text().splitlines() if line
    ]
    return {key.strip(): value.strip() for key, value in lines}


class Cell:
    """Hold a POSCAR: direct coordinates, one block per element, maybe velocities."""

    def __init__(self, path):
        lines = Path(path).read_text().splitlines()
        self.cell = np.array([line.split() for line in lines[2:5]], dtype=float)
        self.kinds, counts = lines[5].split(), [int(n) for n in lines[6].split()]
        assert len(set(self.kinds)) == len(self.kinds)
        assert lines[7] == "direct"
        self.symbols = [
            k for k, n in zip(self.kinds, counts, strict=True) for _ in range(n)
        ]
        n = len(self.symbols)
        places = [line.split()[:3] for line in lines[8 : 8 + n]]
        self.positions = np.array(places, dtype=float) @ self.cell
        tail = [line.split() for line in lines[9 + n : 9 + 2 * n]]
        self.velocities = np.array(tail, dtype=float)
        self.head = lines[:8]
        self.lj = json.loads(os.environ["FAKE_VASP_LJ"])

    def scaled(self):
        return self.positions @ np.linalg.inv(self.cell) % 1.0

    def energy_and_forces(self):
        """Return the Lennard-Jones energy, shifted to zero at rc, and forces."""
        energy, forces = 0.0, np.zeros_like(self.positions)
        shift = (self.lj["sigma"] / self.lj["rc"]) ** 6
        for image in itertools.product(range(-2, 3), repeat=3):
            apart = self.positions[:, None] - self.positions + image @ self.cell
            square = (apart**2).sum(-1)
            near = (square > 0) & (square < self.lj["rc"] ** 2)
            x = np.where(near, self.lj["sigma"] ** 2 / np.where(near, square, 1), 0) ** 3
            energy += (
                2 * self.lj["epsilon"] * (x**2 - x - (shift**2 - shift) * near).sum()
            )
            push = 24 * self.lj["epsilon"] * (2 * x**2 - x) / np.where(near, square, 1)
            forces += (push[..., None] * apart).sum(1)
        return energy, forces

    def write(self, path):
        rows = [" ".join(f"{x:.16f}" for x in row) for row in self.scaled()]
        Path(path).write_text("\n".join([*self.head, *rows]) + "\n")


def vectors(name, rows):
    body = "".join("<v> {:.8f} {:.8f} {:.8f} </v>\n".format(*row) for row in rows)
    return f'<varray name="{name}" >\n{body}</varray>\n'


def structure(atoms, name=""):
    label = f' name="{name}"' if name else ""
    crystal = f"<crystal>{vectors('basis', atoms.cell)}</crystal>"
    places = vectors("positions", atoms.scaled())
    return f"<structure{label}>{crystal}{places}</structure>\n"


def energies(free, extra=""):
    return (
        f'<energy><i name="e_fr_energy"> {free:.8f} </i>'
        f'<i name="e_wo_entrp"> {free + 0.004:.8f} </i>'
        f'<i name="e_0_energy"> {free + 0.002:.8f} </i>{extra}</energy>'
    )


def header(incar, atoms):
    tags = "".join(
        f'<i type="string" name="{k}">{v}</i>' for k, v in incar.items() if k != "NSW"
    )
    typed = (
        f'<i type="int" name="NELM">{incar.get("NELM", 60)}</i>'
        f'<i type="int" name="NSW">{incar["NSW"]}</i>'
        f'<i type="int" name="IBRION">{incar["IBRION"]}</i>'
        f'<i name="EDIFFG">{incar.get("EDIFFG", 1e-3)}</i>'
    )
    rows = "".join(f"<rc><c>{el}</c><c>1</c></rc>" for el in atoms.symbols)
    types = "".join(
        TITLE.format(n=atoms.symbols.count(k), el=k, mass=1) for k in atoms.kinds
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n<generator>'
        '<i name="program" type="string">vasp </i>'
        '<i name="version" type="string">6.4.2  </i></generator>\n'
        f'<incar>{tags}<i type="int" name="NSW">{incar["NSW"]}</i></incar>\n'
        '<kpoints><generation param="Gamma">'
        '<v type="int" name="divisions"> 1 1 1 </v>'
        '<v name="usershift"> 0.0 0.0 0.0 </v></generation>'
        '<varray name="kpointlist"><v> 0.0 0.0 0.0 </v></varray>'
        '<varray name="weights"><v> 1.0 </v></varray></kpoints>\n'
        f'<parameters><separator name="general">{typed}</separator></parameters>\n'
        f'<atominfo><array name="atoms"><set>{rows}</set></array>'
        f'<array name="atomtypes"><set>{types}</set></array></atominfo>\n'
        + structure(atoms, "initialpos")
    )


class Writer:
    """Write vasprun.xml and OSZICAR step by step, as VASP does."""

    def __init__(self, incar, atoms, fault):
        self.nelm = int(incar.get("NELM", 60))
        self.atoms, self.fault, self.step = atoms, fault, 0
        self.xml = Path("vasprun.xml").open("w")  # noqa: SIM115 - open while running
        self.oszicar = Path("OSZICAR").open("w")  # noqa: SIM115
        self.xml.write(header(incar, atoms))

    def write(self, temperature_K=None):
        self.step += 1
        kind, _, at = self.fault.partition(":")
        here = at == str(self.step)
        if kind == "crash" and here:
            self.xml.write("<calculation><scstep><energy>")
            self.xml.close()
            sys.exit("forrtl: severe (174): SIGSEGV, segmentation fault occurred")
        if kind == "hang" and here:
            Path("../../pid").write_text(str(os.getpid()))
            time.sleep(60)
        free, forces = self.atoms.energy_and_forces()
        n_electronic = self.nelm if kind == "unconverged" and here else 4
        self.oszicar.write("       N       E                     dE\n")
        for n in range(1, n_electronic + 1):
            self.oszicar.write(f"DAV: {n:3d}    {free:.8E}   -0.1E-05\n")
        label = f"T= {temperature_K:.0f}. " if temperature_K is not None else ""
        self.oszicar.write(
            f"{self.step:4d} {label}F= {free:.8E} E0= {free + 0.002:.8E}\n"
        )
        extra = ""
        if temperature_K is not None:
            kinetic = 1.5 * (len(forces) - 1) * KB_EV_PER_K * temperature_K
            extra = f'<i name="kinetic"> {kinetic:.8f} </i>'
        block = (
            "<calculation>\n"
            + f"<scstep>{energies(free)}</scstep>\n" * n_electronic
            + structure(self.atoms)
            + vectors("forces", forces)
            + vectors("stress", np.zeros((3, 3)))
            + energies(free, extra)
            + "</calculation>\n"
        )
        if kind == "overflow" and here:
            block = block.replace(f"{free:.8f}", "*" * 14)
        self.xml.write(block)
        self.xml.flush()
        return free, forces

    def close(self):
        self.xml.write(structure(self.atoms, "finalpos") + "</modeling>\n")
        self.xml.close()
        self.oszicar.close()
        self.atoms.write("CONTCAR")


def relax(incar, atoms, writer):
    ediffg, last = float(incar["EDIFFG"]), np.inf
    for _ in range(int(incar["NSW"])):
        free, forces = writer.write()
        fmax = np.linalg.norm(forces, axis=1).max()
        if (ediffg > 0 and abs(free - last) < ediffg) or fmax < -ediffg:
            sys.stdout.write(" reached required accuracy - stopping structural energy\n")
            return
        last = free
        atoms.positions += 0.03 * forces


def heat(incar, atoms, writer):
    start, end, nsw = float(incar["TEBEG"]), float(incar["TEEND"]), int(incar["NSW"])
    for step in range(1, nsw + 1):
        writer.write(start + (end - start) * step / nsw)
        atoms.positions += float(incar["POTIM"]) * atoms.velocities


def main():
    incar, fault = read_incar(), os.environ.get("FAKE_VASP", "")
    Path("WAVECAR").write_bytes(b"0" * 64)
    Path("CHGCAR").write_bytes(b"0" * 64)
    Path("OUTCAR").write_text(" vasp.6.4.2\n")
    Path("CONTCAR").touch()
    if fault.startswith("say:") and not Path("error.1.tar.gz").exists():
        Path("OSZICAR").touch()
        sys.stdout.write(fault.removeprefix("say:"))
        sys.exit(1)
    atoms = Cell("POSCAR")
    writer = Writer(incar, atoms, fault)
    (heat if incar["IBRION"] == "0" else relax)(incar, atoms, writer)
    writer.close()


if __name__ == "__main__":
    main()

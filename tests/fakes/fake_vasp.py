"""Stand in for vasp_std: read its inputs, follow a potential, write its files.

A test executable, for whoever drives VASP; no default of anything. It speaks VASP 6.4.2
at the file interface and knows relaxation (IBRION 1 or 2), molecular dynamics with
velocities scaled to a ramp (SMASS = -1), at constant energy (SMASS = -3) or with
Andersen's collisions (MDALGO = 1), and single points.

The order is VASP's: ionic step n is evaluated, written to vasprun.xml, OUTCAR, OSZICAR
and XDATCAR, the ions move, and CONTCAR gets the positions of step n + 1. The integrator
is leap-frog: velocities of a fresh POSCAR belong to its positions, those of a CONTCAR
with a predictor-corrector block are half a time step older; so a run that is cut and
continued from the whole CONTCAR equals the undisturbed one to the eight digits of VASP's
velocities, and one that drops the block does not.

STOPCAR is read in every electronic step: LSTOP ends after the ionic step. LABORT leaves
the electronic loop, and VASP then writes a whole ionic step of unconverged electrons.

It has no electrons and no symmetry: no k-point, cutoff, functional, ISPIN or smearing
changes an energy, stress is zero, WAVECAR and CHGCAR are blank and never read, and the
entropy of smearing is a constant. It relaxes by BFGS without VASP's trial steps, needs a
KPOINTS, writes no vaspout.h5, DOSCAR or EIGENVAL, and is one process without MPI.

Environment:
    FAKE_VASP_LJ, FAKE_VASP_IONIC: The potential (fake_vasp_forces).
    FAKE_VASP, FAKE_VASP_ONLY, FAKE_VASP_ONCE: What goes wrong (fake_vasp_faults):
        crash:N, kill:N, hang:N, diskfull:N and edddav[:N] break off ionic step N,
        truncated:N cuts vasprun.xml there and claims success, unconverged:N and scf fail
        to converge the electrons of one step or all, overflow:N writes stars, zbrent[:N]
        and say:TEXT complain and stop until a repair has been made.
    FAKE_VASP_STEP_S: Duration of an ionic step [s].
    FAKE_VASP_LOG: File that gets a line "start PID FOLDER" and one "step PID N" for each
        ionic step that is written.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
from fake_vasp_faults import Faults, stopcar
from fake_vasp_forces import potential_of
from fake_vasp_inputs import Incar, Kpoints, Poscar, Potcar, check_species, stop
from fake_vasp_outputs import Outputs

KB_EV_PER_K = 8.617333262e-5
AMU_EV_FS2_PER_A2 = 103.642696562
N_ELECTRONIC = 4
FIRST_STEP_A2_PER_EV = 0.03
LONGEST_MOVE_A = 0.1
SOFT_STOP = " soft stop encountered!  aborting job ..."
HARD_STOP = " hard stop encountered!  aborting job ..."


class Run:
    """One calculation: what was asked for, where it is, and what it writes."""

    def __init__(self, incar, poscar, potcar, faults):
        self.incar, self.poscar, self.faults = incar, poscar, faults
        self.masses_amu = np.array(potcar.masses_amu)[poscar.kind_of_atom][:, None]
        self.potential = potential_of(poscar)
        self.outputs = Outputs(incar, poscar, potcar, Kpoints())
        self.pause_s = float(os.environ.get("FAKE_VASP_STEP_S", "0"))
        self.nelm = incar.integer("NELM", 60)
        self.aborted = False
        _log("start", Path.cwd())

    def evaluate(self):
        """Converge the electrons of the present geometry; return energy and forces."""
        outputs = self.outputs
        outputs.begin_step()
        energy_eV, forces = self.potential(self.poscar.positions)
        fails = self.faults.electrons_fail(outputs.step)
        count, why = (
            (self.nelm, "EDIFF was not reached (unconverged)")
            if fails
            else (min(N_ELECTRONIC, self.nelm), "because EDIFF is reached")
        )
        for number in range(1, count + 1):
            off = 0.0 if number == count else 0.05 * 0.01 ** (number - 1)
            outputs.electronic_step(number, energy_eV + off, -0.01 if fails else -off)
            if number == min(2, count):
                self.faults.in_electronic_loop(outputs.step, outputs.files)
            time.sleep(self.pause_s / count)
            if number < count and stopcar("LABORT"):
                self.aborted, why = True, "because hard stop was set"
                outputs.screen(f"{HARD_STOP}\n")
                energy_eV, forces = energy_eV + off, forces * (1 + off)
                break
        outputs.end_of_electrons(why)
        return energy_eV, forces

    def record(self, energy_eV, forces, kinetic_eV=None, temperature_K=None):
        step = self.outputs.step
        if self.faults.strikes("truncated", step):
            self.outputs.flush()
            self.outputs.xml.write("<structure >\n<crystal>\n<varray na")
            self.outputs.xml.flush()
            os._exit(0)
        shown_eV = np.nan if self.faults.strikes("overflow", step) else energy_eV
        self.outputs.end_step(shown_eV, forces, kinetic_eV, temperature_K)
        _log("step", step)

    def told_to_stop(self):
        if not self.aborted and stopcar("LSTOP"):
            self.outputs.remark(SOFT_STOP)
            self.aborted = True
        return self.aborted


def _log(event, what):
    if path := os.environ.get("FAKE_VASP_LOG"):
        with Path(path).open("a") as log:
            log.write(f"{event} {os.getpid()} {what}\n")


def single_point(run):
    run.record(*run.evaluate())
    run.outputs.contcar()


def relax(run):
    """Descend by limited-memory BFGS, whose trial steps VASP would write as well."""
    ediffg, last_eV = run.incar.number("EDIFFG", 1e-3), np.inf
    minimiser = Minimiser()
    for step in range(1, run.incar.integer("NSW", 0) + 1):
        energy_eV, forces = run.evaluate()
        run.record(energy_eV, forces)
        fmax = np.linalg.norm(forces, axis=1).max()
        settled = (ediffg > 0 and abs(energy_eV - last_eV) < ediffg) or fmax < -ediffg
        if settled and not run.aborted:
            run.outputs.remark(
                " reached required accuracy - stopping structural energy minimisation"
            )
            run.outputs.contcar()
            return
        last_eV = energy_eV
        run.poscar.positions = minimiser.move(run.poscar.positions, forces)
        run.outputs.contcar()
        if run.told_to_stop():
            return
        run.faults.line_search_fails(step)


class Minimiser:
    """The two-loop recursion, with moves of bounded length."""

    def __init__(self):
        self.last, self.pairs = None, []

    def move(self, positions, forces):
        if self.last is not None:
            s = (positions - self.last[0]).ravel()
            y = (self.last[1] - forces).ravel()
            if s @ y > 1e-12:
                self.pairs.append((s, y))
        self.last = positions.copy(), forces.copy()
        q, coefficients = forces.ravel().copy(), []
        for s, y in reversed(self.pairs):
            coefficients.append(s @ q / (s @ y))
            q -= coefficients[-1] * y
        q *= self.scale()
        for (s, y), a in zip(self.pairs, reversed(coefficients), strict=True):
            q += s * (a - y @ q / (s @ y))
        step = q.reshape(positions.shape)
        longest = np.linalg.norm(step, axis=1).max()
        return positions + step * min(1.0, LONGEST_MOVE_A / longest)

    def scale(self):
        if not self.pairs:
            return FIRST_STEP_A2_PER_EV
        s, y = self.pairs[-1]
        return s @ y / (y @ y)


def dynamics(run):
    """Integrate by leap-frog; kinetic energies belong to the time of the positions."""
    incar, poscar, m = run.incar, run.poscar, run.masses_amu
    potim_fs, nsw = incar.number("POTIM", 1.0), incar.integer("NSW", 0)
    bath = Bath(incar, m)
    if poscar.velocities is None:
        poscar.velocities = bath.velocities()
    behind = poscar.continued
    for step in range(1, nsw + 1):
        energy_eV, forces = run.evaluate()
        half_kick = 0.5 * potim_fs * forces / (AMU_EV_FS2_PER_A2 * m)
        v = poscar.velocities + half_kick * behind
        v = bath.couple(v, step, nsw)
        kinetic_eV = 0.5 * AMU_EV_FS2_PER_A2 * float((m * v**2).sum())
        freedom = 3 * len(v) - 3
        run.record(energy_eV, forces, kinetic_eV, 2 * kinetic_eV / freedom / KB_EV_PER_K)
        poscar.velocities, behind = v + half_kick, True
        poscar.positions = poscar.positions + potim_fs * poscar.velocities
        run.outputs.contcar(potim_fs, forces / (AMU_EV_FS2_PER_A2 * m))
        bath.report()
        if run.told_to_stop():
            return


class Bath:
    """What takes energy in and out: nothing, a scaling of velocities, or collisions.

    RANDOM_SEED and the number of steps drawn so far are the state of the collisions.
    REPORT gives both after each step, for an INCAR that continues.
    """

    def __init__(self, incar, masses_amu):
        self.masses_amu = masses_amu
        self.start_K = incar.number("TEBEG", 1e-4)
        self.end_K = incar.number("TEEND", self.start_K)
        self.nblock = incar.integer("NBLOCK", 1)
        words = [int(word) for word in incar.get("RANDOM_SEED", "0 0 0").split()]
        self.seed, self.drawn = (*words, 0)[:2]
        self.smass, mdalgo = incar.number("SMASS", -3), incar.integer("MDALGO", 0)
        self.probability = incar.number("ANDERSEN_PROB", 0) if mdalgo == 1 else 0.0
        if mdalgo not in {0, 1} or (mdalgo == 0 and self.smass not in {-1, -3}):
            stop(f"stand-in: no dynamics of MDALGO = {mdalgo}, SMASS = {self.smass:g}")
        self.scaled = mdalgo == 0 and self.smass == -1
        Path("REPORT").unlink(missing_ok=True)

    def couple(self, v, step, nsw):
        target_K = self.start_K + (self.end_K - self.start_K) * step / nsw
        if self.scaled and step % self.nblock == 0:
            kinetic_eV = 0.5 * AMU_EV_FS2_PER_A2 * (self.masses_amu * v**2).sum()
            wanted_eV = 0.5 * (3 * len(v) - 3) * KB_EV_PER_K * target_K
            return v * np.sqrt(wanted_eV / kinetic_eV) if kinetic_eV else v
        if self.probability:
            generator = self._next()
            hit = generator.random((len(v), 1)) < self.probability
            return np.where(hit, self._maxwell(generator, target_K), v)
        return v

    def velocities(self):
        v = self._maxwell(self._next(), self.start_K)
        return v - (self.masses_amu * v).sum(axis=0) / self.masses_amu.sum()

    def _next(self):
        self.drawn += 1
        return np.random.default_rng([self.seed, self.drawn])

    def _maxwell(self, generator, temperature_K):
        width = np.sqrt(KB_EV_PER_K * temperature_K / AMU_EV_FS2_PER_A2 / self.masses_amu)
        return width * generator.standard_normal((len(self.masses_amu), 3))

    def report(self):
        with Path("REPORT").open("a") as report:
            report.write(f"  RANDOM_SEED = {self.seed:17d}{self.drawn:17d}{0:17d}\n")


def task_of(incar):
    ibrion, nsw = incar.integer("IBRION", -1), incar.integer("NSW", 0)
    if nsw == 0 or ibrion == -1:
        return single_point
    if ibrion not in {0, 1, 2}:
        stop(f"stand-in: no IBRION = {ibrion}")
    return dynamics if ibrion == 0 else relax


def main():
    faults = Faults()
    incar, poscar, potcar = Incar.from_file(), Poscar(), Potcar()
    check_species(poscar, potcar)
    faults.at_start()
    run = Run(incar, poscar, potcar, faults)
    task_of(incar)(run)
    run.outputs.close()
    # As VASP does, unless it may not: custodian then goes on where it was.
    Path("STOPCAR").unlink(missing_ok=True)
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The output files of VASP, complete after every ionic step for whoever looks."""

import sys
import time
from pathlib import Path

import numpy as np
from fake_vasp_xml import calculation, energies, header, structure

RULE = "-" * 104
TIMING = """

 General timing and accounting informations for this job:
 ========================================================

                  Total CPU time used (sec): {cpu:12.3f}
                            User time (sec): {cpu:12.3f}
                          System time (sec):        0.000
                         Elapsed time (sec): {wall:12.3f}

                   Maximum memory used (kb):       65536.
                   Average memory used (kb):           0.
"""
OUTCAR_HEAD = """ vasp.6.4.2 stand-in of the tests, no density functionals inside

 executed on             LinuxIFC date 2000.01.01  00:00:00
 running    1 mpi-ranks, with    1 threads/rank, on    1 nodes

{titles}
   k-points           NKPTS = {n_kpoints:6d}   k-points in BZ     NKDIM = {n_kpoints:6d}\
   number of bands    NBANDS={n_bands:7d}
   total plane-waves  NPLWV =   4096
   ISPIN  = {ispin:6d}    spin polarized calculation?
   ENCUT  = {encut:6.1f} eV
   NELM   = {nelm:6d};   NELMIN=  2; NELMDL= -5     # of ELM steps
   EDIFF  = {ediff:7.1E}   stopping-criterion for ELM
   EDIFFG = {ediffg:7.1E}   stopping-criterion for IOM
   NSW    = {nsw:6d}    number of steps for IOM
   IBRION = {ibrion:6d}    ionic relax: 0-MD 1-quasi-New 2-CG
   POTIM  = {potim:8.4f}    time-step for ionic-motion
   NELECT = {n_electrons:12.4f}    total number of electrons



{rule}


 k-point   1 :   0.0000 0.0000 0.0000  plane waves:     571

 maximum and minimum number of plane-waves per node :       571      571
"""


def fortran(x, digits=8):
    """Print a number as VASP does: -.12345678E+02."""
    mantissa, exponent = f"{abs(x):.{digits - 1}E}".split("E")
    shown = int(exponent) + 1 if x else 0
    sign = "-" if x < 0 else "0"
    return f"{sign}.{mantissa.replace('.', '')}E{shown:+03d}"


class Outputs:
    """Write vasprun.xml, OUTCAR, OSZICAR, XDATCAR, CONTCAR and the screen."""

    def __init__(self, incar, poscar, potcar, kpoints):
        self.incar, self.poscar = incar, poscar
        self.started, self.step_started = time.monotonic(), time.monotonic()
        self.step, self.last_eV = 0, 0.0
        self.n_electrons = float(np.dot(potcar.valences, poscar.counts))
        n_bands = incar.integer("NBANDS", max(8, self.n_electrons))
        names = ("vasprun.xml", "OUTCAR", "OSZICAR", "XDATCAR")
        self.files = [Path(name).open("w") for name in names]  # noqa: SIM115 - open all along
        self.xml, self.outcar, self.oszicar, self.xdatcar = self.files
        Path("CONTCAR").touch()
        for name in ("WAVECAR", "CHGCAR"):
            Path(name).write_bytes(b"0" * 64)
        electrons = {"NBANDS": n_bands, "NELECT": self.n_electrons}
        self.xml.write(header(incar, poscar, potcar, kpoints, electrons))
        self.outcar.write(self._outcar_head(potcar, kpoints, n_bands))
        self.xdatcar.write(self._xdatcar_head())
        self.screen(
            " running    1 mpi-ranks, with    1 threads/rank, on    1 nodes\n"
            " vasp.6.4.2 stand-in of the tests\n entering main loop\n"
        )
        self.flush()

    def _outcar_head(self, potcar, kpoints, n_bands):
        incar = self.incar
        return OUTCAR_HEAD.format(
            titles="".join(f"   TITEL  = {title}\n" for title in potcar.titles),
            n_kpoints=len(kpoints.points),
            n_bands=n_bands,
            ispin=incar.integer("ISPIN", 1),
            encut=incar.number("ENCUT", 400),
            nelm=incar.integer("NELM", 60),
            ediff=incar.number("EDIFF", 1e-4),
            ediffg=incar.number("EDIFFG", 1e-3),
            nsw=incar.integer("NSW", 0),
            ibrion=incar.integer("IBRION", -1),
            potim=incar.number("POTIM", 0.5),
            n_electrons=self.n_electrons,
            rule=RULE,
        )

    def _xdatcar_head(self):
        rows = "".join(f"  {x:12.6f}{y:12.6f}{z:12.6f}\n" for x, y, z in self.poscar.cell)
        counts = " ".join(map(str, self.poscar.counts))
        return (
            f"{self.poscar.title}\n  1\n{rows} {' '.join(self.poscar.kinds)}\n {counts}\n"
        )

    def screen(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()

    def flush(self):
        for file in self.files:
            file.flush()

    def begin_step(self):
        self.step += 1
        self.step_started = time.monotonic()
        self.xml.write("<calculation>\n")
        self._both(
            "       N       E                     dE             d eps       ncg\n"
        )
        self.flush()

    def electronic_step(self, number, energy_eV, change_eV):
        self.xml.write(f"<scstep>\n{energies(energy_eV)}</scstep>\n")
        self.outcar.write(
            f"\n--------------- Iteration {self.step:6d}({number:4d})  "
            "---------------\n\n"
            "      LOOP:  cpu time    0.0100: real time    0.0100\n"
        )
        self._both(
            f"DAV: {number:3d}    {fortran(energy_eV, 12)}   {fortran(change_eV, 5)}"
            f"   {fortran(change_eV, 5)}   100\n"
        )
        self.flush()

    def end_of_electrons(self, why):
        self.outcar.write(
            f"\n------------------------ aborting loop {why} {'-' * 40}\n\n"
        )

    def end_step(self, energy_eV, forces, kinetic_eV=None, temperature_K=None):
        """Write what VASP knows of the geometry once its electrons are done."""
        self.xml.write(calculation(self.poscar, energy_eV, forces, kinetic_eV))
        self.outcar.write(self._outcar_step(energy_eV, forces, kinetic_eV, temperature_K))
        self._both(self._oszicar_step(energy_eV, kinetic_eV, temperature_K))
        self.xdatcar.write(f"Direct configuration={self.step:6d}\n")
        rows = self.poscar.scaled()
        self.xdatcar.write("".join(f" {x:.8f} {y:.8f} {z:.8f}\n" for x, y, z in rows))
        self.last_eV = energy_eV
        self.flush()

    def _outcar_step(self, energy_eV, forces, kinetic_eV, temperature_K):
        table = np.hstack([self.poscar.scaled() @ self.poscar.cell, forces])
        rows = "".join(
            "".join(f"{x:13.5f}" for x in row[:3])
            + "   "
            + "".join(f"{x:14.6f}" for x in row[3:])
            + "\n"
            for row in table
        )
        drift = "".join(f"{x:14.6f}" for x in forces.sum(axis=0))
        text = (
            " E-fermi :   0.0000     XC(G=0):   0.0000     alpha+bet :  0.0000\n\n"
            f" number of electron {self.n_electrons:15.7f} magnetization\n\n"
            " POSITION                                       TOTAL-FORCE (eV/Angst)\n"
            f" {'-' * 83}\n{rows} {'-' * 83}\n"
            f"    total drift:      {drift}\n\n\n{RULE}\n\n\n"
            "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
            "  ---------------------------------------------------\n"
            f"  free  energy   TOTEN  = {energy_eV:18.8f} eV\n\n"
            f"  energy  without entropy= {energy_eV + 0.004:17.8f}"
            f"  energy(sigma->0) = {energy_eV + 0.002:17.8f}\n\n"
        )
        if kinetic_eV is not None:
            text += (
                f"  kinetic energy EKIN   = {kinetic_eV:18.8f}\n"
                "  kin. lattice  EKIN_LAT=         0.00000000"
                f"  (temperature {temperature_K:7.2f} K)\n"
                f"  total energy   ETOTAL = {energy_eV + kinetic_eV:18.8f} eV\n\n"
            )
        wall = time.monotonic() - self.step_started
        return f"{text}     LOOP+:  cpu time {wall:9.4f}: real time {wall:9.4f}\n"

    def _oszicar_step(self, energy_eV, kinetic_eV, temperature_K):
        free, zero = fortran(energy_eV), fortran(energy_eV + 0.002)
        if kinetic_eV is None:
            change = fortran(energy_eV - self.last_eV, 6)
            return f"{self.step:4d} F= {free} E0= {zero}  d E ={change}\n"
        return (
            f"{self.step:7d} T= {temperature_K:5.0f}. "
            f"E= {fortran(energy_eV + kinetic_eV)} "
            f"F= {free} E0= {zero}  EK= {fortran(kinetic_eV, 5)} "
            "SP= 0.00E+00 SK= 0.00E+00\n"
        )

    def contcar(self, potim_fs=None, accelerations=None):
        """Write what the next step, or the next run, begins with.

        In molecular dynamics these are the next positions and the velocities [Å/fs] of
        half a time step before them, which the predictor-corrector block gives away.
        Eight digits of a velocity is what VASP prints.
        """
        poscar = self.poscar
        cell = "".join(f" {x:21.16f} {y:21.16f} {z:21.16f}\n" for x, y, z in poscar.cell)
        head = (
            f"{poscar.title}\n   1.00000000000000\n{cell}   {'   '.join(poscar.kinds)}\n"
            f"   {'   '.join(map(str, poscar.counts))}\nDirect\n"
        )
        text = head + _rows(poscar.scaled(), "20.16f")
        if potim_fs is not None:
            moved = poscar.velocities @ np.linalg.inv(poscar.cell) * potim_fs
            blocks = (poscar.scaled(), moved, accelerations)
            text += (
                "\n" + _rows(poscar.velocities, "16.8E") + "\n           1\n"
                f"  {potim_fs:.15E}\n" + _rows(np.zeros((1, 4)), "16.8E")
            )
            text += "".join(_rows(block, "16.8E") for block in blocks)
        Path("CONTCAR").write_text(text, encoding="utf-8")

    def _both(self, text):
        self.oszicar.write(text)
        self.screen(text)

    def remark(self, text):
        """Print on the screen and in OUTCAR."""
        self.outcar.write(f"{text}\n")
        self.screen(f"{text}\n")

    def close(self):
        self.xml.write(structure(self.poscar, "finalpos") + "</modeling>\n")
        wall = time.monotonic() - self.started
        self.outcar.write(TIMING.format(cpu=time.process_time(), wall=wall))
        self.screen(" writing wavefunctions\n")
        for file in self.files:
            file.close()


def _rows(table, form):
    return "".join("".join(f" {x:{form}}" for x in row) + "\n" for row in table)

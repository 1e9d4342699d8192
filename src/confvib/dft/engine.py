"""VASP as a label engine."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from ase import Atoms

from confvib.dft.inputs import (
    VaspInputs,
    dynamics_inputs,
    heating_inputs,
    relaxation_inputs,
)
from confvib.dft.level import level_of_theory
from confvib.dft.parse import VaspOutput, read_output
from confvib.dft.potcars import read_potcars
from confvib.dft.preflight import check_vasp
from confvib.dft.run import RunOutcome, run_vasp
from confvib.dft.settings import VaspSettings
from confvib.errors import LabelError
from confvib.reference.engine import (
    DynamicsTask,
    HeatingTask,
    RelaxationTask,
    Trajectory,
)

RELAXED = "reached required accuracy"
"""What VASP prints when EDIFFG is met."""

LARGE_FILES = ("WAVECAR", "CHGCAR", "CHG")


class VaspEngine:
    """Label cells with VASP, each in a folder of its own.

    A run that fails keeps its folder, less wave functions and charges, under ``kept_dir``
    and says so in the reason; a run that succeeds leaves its frames only.

    Args:
        settings: VASP settings.
        scratch_dir: Directory for running calculations; made if absent.
        kept_dir: Directory for the folders of failed ones; made when needed.

    Raises:
        LabelError: VASP, PMG_VASP_PSP_DIR or a POTCAR of the settings is missing.

    Source:
        The paper (10.1039/d5cp00138b), section 5.1.
    """

    def __init__(self, settings: VaspSettings, scratch_dir: Path, kept_dir: Path) -> None:
        check_vasp(settings, settings.potcar_symbols)
        self._settings = settings
        self._scratch_dir = scratch_dir.resolve()
        self._kept_dir = kept_dir.resolve()
        self._potcars = read_potcars(settings)
        self._level = level_of_theory(settings, self._potcars)

    @property
    def level_of_theory(self) -> str:
        """Return a stable hash of INCAR physics, POTCARs, k-points and VASP version."""
        return self._level

    def relaxation_frames(
        self,
        atoms: Atoms,
        task: RelaxationTask,
        run: str = "",  # noqa: ARG002
    ) -> Trajectory:
        """Relax the positions of ``atoms`` at fixed cell.

        Args:
            atoms: The cell.
            task: Largest force (unless the settings give an EDIFFG) and ionic steps.
            run: Not used.

        Returns:
            Every ionic step; completed when VASP met its stopping rule.
        """
        try:
            inputs = relaxation_inputs(atoms, task, self._settings, self._potcars)
        except LabelError as error:
            return Trajectory((), completed=False, reason=str(error))
        return self._label(inputs, "relaxation", restartable=True)

    def heating_frames(
        self,
        atoms: Atoms,
        task: HeatingTask,
        run: str = "",  # noqa: ARG002
    ) -> Trajectory:
        """Heat ``atoms`` at fixed cell by scaling velocities to a rising temperature.

        Args:
            atoms: The cell.
            task: Temperatures, steps, time step and seed of the initial velocities.
            run: Not used.

        Returns:
            ``n_steps + 1`` frames when completed.
        """
        try:
            inputs = heating_inputs(atoms, task, self._settings, self._potcars)
        except LabelError as error:
            return Trajectory((), completed=False, reason=str(error))
        return self._label(inputs, "heating", restartable=False)

    def dynamics_frames(
        self,
        atoms: Atoms,
        task: DynamicsTask,
        run: str = "",  # noqa: ARG002
    ) -> Trajectory:
        """Run NVE or NVT dynamics of ``atoms`` at fixed cell.

        Args:
            atoms: The cell.
            task: Temperatures, steps, time step, seed and collisions.
            run: Not used.

        Returns:
            ``n_steps + 1`` frames when completed.
        """
        try:
            inputs = dynamics_inputs(atoms, task, self._settings, self._potcars)
        except LabelError as error:
            return Trajectory((), completed=False, reason=str(error))
        return self._label(inputs, "dynamics", restartable=False)

    def _label(self, inputs: VaspInputs, name: str, *, restartable: bool) -> Trajectory:
        self._scratch_dir.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._scratch_dir))
        inputs.write(folder)
        outcome = run_vasp(folder, inputs.incar, self._settings, restartable=restartable)
        trajectory = self._judge(folder, inputs, outcome)
        for large in LARGE_FILES:
            (folder / large).unlink(missing_ok=True)
        if trajectory.completed:
            shutil.rmtree(folder)
            return trajectory
        self._kept_dir.mkdir(parents=True, exist_ok=True)
        kept = shutil.move(folder, self._kept_dir)
        reason = f"{trajectory.reason.rstrip('.')}. Folder kept: {kept}"
        return replace(trajectory, reason=reason)

    def _judge(self, folder: Path, inputs: VaspInputs, outcome: RunOutcome) -> Trajectory:
        if not outcome.trusted:
            return Trajectory((), completed=False, reason=outcome.failure)
        try:
            output = read_output(
                folder / "vasprun.xml", inputs.atoms, inputs.order, outcome.corrections
            )
            self._check_version(output)
        except LabelError as error:
            reasons = [outcome.failure, str(error)]
            return Trajectory((), completed=False, reason=" ".join(filter(None, reasons)))
        failure = outcome.failure or _shortfall(folder, inputs, output)
        return Trajectory(output.frames, completed=not failure, reason=failure)

    def _check_version(self, output: VaspOutput) -> None:
        wanted = self._settings.version
        if wanted is not None and output.version != wanted:
            raise LabelError(f"VASP {output.version} ran, expected version {wanted}")


def _shortfall(folder: Path, inputs: VaspInputs, output: VaspOutput) -> str:
    """Say what a run that ended by itself did not do; '' when it did all."""
    nsw, ediffg = inputs.incar["NSW"], inputs.incar.get("EDIFFG")
    if inputs.velocities is not None:
        if len(output.frames) == nsw:
            return ""
        return f"{len(output.frames)} frames of the ramp, expected {nsw}."
    if any(_says(folder / name, RELAXED) for name in ("vasp.out", "OUTCAR")):
        return ""
    return f"not relaxed to EDIFFG = {ediffg} in {len(output.frames)} of {nsw} steps."


def _says(path: Path, phrase: str) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any(phrase in line for line in lines)

"""VASP as a label engine."""

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ase import Atoms

from confvib.dft.deadline import Deadline, Patience
from confvib.dft.inputs import (
    VaspInputs,
    dynamics_inputs,
    heating_inputs,
    relaxation_inputs,
    single_point_inputs,
)
from confvib.dft.parse import read_output
from confvib.dft.potcars import read_potcars
from confvib.dft.preflight import check_installation
from confvib.dft.run import Ending, RunOutcome, complaint, run_vasp
from confvib.dft.segments import (
    Continuation,
    go_on,
    has_relaxed,
    set_aside,
    steps_of_last,
)
from confvib.dft.settings import VaspSettings
from confvib.dft.workspace import calculation_key, keep_files, keep_folder, open_folder
from confvib.errors import Interrupted, LabelError
from confvib.reference.engine import (
    DynamicsTask,
    Frame,
    HeatingTask,
    RelaxationTask,
    Trajectory,
)

logger = logging.getLogger(__name__)


class VaspEngine:
    """Label cells with VASP, each in a folder of its own.

    A calculation with a name that is cut, by the walltime, a signal or the loss of a
    node, goes on in the next attempt from its last ionic step. One that fails keeps its
    folder, less wave functions and charges, under ``kept_dir`` and says so in the reason;
    one that succeeds leaves its frames, and the files that the settings keep.

    Args:
        settings: VASP settings.
        scratch_dir: Directory for running calculations; made if absent.
        kept_dir: Directory for the folders of failed ones; made when needed.
        deadline: When the job must have ended.

    Raises:
        LabelError: VASP, PMG_VASP_PSP_DIR or a POTCAR of the settings is missing, or a
            POTCAR is of another functional.

    Source:
        The paper (10.1039/d5cp00138b), section 5.1.
    """

    def __init__(
        self,
        settings: VaspSettings,
        scratch_dir: Path,
        kept_dir: Path,
        deadline: Deadline | None = None,
    ) -> None:
        installation = check_installation(settings, settings.potcar_symbols)
        for warning in installation.warnings:
            logger.warning("%s", warning)
        self._settings = settings
        self._scratch_dir = scratch_dir.resolve()
        self._kept_dir = kept_dir.resolve()
        self._potcars = read_potcars(settings)
        self._level = installation.level_of_theory
        self._deadline = deadline or Deadline()
        # A job that is short as a whole must still come to compute something.
        margin_s = min(settings.stop_margin_s, 0.2 * self._deadline.left_s())
        self._patience = Patience(margin_s=margin_s, grace_s=settings.grace_s)

    @property
    def level_of_theory(self) -> str:
        """Return a stable hash of INCAR physics, POTCARs, k-points and VASP version."""
        return self._level

    def relaxation_frames(
        self, atoms: Atoms, task: RelaxationTask, run: str = ""
    ) -> Trajectory:
        """Relax the positions of ``atoms`` at fixed cell.

        Args:
            atoms: The cell.
            task: Largest force (unless the settings give an EDIFFG) and ionic steps.
            run: Name of the calculation, the same in each attempt.

        Returns:
            Every ionic step; completed when VASP met its stopping rule.

        Raises:
            Interrupted: The job must end.
        """
        return self._label(
            lambda: relaxation_inputs(atoms, task, self._settings, self._potcars), run
        )

    def single_point(self, atoms: Atoms, run: str = "") -> Trajectory:
        """Compute one energy and its forces.

        Args:
            atoms: The cell.
            run: Name of the calculation, the same in each attempt.

        Returns:
            One frame when completed.

        Raises:
            Interrupted: The job must end.
        """
        return self._label(
            lambda: single_point_inputs(atoms, self._settings, self._potcars), run
        )

    def heating_frames(
        self, atoms: Atoms, task: HeatingTask, run: str = ""
    ) -> Trajectory:
        """Heat ``atoms`` at fixed cell by scaling velocities to a rising temperature.

        Args:
            atoms: The cell.
            task: Temperatures, steps, time step and seed of the initial velocities.
            run: Name of the calculation, the same in each attempt.

        Returns:
            ``n_steps + 1`` frames when completed.

        Raises:
            Interrupted: The job must end.
        """
        return self._label(
            lambda: heating_inputs(atoms, task, self._settings, self._potcars), run
        )

    def dynamics_frames(
        self, atoms: Atoms, task: DynamicsTask, run: str = ""
    ) -> Trajectory:
        """Run NVE or NVT dynamics of ``atoms`` at fixed cell.

        Args:
            atoms: The cell.
            task: Temperatures, steps, time step, seed and collisions.
            run: Name of the calculation, the same in each attempt.

        Returns:
            ``n_steps + 1`` frames when completed.

        Raises:
            Interrupted: The job must end.
        """
        return self._label(
            lambda: dynamics_inputs(atoms, task, self._settings, self._potcars), run
        )

    def _label(self, make_inputs: Callable[[], VaspInputs], run: str) -> Trajectory:
        try:
            inputs = make_inputs()
        except LabelError as error:
            return Trajectory((), completed=False, reason=str(error))
        key = calculation_key(inputs, self._level)
        folder = open_folder(self._scratch_dir, run, key)
        try:
            trajectory = self._carry_out(folder, inputs)
        except LabelError as error:
            trajectory = Trajectory((), completed=False, reason=str(error))
        except Interrupted:
            if not run:
                shutil.rmtree(folder)
            raise
        if trajectory.completed:
            keep_files(folder, self._settings.keep, self._kept_dir, folder.name)
            shutil.rmtree(folder)
            return trajectory
        kept = keep_folder(folder, self._settings.keep, self._kept_dir)
        reason = f"{trajectory.reason.rstrip('.')}. Folder kept: {kept}"
        return replace(trajectory, reason=reason)

    def _carry_out(self, folder: Path, inputs: VaspInputs) -> Trajectory:
        """Start VASP until the calculation has ended, at most once for each repair."""
        state, reason = self._go_on(folder, inputs), ""
        for _ in range(self._settings.max_corrections):
            if state.left is None:
                break
            self._require_time(folder.name, state, inputs)
            state.left.write(folder)
            outcome = run_vasp(
                folder, state.left, self._settings, self._deadline, self._patience
            )
            if outcome.ending == Ending.BY_ITSELF:
                return self._judge(folder, inputs, state, outcome)
            if outcome.ending == Ending.STOPPED:
                _require_end(folder, state, inputs)
            before, state = state, self._go_on(folder, inputs)
            reason = outcome.failure
            if outcome.ending == Ending.STOPPED and state.left is not None:
                raise _interrupted(folder.name, len(state.frames), inputs)
            if len(state.frames) <= len(before.frames):
                break
            if state.left is not None:
                logger.warning("%s goes on: %s", folder.name, reason)
        failure = _shortfall(inputs, len(state.frames), relaxed=state.relaxed)
        reasons = " ".join(filter(None, [reason, failure])) if failure else ""
        return Trajectory(state.frames, completed=not failure, reason=reasons)

    def _go_on(self, folder: Path, inputs: VaspInputs) -> Continuation:
        def read(path: Path, corrections: str) -> tuple[Frame, ...]:
            if errors := complaint(path):
                raise LabelError(f"VASP complained there of {errors}")
            return self._read(path, inputs, corrections)

        return go_on(folder, inputs, read)

    def _require_time(self, run: str, state: Continuation, inputs: VaspInputs) -> None:
        if self._deadline.stop() or self._deadline.left_s() < self._patience.margin_s:
            raise _interrupted(run, len(state.frames), inputs)

    def _judge(
        self, folder: Path, inputs: VaspInputs, state: Continuation, outcome: RunOutcome
    ) -> Trajectory:
        """Return the frames of a calculation whose last VASP ended by itself."""
        if not outcome.trusted:
            return Trajectory(state.frames, completed=False, reason=outcome.failure)
        corrections = "; ".join(filter(None, [state.corrections, outcome.corrections]))
        try:
            frames = state.frames + self._read(folder, inputs, corrections)
        except LabelError as error:
            reasons = [outcome.failure, str(error)]
            return Trajectory(
                state.frames, completed=False, reason=" ".join(filter(None, reasons))
            )
        failure = outcome.failure or _shortfall(
            inputs, len(frames), relaxed=has_relaxed(folder)
        )
        return Trajectory(frames, completed=not failure, reason=failure)

    def _read(
        self, folder: Path, inputs: VaspInputs, corrections: str
    ) -> tuple[Frame, ...]:
        output = read_output(
            folder / "vasprun.xml", inputs.atoms, inputs.order, corrections
        )
        wanted = self._settings.version
        if wanted is not None and output.version != wanted:
            raise LabelError(f"VASP {output.version} ran, expected version {wanted}")
        return output.frames


def _require_end(folder: Path, before: Continuation, inputs: VaspInputs) -> None:
    """End the attempt if a calculation that was stopped is not at its end."""
    set_aside(folder)
    n_done = len(before.frames) + steps_of_last(folder)
    if n_done < inputs.n_steps and not has_relaxed(
        max(folder.glob("segment-*"), default=folder)
    ):
        raise _interrupted(folder.name, n_done, inputs)


def _interrupted(run: str, n_done: int, inputs: VaspInputs) -> Interrupted:
    return Interrupted(
        f"asked to stop with {n_done} of {inputs.n_steps} ionic steps of "
        f"{run} done; the next attempt goes on from there"
    )


def _shortfall(inputs: VaspInputs, n_frames: int, *, relaxed: bool) -> str:
    """Say what a calculation that ended by itself did not do; '' when it did all."""
    n_steps = inputs.n_steps
    if inputs.has_fixed_length:
        return "" if n_frames == n_steps else f"{n_frames} frames, expected {n_steps}."
    if relaxed:
        return ""
    ediffg = inputs.incar["EDIFFG"]
    return f"not relaxed to EDIFFG = {ediffg} in {n_frames} of {n_steps} steps."

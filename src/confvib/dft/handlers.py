"""The error handlers of custodian that may act on a label.

Custodian repairs whatever it can, the level of theory included: its master handler may
change ISMEAR, PREC, LREAL or the k-points, strain the cell, or halve the time step. Here
each error it recognises is either repaired by means that leave the label what it was, or
ends the run. Nothing that VASP complained about goes unnoticed.
"""

import math
from pathlib import Path

from custodian.custodian import ErrorHandler
from custodian.vasp.handlers import (
    FrozenJobErrorHandler,
    NonConvergingErrorHandler,
    PositiveEnergyErrorHandler,
    StdErrHandler,
    VaspErrorHandler,
)

_MINIMISER = """
amin pssyevx pdsyevx coef grad_not_orth too_few_bands nbands_not_sufficient
"""
_SYMMETRY = """
inv_rot_mat ibzkpt rot_matrix pricel rhosyg posmap point_group pricelv symprec_noise
bravais ksymm hnform
"""
REPAIRED_ALWAYS = frozenset(f"{_MINIMISER} {_SYMMETRY}".split())
"""Errors whose repair changes the electronic minimiser or the use of symmetry only."""

REPAIRED_IN_RELAXATION = frozenset(
    ("eddrmm", "edddav", "zheev", "eddiag", "zbrent", "brions", "fexcf", "zpotrf")
)
"""Errors whose repair goes on from CONTCAR or alters POTIM, which breaks dynamics."""

REMARKS = frozenset({"auto_nbands"})
"""Messages that are no errors: the number of bands was rounded up."""


class UnrepairedVaspErrorHandler(VaspErrorHandler):
    """End the run at an error whose repair would change the label."""

    def correct(self, directory: str = "./") -> dict[str, object]:  # noqa: ARG002
        """Decline the repair; custodian then stops the job and raises."""
        return {"errors": sorted(self.errors), "actions": None}


class FrozenHandler(FrozenJobErrorHandler):
    """End a VASP that hangs; the calculation then goes on as one that was cut."""

    def correct(self, directory: str = "./") -> dict[str, object]:  # noqa: ARG002
        """Decline the repair, which would lose the frames before it."""
        return {"errors": ["Frozen job"], "actions": None}


def complaint(folder: Path) -> str:
    """Say which error VASP printed in a folder that custodian has not dealt with.

    Args:
        folder: Directory of a VASP run that was cut, maybe before anyone looked at it.

    Returns:
        Names of custodian's for them; '' if there is none.
    """
    if not (folder / "vasp.out").is_file():
        return ""
    known = sorted(set(VaspErrorHandler.error_msgs) - REMARKS)
    handler = VaspErrorHandler(errors_subset_to_catch=known)
    return ", ".join(sorted(handler.errors)) if handler.check(str(folder)) else ""


def allowed_handlers(*, restartable: bool, frozen_after_s: float) -> list[ErrorHandler]:
    """Return fresh handlers for one run.

    Args:
        restartable: Whether the task may go on from its last geometry.
        frozen_after_s: VASP that has printed nothing for so long is ended [s].

    Returns:
        Handlers in the order in which they are asked.
    """
    repaired = REPAIRED_ALWAYS | (REPAIRED_IN_RELAXATION if restartable else frozenset())
    others = set(VaspErrorHandler.error_msgs) - repaired - REMARKS
    handlers: list[ErrorHandler] = [
        UnrepairedVaspErrorHandler(errors_subset_to_catch=sorted(others)),
        VaspErrorHandler(errors_subset_to_catch=sorted(repaired)),
        StdErrHandler(),
        NonConvergingErrorHandler(),
        FrozenHandler(timeout=math.ceil(frozen_after_s)),
    ]
    if restartable:
        handlers.append(PositiveEnergyErrorHandler())
    return handlers

"""The label engine of a job, as its part of the configuration describes it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confvib.reference.engine import LabelEngine

if TYPE_CHECKING:
    from confvib.dft.settings import VaspSettings


def make_label_engine(
    settings: Mapping[str, Any],
    resources: Mapping[str, Any],
    scratch: str,
    kept: str,
    stop: Callable[[], bool],
    ends_at_s: float,
) -> LabelEngine:
    """Make the engine that computes energies and forces.

    Args:
        settings: ``engine`` and the section of that name.
        resources: Resources of the job; how VASP is run is among them.
        scratch: Directory for calculations that run.
        kept: Directory for the folders of those that failed.
        stop: Tells whether the scheduler wants the job to end.
        ends_at_s: When the walltime ends, by ``time.monotonic`` [s].

    Returns:
        The engine.

    Raises:
        LabelError: Something that the engine needs is missing, or a setting is wrong.
    """
    if settings["engine"] == "vasp":
        from confvib.dft.deadline import Deadline
        from confvib.dft.engine import VaspEngine

        return VaspEngine(
            vasp_settings(settings["vasp"], resources),
            scratch_dir=Path(scratch),
            kept_dir=Path(kept),
            deadline=Deadline(stop, ends_at_s),
        )
    from confvib.reference.factory import make_engine
    from confvib.stages.runtime import configure_jax

    # The ionic potential is computed by JAX, and labels are float64.
    configure_jax()
    return make_engine(settings)


def vasp_settings(
    section: Mapping[str, Any], resources: Mapping[str, Any]
) -> "VaspSettings":
    """Put together what defines the labels and how VASP is run.

    Args:
        section: The section ``labels.vasp`` without what changes no label.
        resources: Resources of the job, as ``campaign.label_settings`` names them.

    Raises:
        LabelError: A setting is wrong.
    """
    from confvib.dft.settings import VaspSettings

    return VaspSettings.from_mapping(
        {
            **section,
            "command": resources["vasp_command"],
            "keep": tuple(resources["vasp_keep"].split()),
            "poll_s": float(resources["vasp_poll_s"]),
            "stop_margin_s": float(resources["vasp_stop_margin_s"]),
            "frozen_after_s": float(resources["vasp_frozen_after_s"]),
        }
    )

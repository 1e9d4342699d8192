"""The label engine of a job, as its part of the configuration describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confvib.reference.engine import LabelEngine


def make_label_engine(
    settings: Mapping[str, Any], command: str, scratch: str, kept: str
) -> LabelEngine:
    """Make the engine that computes energies and forces.

    Args:
        settings: ``engine`` and the section of that name.
        command: How the job starts VASP; not used by other engines.
        scratch: Directory for calculations that run.
        kept: Directory for the folders of those that failed.

    Returns:
        The engine.

    Raises:
        LabelError: Something that the engine needs is missing, or a setting is wrong.
    """
    if settings["engine"] == "vasp":
        from confvib.dft.engine import VaspEngine
        from confvib.dft.settings import VaspSettings

        return VaspEngine(
            VaspSettings.from_mapping({**settings["vasp"], "command": command}),
            scratch_dir=Path(scratch),
            kept_dir=Path(kept),
        )
    from confvib.reference.factory import make_engine
    from confvib.stages.runtime import configure_jax

    # The ionic potential is computed by JAX, and labels are float64.
    configure_jax()
    return make_engine(settings)

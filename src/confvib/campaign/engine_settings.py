"""A label engine by itself, and the section that compares several of them."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from confvib.campaign.digest import plain
from confvib.campaign.label_settings import (
    NO_EFFECT_ON_LABELS,
    AseSettings,
    IonicSettings,
    VaspSettings,
)
from confvib.campaign.section import Count, Name, Positive, Section, Temperature

CAMPAIGN_ENGINE = "labels"
"""Name of the campaign's own engine among those compared."""


class Engine(Protocol):
    """What a section says that describes an engine; ``labels`` is one, too."""

    @property
    def engine(self) -> Literal["vasp", "ase", "ionic"]:
        """Return what computes."""
        ...

    @property
    def ionic(self) -> IonicSettings:
        """Return the settings of the built-in potential."""
        ...

    @property
    def ase(self) -> AseSettings | None:
        """Return the calculator."""
        ...

    @property
    def vasp(self) -> VaspSettings | None:
        """Return the settings of VASP."""
        ...


class EngineSettings(Section):
    """What computes energies and forces: the engine's part of a section ``labels``."""

    engine: Annotated[Literal["vasp", "ase", "ionic"], Field(description="what computes")]
    ionic: IonicSettings = Field(default_factory=IonicSettings)
    ase: AseSettings | None = None
    vasp: VaspSettings | None = None

    @model_validator(mode="after")
    def _describes_its_engine(self) -> Self:
        if getattr(self, self.engine) is None:
            message = f"engine = {self.engine!r}: expected a section {self.engine}"
            raise ValueError(message)
        return self


class EngineComparisonSettings(Section):
    """The same configurations by several engines: energies, ranks, forces."""

    set: Annotated[Name, Field(description="set that the configurations come from")]
    configurations: Annotated[
        Count, Field(ge=2, description="the head of the campaign's seeded order")
    ]
    campaign_engine: Annotated[
        bool,
        Field(description="compare with the campaign's own engine, as the first"),
    ] = True
    engines: Annotated[
        dict[Name, EngineSettings],
        Field(
            min_length=1,
            description="name: engine. The minima of the first of all are the common "
            "geometries",
        ),
    ]
    relax: Annotated[
        bool,
        Field(
            description="relax by every engine; false: energies and forces of the "
            "unrelaxed configurations alone"
        ),
    ] = True
    fmax_eV_per_A: Annotated[
        Positive,
        Field(description="largest force of a minimum, eV/Å; VASP stops by its ediffg"),
    ] = 0.05
    max_steps: Annotated[Count, Field(description="ionic steps before giving up")] = 200
    temperature_K: Annotated[
        Temperature, Field(description="k_B T that differences are held against, K")
    ] = 300.0
    bootstrap_samples: Annotated[
        int, Field(ge=2, description="resamples behind the 5-95 % ranges of ranks")
    ] = 2000

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all engines, the one whose minima are common first."""
        own = (CAMPAIGN_ENGINE,) if self.campaign_engine else ()
        return (*own, *self.engines)

    def check(self, sets: Collection[str]) -> None:
        """Refuse a set that the campaign lacks, or fewer than two engines.

        Args:
            sets: Names of the campaign's sets.

        Raises:
            ValueError: Naming the key path, the value found and what was expected.
        """
        if self.set not in sets:
            message = f"engine_comparison.set = {self.set!r}: expected one of {[*sets]}"
            raise ValueError(message)
        if CAMPAIGN_ENGINE in self.engines:
            message = (
                f"engine_comparison.engines.{CAMPAIGN_ENGINE}: expected another name; "
                "this is the campaign's own engine"
            )
            raise ValueError(message)
        if len(self.names) < 2:
            message = (
                f"engine_comparison.engines: found {list(self.names)}, expected two or "
                "more, or campaign_engine true"
            )
            raise ValueError(message)


def definition(settings: Engine) -> dict[str, Any]:
    """Return all that defines an engine's energies, not how or where it is launched.

    Args:
        settings: The section ``labels``, or one of ``engine_comparison.engines``.
    """
    section = getattr(settings, settings.engine)
    without = [*NO_EFFECT_ON_LABELS, "environment"]
    if isinstance(section, AseSettings) and not section.files:
        without.append("files")  # what was labelled before this key stays as it is
    return {"engine": settings.engine, settings.engine: plain(section, *without)}


def environment(settings: Engine, root: Path) -> str:
    """Return the conda environment of an engine's jobs.

    Args:
        settings: As for :func:`definition`.
        root: Folder of the Snakefile.
    """
    if settings.engine == "vasp":
        return str(root / "envs/dft.yaml")
    path = settings.ase.environment if settings.engine == "ase" and settings.ase else None
    return str(root / (path or "envs/cpu.yaml"))


def launch(settings: Engine) -> dict[str, str | int]:
    """Return how jobs run VASP, as resources; blanks where another engine computes.

    Args:
        settings: As for :func:`definition`.
    """
    if settings.engine == "vasp" and settings.vasp:
        return settings.vasp.launch()
    return dict.fromkeys((f"vasp_{key}" for key in NO_EFFECT_ON_LABELS), "")

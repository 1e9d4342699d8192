"""Section ``labels``: which reference energies and forces are computed, and how."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from confvib.campaign.section import Count, Name, Positive, Section, Temperature

TASKS = ("relaxation", "heating", "nve", "nvt")
"""What can be done to a configuration for the sake of labels."""


class RelaxationLabels(Section):
    """Perturb configurations, relax them at the reference level, keep all frames."""

    set: Annotated[Name, Field(description="set the configurations come from")]
    configurations: Annotated[
        Count | Literal["all"], Field(description="how many of the set are labelled")
    ]
    copies: Annotated[
        Count,
        Field(
            description="relaxations of each from other random displacements; more than "
            "one where a phase has too few configurations to learn from"
        ),
    ] = 1
    chunks: Annotated[Count, Field(description="jobs that share them")]
    perturbation_A: Annotated[
        Positive, Field(description="length of the random displacement of each atom, Å")
    ]
    fmax_eV_per_A: Annotated[
        Positive, Field(description="largest force at which a relaxation ends, eV/Å")
    ]
    max_steps: Annotated[Count, Field(description="ionic steps before giving up")]


class HeatingLabels(Section):
    """Heat configurations linearly by velocity scaling, keep all frames."""

    set: Annotated[Name, Field(description="set the configurations come from")]
    trajectories: Annotated[
        Count, Field(description="configurations heated, one job each")
    ]
    start_K: Annotated[Temperature, Field(description="temperature of the first step, K")]
    end_K: Annotated[Temperature, Field(description="temperature of the last step, K")]
    n_steps: Annotated[Count, Field(description="molecular-dynamics steps")]
    timestep_fs: Annotated[Positive, Field(le=10, description="time step, fs")]


class NveLabels(Section):
    """Energy-conserving runs: the spectra a force field's are held against (Table 2)."""

    set: Annotated[
        Name | None,
        Field(description="set the configurations come from; default: of relaxation"),
    ] = None
    trajectories: Annotated[
        Count, Field(description="configurations at each temperature, one job each")
    ] = 1
    temperatures_K: Annotated[
        tuple[Temperature, ...], Field(min_length=1, description="temperatures, K")
    ]
    protocol: Annotated[
        Literal["thermalised", "published_2025"],
        Field(
            description="velocities given to the relaxed cell: of twice the temperature, "
            "half of which becomes potential energy, or of the temperature"
        ),
    ] = "thermalised"
    n_steps: Annotated[Count, Field(description="molecular-dynamics steps")]
    timestep_fs: Annotated[Positive, Field(le=10, description="time step, fs")]


class NvtLabels(Section):
    """Andersen dynamics of configurations that were not heated: a test of transfer."""

    set: Annotated[
        Name | None,
        Field(description="set the configurations come from; default: of relaxation"),
    ] = None
    trajectories: Annotated[Count, Field(description="configurations, one job each")]
    unseen: Annotated[
        bool, Field(description="leave out the configurations that heating takes")
    ] = True
    temperature_K: Annotated[Temperature, Field(description="of the bath, K")]
    collision_probability: Annotated[
        float, Field(gt=0, le=1, description="of each atom with the bath, in a step")
    ]
    n_steps: Annotated[Count, Field(description="molecular-dynamics steps")]
    timestep_fs: Annotated[Positive, Field(le=10, description="time step, fs")]


class IonicSettings(Section):
    """The built-in Du/Teter partial-charge potential (docs/formulation.md)."""

    cutoff_A: Annotated[
        Positive, Field(description="end of the pair terms and of Ewald's real sum, Å")
    ] = 6.0
    switch_width_A: Annotated[
        Positive, Field(description="pair terms fade out over this range below it, Å")
    ] = 1.0
    ewald_tolerance: Annotated[
        float,
        Field(gt=0, le=1e-3, description="relative size of the Ewald terms left out"),
    ] = 1e-8


class AseSettings(Section):
    """Any ASE calculator."""

    calculator: Annotated[
        str, Field(description="dotted path, e.g. ase.calculators.emt.EMT")
    ]
    kwargs: Annotated[
        dict[str, Any], Field(description="arguments of the calculator")
    ] = Field(default_factory=dict)
    files: Annotated[
        tuple[str, ...],
        Field(
            description="globs of the files that define the energies, weights or PAW "
            "sets, each in a package ('chgnet/pretrained/0.3.0/*') or absolute; their "
            "content is part of the level of theory of every label"
        ),
    ] = ()
    environment: Annotated[
        Path,
        Field(
            description="conda environment of the jobs that need the calculator, from "
            "the folder of the Snakefile; used with --software-deployment-method conda"
        ),
    ] = Path("envs/cpu.yaml")


NO_EFFECT_ON_LABELS = ("command", "keep", "poll_s", "stop_margin_s", "frozen_after_s")
"""Keys of ``labels.vasp`` that say how it is run."""


class VaspSettings(Section):
    """VASP, run by custodian."""

    command: Annotated[
        str, Field(description="how the job starts VASP, e.g. 'srun vasp_gam'")
    ]
    incar: Annotated[
        dict[str, str | int | float | bool], Field(description="INCAR keys of every run")
    ]
    ediffg: Annotated[
        float, Field(description="EDIFFG of relaxations: > 0 eV, < 0 largest force eV/Å")
    ]
    potcar_functional: Annotated[
        str, Field(description="POTCAR set, as pymatgen names it")
    ]
    potcar_symbols: Annotated[dict[str, str], Field(description="element: POTCAR symbol")]
    kpoints: Annotated[
        tuple[Count, Count, Count], Field(description="Γ-centred k-point mesh")
    ]
    version: Annotated[
        str | None,
        Field(description="VASP that must have run, e.g. 6.4.2; null: any version"),
    ] = None
    max_corrections: Annotated[
        Count, Field(description="repairs by custodian before a run is given up")
    ] = 5
    keep: Annotated[
        tuple[str, ...],
        Field(description="files of finished runs to keep, e.g. WAVECAR; none normally"),
    ] = ()
    poll_s: Annotated[Count, Field(description="time between looks at VASP, s")] = 2
    stop_margin_s: Annotated[
        Count, Field(description="walltime left when VASP ends, to write its files, s")
    ] = 300
    frozen_after_s: Annotated[
        Count, Field(description="VASP that prints nothing for so long is ended, s")
    ] = 21_600

    def launch(self) -> dict[str, str | int]:
        """Return the keys that change no label, as resources of a job."""
        values = {key: getattr(self, key) for key in NO_EFFECT_ON_LABELS}
        values["keep"] = " ".join(self.keep)
        return {f"vasp_{key}": value for key, value in values.items()}


class LabelSettings(Section):
    """Reference data for training: engine and tasks."""

    engine: Annotated[
        Literal["vasp", "ase", "ionic"], Field(description="what computes the labels")
    ]
    relaxation: RelaxationLabels
    heating: HeatingLabels
    nve: NveLabels | None = None
    nvt: NvtLabels | None = None
    ionic: IonicSettings = Field(default_factory=IonicSettings)
    ase: AseSettings | None = None
    vasp: VaspSettings | None = None
    imported: Annotated[
        dict[Name, Path],
        Field(
            description="label tables that `confvib import-vasp` made, by the name that "
            "potentials.*.labels call them"
        ),
    ] = Field(default_factory=dict)

    def sources(self) -> tuple[str, ...]:
        """Return all that a force field can learn from: tasks and imported tables."""
        return (*self.tasks(), *self.imported)

    @model_validator(mode="after")
    def _imported_names_are_free(self) -> Self:
        for name in self.imported:
            if name in type(self).model_fields:
                message = (
                    f"imported.{name}: {name!r} is a task or key of this section; "
                    "expected another name"
                )
                raise ValueError(message)
        return self

    def tasks(self) -> tuple[str, ...]:
        """Return the names of the tasks that the configuration describes."""
        return tuple(task for task in TASKS if getattr(self, task) is not None)

    def set_of(self, task: str) -> str:
        """Return the set whose configurations a task labels."""
        return getattr(self, task).set or self.relaxation.set

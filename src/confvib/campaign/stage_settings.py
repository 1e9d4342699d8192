"""Sections of the stages after training: relaxation to thermodynamics."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from confvib.campaign.section import Count, Positive, Precision, Section, Temperature

_PERIODS_IN_A_PART = 14
"""Periods of the highest frequency that a part of a run must hold: 0.8 % leak."""

Potential = Literal["relax", "md", "reference"]
"""Which energy drives a stage; 'reference' is the label engine itself (ionic only)."""


class RelaxationSettings(Section):
    """Batched relaxation at fixed cell (paper §5.3)."""

    potential: Annotated[Potential, Field(description="what supplies the forces")] = (
        "relax"
    )
    fmax_eV_per_A: Annotated[
        Positive, Field(description="converged below this force, eV/Å")
    ]
    max_steps: Annotated[Count, Field(description="steps before 'unconverged'")]
    optimiser: Annotated[
        Literal["lbfgs", "fire"],
        Field(description="lbfgs, as the paper; fire: slower, for rough surfaces"),
    ] = "lbfgs"
    batch_size: Annotated[
        Count, Field(description="cells relaxed together on the device")
    ]
    precision: Annotated[
        Precision, Field(description="floating-point type on the device")
    ] = "float32"


class HarmonicSettings(Section):
    """Hessian and harmonic free energy of every relaxed cell."""

    potential: Annotated[Potential, Field(description="what supplies the Hessian")] = (
        "relax"
    )
    fmax_eV_per_A: Annotated[
        Positive, Field(description="residual force allowed under a Hessian, eV/Å")
    ]
    max_steps: Annotated[Count, Field(description="L-BFGS steps of the tight relaxation")]
    imaginary_threshold_THz: Annotated[
        Positive, Field(description="modes below minus this count as imaginary, THz")
    ]
    max_mode_followings: Annotated[
        int, Field(ge=0, description="times a saddle point may be left along its mode")
    ]
    batch_size: Annotated[
        Count, Field(description="cells relaxed together on the device")
    ]
    columns_per_batch: Annotated[
        Count, Field(description="Hessian columns differentiated together")
    ]
    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="F_q, S_q, U_q stored at, K"),
    ]


class SpectrumSettings(Section):
    """Velocity autocorrelation to phonon density of states."""

    max_frequency_THz: Annotated[
        Positive, Field(description="end of the common grid, THz")
    ]
    bin_THz: Annotated[Positive, Field(description="spacing of the common grid, THz")]
    resolution_THz: Annotated[
        Positive, Field(description="standard deviation of the Gaussian line shape, THz")
    ]
    blocks: Annotated[
        Count, Field(ge=2, description="parts of a run whose spread gives its error")
    ]


class DynamicsSettings(Section):
    """Molecular dynamics of every relaxed cell (paper §5.3; docs/formulation.md)."""

    potential: Annotated[Potential, Field(description="what supplies the forces")] = "md"
    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="one run per cell each, K"),
    ]
    protocol: Annotated[
        Literal["thermalised", "published_2025"],
        Field(
            description="thermostat to T, then NVE; or NVE from the relaxed cell as the "
            "paper ran it, which ends near T/2"
        ),
    ]
    timestep_fs: Annotated[Positive, Field(le=5, description="time step, fs")]
    equilibration_fs: Annotated[Positive, Field(description="thermostatted time, fs")]
    production_fs: Annotated[Positive, Field(description="NVE time that is analysed, fs")]
    friction_per_fs: Annotated[
        Positive, Field(description="Langevin friction while equilibrating, 1/fs")
    ]
    quench_fmax_eV_per_A: Annotated[
        Positive,
        Field(description="both ends of a run are quenched to this force, eV/Å"),
    ] = 0.01
    quench_max_steps: Annotated[
        Count, Field(description="steps before a quench counts as failed")
    ] = 500
    batch_size: Annotated[Count, Field(description="cells simulated together")]
    precision: Annotated[
        Precision, Field(description="floating-point type on the device")
    ] = "float32"
    spectrum: SpectrumSettings

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        for name in ("equilibration_fs", "production_fs"):
            steps = getattr(self, name) / self.timestep_fs
            if abs(steps - round(steps)) > 1e-6:
                message = (
                    f"{name} = {getattr(self, name):g} is no multiple of timestep_fs = "
                    f"{self.timestep_fs:g}"
                )
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _parts_resolve_the_grid(self) -> Self:
        # The spectrum of a run of length t leaks about 0.11 / (t nu) of its area beyond
        # nu, and one that misses more than 1 % of its modes is refused.
        part_ps = 1e-3 * self.production_fs / self.spectrum.blocks
        needed_ps = _PERIODS_IN_A_PART / self.spectrum.max_frequency_THz
        if part_ps < needed_ps:
            message = (
                f"production_fs = {self.production_fs:g} in spectrum.blocks = "
                f"{self.spectrum.blocks} parts leaves {1e3 * part_ps:.0f} fs each; with "
                f"spectrum.max_frequency_THz = {self.spectrum.max_frequency_THz:g} a "
                f"part needs {1e3 * needed_ps:.0f} fs"
            )
            raise ValueError(message)
        return self


class ThermodynamicsSettings(Section):
    """The reduction to Z, S and G."""

    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="temperatures of conf and conf+harmonic, K"),
    ]
    bootstrap_samples: Annotated[
        Count, Field(ge=10, description="resamplings behind the standard errors")
    ]
    min_coverage: Annotated[
        float,
        Field(gt=0, le=1, description="share of rows below which a table is incomplete"),
    ]

"""Section of the cross-check: one free energy by four methods, and other codes."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from confvib.campaign.section import (
    Count,
    Name,
    Positive,
    Precision,
    Section,
    Temperature,
)
from confvib.campaign.stage_settings import Potential


class CrosscheckSettings(Section):
    """Thermodynamic integration, phonopy and tidynamics on a few configurations."""

    set: Annotated[Name, Field(description="set that the configurations come from")]
    configurations: Annotated[
        Count, Field(description="the first of the campaign's sample that relaxed")
    ]
    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="free energies at, K; too hot and ions hop"),
    ]
    potential: Annotated[
        Potential, Field(description="what supplies energies; reference: ionic only")
    ] = "reference"
    n_lambda: Annotated[
        int, Field(ge=2, le=32, description="Gauss-Legendre points of an integration")
    ]
    seeds: Annotated[int, Field(ge=2, description="independent runs of each kind")]
    timestep_fs: Annotated[
        Positive, Field(le=5, description="time step of the integrations, fs")
    ] = 2.0
    equilibration_fs: Annotated[
        Positive, Field(description="time in the heat bath before sampling, fs")
    ]
    sampling_fs: Annotated[Positive, Field(description="sampled time of each run, fs")]
    friction_per_fs: Annotated[
        Positive, Field(description="Langevin friction of all runs, 1/fs")
    ] = 0.02
    precision: Annotated[
        Precision,
        Field(description="floating-point type of energies; positions are float64"),
    ] = "float64"

    @model_validator(mode="after")
    def _enough_samples(self) -> Self:
        samples = self.sampling_fs / (5 * self.timestep_fs)
        if samples < 8:
            message = (
                f"sampling_fs = {self.sampling_fs:g}: expected at least 40 steps of "
                f"timestep_fs = {self.timestep_fs:g}"
            )
            raise ValueError(message)
        return self

"""Section ``phases``: other phases that go through the same chain, and their models."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from confvib.campaign.section import Section, Temperature

Level = Literal["conf", "conf+harmonic", "conf+md"]

RESERVED = (
    *("configurations", "labels", "datasets", "selections", "models", "relaxed"),
    *("harmonic", "committee", "spectra", "sampling", "engine_comparison"),
    *("dynamics", "thermodynamics", "figures", "sweeps", "crosscheck", "surrogate"),
    *("logs", "times", "restart", "scratch", "kept", "exact", "phases"),
    *("plot", "render", "tabulate", "validate"),
)
"""Folders of a campaign and beginnings of its rules, which no phase can be called."""


def _free(name: str) -> str:
    if name in RESERVED:
        message = f"{name!r} is a folder or rule of every campaign; choose another name"
        raise ValueError(message)
    return name


PhaseName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$"), AfterValidator(_free)
]
"""A name that becomes a folder and the beginning of rule names."""


class ReportedDifference(Section):
    """A difference of G between the campaign's crystal and a phase, from elsewhere."""

    temperature_K: Temperature
    level: Annotated[Level, Field(description="of the campaign's crystal")]
    phase_level: Annotated[Level, Field(description="of the phase")]
    meV_per_atom: Annotated[
        float, Field(description="G of the campaign's crystal minus G of the phase")
    ]


class PhaseSettings(BaseModel):
    """What is different in another phase: keys of this file, overlaid; null removes."""

    model_config = ConfigDict(extra="allow", frozen=True)

    force_field: Annotated[
        Literal["own", "shared"],
        Field(
            description="own: trained on labels of this phase, as in the paper; shared: "
            "that of the main campaign, whose errors then cancel in part"
        ),
    ] = "own"
    reported: Annotated[
        tuple[ReportedDifference, ...],
        Field(description="values to show beside those of the published convention"),
    ] = ()


class TrainedModel(Section):
    """A force field of another campaign."""

    path: Annotated[Path, Field(description="its checkpoint")]
    config_hash: Annotated[
        str, Field(description="hash of the configuration that it must be made from")
    ]

"""The base of every configuration section, and the constrained types they share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A closed, frozen block of the configuration: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
"""A name that becomes part of file names: letters, digits, '_' and '-'."""

CampaignName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z][A-Za-z0-9_]*)?$")
]
"""Name of a campaign; of a companion of it, '<campaign>/<name>'."""

Count = Annotated[int, Field(ge=1)]
"""A number of things, at least one."""

Positive = Annotated[float, Field(gt=0)]
"""A physical quantity greater than zero; its unit is in the key."""

Temperature = Annotated[float, Field(gt=0, le=10_000, description="K")]
"""An absolute temperature in kelvin."""

Precision = Literal["float32", "float64"]
"""Floating-point type of positions, energies and forces on the device."""

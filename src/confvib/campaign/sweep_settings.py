"""Sections of the sweeps: many trainings that differ in one setting (paper §3.1)."""

from typing import Annotated, Any, Literal

from pydantic import Field

from confvib.campaign.model_settings import Degrees
from confvib.campaign.section import Count, Positive, Section

_Increasing = Annotated[
    tuple[Count, ...],
    Field(min_length=1, description="numbers of training frames, one point each"),
]


class TrainingChanges(Section):
    """Settings of the potential's ``training`` section that all points replace."""

    n_train: Annotated[Count | None, Field(description="frames trained on")] = None
    n_valid: Annotated[
        Count | None, Field(description="frames that decide when to stop")
    ] = None
    n_test: Annotated[
        Count | None, Field(description="frames kept for the reported errors")
    ] = None
    max_epochs: Annotated[
        Count | None, Field(description="passes over the training frames")
    ] = None
    patience_epochs: Annotated[
        Count | None, Field(description="epochs without a better loss before stopping")
    ] = None
    batch_size: Annotated[
        Count | None, Field(description="frames per optimiser step")
    ] = None
    learning_rate: Annotated[
        Positive | None, Field(lt=1, description="initial rate of Adam")
    ] = None
    decay_steps: Annotated[
        Count | None, Field(description="optimiser steps between two decays of the rate")
    ] = None


class SweepSettings(Section):
    """What the points of a sweep share: potential, test frames, effort."""

    potential: Annotated[
        Literal["relax", "md"],
        Field(description="force field whose labels and settings the points have"),
    ] = "relax"
    training: Annotated[
        TrainingChanges, Field(description="settings that all points replace")
    ] = TrainingChanges()
    repeats: Annotated[
        Count,
        Field(description="trainings per point, with other seeds and training frames"),
    ] = 1

    def changes(self) -> dict[str, Any]:
        """Return what replaces settings of the potential's training."""
        return self.training.model_dump(exclude_none=True)


class SizeSweepSettings(SweepSettings):
    """A sweep over the number of training frames."""

    n_train: _Increasing
    equal: Annotated[
        Literal["epochs", "steps"],
        Field(
            description="what all sizes have the same of: epochs, as the paper, or "
            "optimiser steps; max_epochs holds for the largest size"
        ),
    ] = "epochs"


class DegreesSweepSettings(SweepSettings):
    """A sweep over the degrees of the harmonic coordinates."""

    degrees: Annotated[
        tuple[Degrees, ...],
        Field(min_length=1, description="sets of degrees, one point each"),
    ]

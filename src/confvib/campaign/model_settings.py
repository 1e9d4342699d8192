"""Section ``potentials``: the SO3krates force fields and their training."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from pydantic import AfterValidator, Field, model_validator

from confvib.campaign.section import Count, Name, Positive, Section
from confvib.forcefield.settings import (
    CutoffFunction,
    FilterInputs,
    LayerNorms,
    RadialBasis,
    ResidualPlaces,
)

Degrees = Annotated[
    tuple[Annotated[int, Field(ge=0, le=3)], ...],
    Field(min_length=1, description="degrees l of the spherical harmonics"),
]
"""Degrees of the harmonic coordinates of one force field."""


def _element(symbol: str) -> str:
    if atomic_numbers.get(symbol, 0) < 1:
        message = f"{symbol!r} is no chemical symbol"
        raise ValueError(message)
    return symbol


_Element = Annotated[str, AfterValidator(_element)]


class TrainingSettings(Section):
    """Loss, optimiser and data of one force field (paper §5.2, eq. 16)."""

    n_train: Annotated[Count, Field(description="frames trained on")]
    n_valid: Annotated[Count, Field(description="frames that decide when to stop")]
    n_test: Annotated[Count, Field(description="frames kept for the reported errors")]
    max_epochs: Annotated[Count, Field(description="passes over the training frames")]
    patience_epochs: Annotated[
        Count,
        Field(description="epochs without a better validation loss before stopping"),
    ]
    batch_size: Annotated[Count, Field(description="frames per optimiser step")]
    learning_rate: Annotated[Positive, Field(lt=1, description="initial rate of Adam")]
    decay_factor: Annotated[
        float, Field(gt=0, le=1, description="learning rate falls by this factor …")
    ]
    decay_steps: Annotated[Count, Field(description="… every so many optimiser steps")]
    clip_norm: Annotated[
        Positive, Field(description="gradients longer than this are shortened to it")
    ]
    force_weight: Annotated[
        float,
        Field(gt=0, lt=1, description="β of eq. 16: weight of forces, rest on energy"),
    ]
    selection: Annotated[
        Literal["random", "farthest_point"],
        Field(
            description="training frames: drawn as in the paper, or those that are least "
            "like each other in the features of an untrained network"
        ),
    ] = "random"
    microbatch: Annotated[
        int,
        Field(
            ge=0,
            description="frames of a batch in memory at a time, 0: all; changes memory "
            "and speed, no result",
        ),
    ] = 0
    save_interval_min: Annotated[
        float,
        Field(ge=0, description="wall time between two saves of the state, minutes"),
    ] = 10.0

    @model_validator(mode="after")
    def _microbatches_fill_a_batch(self) -> Self:
        if self.microbatch and self.batch_size % self.microbatch:
            message = (
                f"microbatch = {self.microbatch}: expected a divisor of batch_size = "
                f"{self.batch_size}"
            )
            raise ValueError(message)
        return self


class DatasetSettings(Section):
    """Which labelled frames a force field may learn from, and how they are split."""

    split: Annotated[
        Literal["frame", "configuration"],
        Field(
            description="test and validation frames are drawn from all frames, as the "
            "paper does, or are those of configurations that no training frame has"
        ),
    ] = "frame"
    max_force_eV_per_A: Annotated[
        Positive | None,
        Field(description="frames with a larger force on an atom are outliers, eV/Å"),
    ] = None
    min_distance_A: Annotated[
        Positive | None,
        Field(description="frames with two atoms closer than this are outliers, Å"),
    ] = None
    duplicates: Annotated[
        Literal["keep", "drop"],
        Field(description="frames whose atoms sit where those of an earlier one do"),
    ] = "keep"


class PotentialSettings(Section):
    """Architecture of one SO3krates force field and the labels it learns from."""

    labels: Annotated[
        tuple[Name, ...],
        Field(
            min_length=1,
            description="label tasks and names of labels.imported that supply its frames",
        ),
    ]
    layers: Annotated[Count, Field(description="T, Euclidean transformer blocks")]
    features: Annotated[Count, Field(description="F, width of the atomic features")]
    heads: Annotated[Count, Field(description="h, attention heads; must divide features")]
    degrees: Degrees
    cutoff_A: Annotated[Positive, Field(description="r_cut, Å")]
    radial_functions: Annotated[Count, Field(description="K, radial basis functions")]
    radial_basis: Annotated[
        RadialBasis, Field(description="functions of the distance; rbf: learned")
    ] = "phys"
    cutoff_function: Annotated[
        CutoffFunction, Field(description="how a neighbour's weight falls to zero")
    ] = "cosine"
    angular_filters: Annotated[
        FilterInputs,
        Field(description="messages with filters that see the harmonic coordinates"),
    ] = "both"
    residual_networks: Annotated[
        ResidualPlaces,
        Field(description="part of a layer after which features pass such a network"),
    ] = "none"
    layer_norm: Annotated[
        LayerNorms,
        Field(description="before both parts of a layer, and behind the last or every"),
    ] = "none"
    chi_normalization: Annotated[
        Positive | None,
        Field(
            description="divisor of the sum that the harmonic coordinates start from "
            "(eq. 10); null: they start from zero"
        ),
    ] = None
    species_scale: Annotated[
        bool, Field(description="learned factor on the atomic energies of each species")
    ] = False
    short_range_repulsion: Annotated[
        bool, Field(description="add the screened repulsion of nuclei (ZBL)")
    ] = False
    energy_shifts_eV: Annotated[
        dict[_Element, float] | None,
        Field(
            description="energy of each species that the network does not learn, "
            "eV/atom; the mean of what remains is taken off, too. null: the mean alone"
        ),
    ] = None
    dataset: Annotated[
        DatasetSettings, Field(description="which of their frames are used, and for what")
    ] = DatasetSettings()
    training: TrainingSettings
    committee: Annotated[
        Count,
        Field(
            description="trainings that differ in their seed; the first drives the "
            "campaign, the spread of all is the uncertainty of its errors and, of the "
            "potential that relaxes, of the energies of relaxed cells"
        ),
    ] = 1

    @model_validator(mode="after")
    def _heads_divide_features(self) -> Self:
        for name, parts in (("heads", self.heads), ("degrees", len(self.degrees))):
            if self.features % parts:
                message = f"features = {self.features} is not divisible by " + (
                    f"heads = {parts}" if name == "heads" else f"{parts} degrees"
                )
                raise ValueError(message)
        return self


class PotentialsSettings(Section):
    """The two force fields of the paper: one to relax, one for molecular dynamics."""

    relax: PotentialSettings
    md: PotentialSettings

    def learned_from(self) -> Iterator[tuple[str, str]]:
        """Yield (force field, label task) for every task that one of them needs."""
        for name in type(self).model_fields:
            for task in getattr(self, name).labels:
                yield name, task

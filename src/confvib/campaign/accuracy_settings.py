"""Section of the accuracy: a campaign against the same one on the reference itself."""

from typing import Annotated, Literal

from pydantic import Field

from confvib.campaign.section import Name, Section, Temperature


class AccuracySettings(Section):
    """What the force field's errors do to energies, weights and free energies."""

    set: Annotated[Name, Field(description="set whose configurations are compared")]
    configurations: Annotated[
        Literal["unseen", "all"],
        Field(
            description="unseen: without those that the force field learned from; all: "
            "with them, which a sample begins with"
        ),
    ] = "unseen"
    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="F_harmonic, weights and ensembles at, K"),
    ]

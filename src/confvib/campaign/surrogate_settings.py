"""Section of the surrogate: energies of configurations that were not computed."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from confvib.campaign.section import Count, Name, Positive, Section, Temperature

Level = Literal["conf", "conf+harmonic", "conf+md"]


class SurrogateSettings(Section):
    """A Bayesian cluster expansion of E and F, and its test on what was computed."""

    set: Annotated[Name, Field(description="set whose configurations are predicted")]
    levels: Annotated[
        tuple[Level, ...],
        Field(
            min_length=1,
            description="conf: E; conf+harmonic: F_harmonic and E + F_harmonic; conf+md: "
            "the anharmonic correction at the temperatures of the dynamics",
        ),
    ] = ("conf", "conf+harmonic")
    temperatures_K: Annotated[
        tuple[Temperature, ...],
        Field(min_length=1, description="ensembles of predictions at, K"),
    ]
    pair_cutoff_A: Annotated[
        Positive, Field(description="pairs of sites up to this distance are counted, Å")
    ]
    triplet_cutoff_A: Annotated[
        Positive | None,
        Field(description="triplets of sites up to this diameter, Å; null: none"),
    ] = None
    fractions: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(min_length=1, description="shares of the computed rows to learn from"),
    ] = (0.05, 0.1, 0.2)
    repeats: Annotated[
        Count, Field(description="draws of the rows to learn from, with other seeds")
    ] = 10
    batches: Annotated[
        Count, Field(description="active: fits on the way to each fraction")
    ] = 2
    draws: Annotated[
        int, Field(ge=2, description="of all energies from the posterior, for F's error")
    ] = 200

    @model_validator(mode="after")
    def _fractions_grow(self) -> Self:
        if list(self.fractions) != sorted(set(self.fractions)):
            message = f"fractions = {list(self.fractions)}: expected increasing values"
            raise ValueError(message)
        return self

"""Section of the sampling target: how many rows a set needs at its temperature."""

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

from pydantic import Field

from confvib.campaign.section import Count, Name, Positive, Section, Temperature

Level = Literal["conf", "conf+harmonic", "conf+md"]


class SamplingSettings(Section):
    """Random order, the test of a subset, and full sets drawn from its density."""

    sets: Annotated[
        tuple[Name, ...] | None,
        Field(min_length=1, description="sets to test; null: every set"),
    ] = None
    levels: Annotated[
        tuple[Level, ...], Field(min_length=1, description="levels to test")
    ] = ("conf", "conf+harmonic")
    temperatures_K: Annotated[
        tuple[Temperature, ...] | None,
        Field(
            min_length=1,
            description="temperatures to test, K; null: the lowest and the highest that "
            "a level was reduced at",
        ),
    ] = None
    points: Annotated[
        Count, Field(ge=2, description="numbers of rows, at equal distances in ln m")
    ] = 24
    orders: Annotated[
        int, Field(ge=2, description="random orders behind means and 5-95 % bands")
    ] = 100
    subset: Annotated[
        Count, Field(description="rows of the subset test, where a set has more")
    ] = 20_000
    subset_fraction: Annotated[
        float, Field(gt=0, lt=1, description="share of the rows of any smaller set")
    ] = 0.293
    densities: Annotated[
        int, Field(ge=2, description="subsets whose kernel density is drawn from")
    ] = 20
    max_share: Annotated[
        float,
        Field(gt=0, lt=1, description="largest weight of one row; above it: too sparse"),
    ] = 0.5
    tolerance_kT: Annotated[
        Positive,
        Field(
            description="largest error of F (k_B T) and S_conf (k_B), per cell, of a "
            "random half of the rows; above it: too sparse"
        ),
    ] = 0.5

    def check(
        self, sets: Collection[str], reduced_K: Mapping[Level, Collection[float]]
    ) -> None:
        """Refuse a set that the campaign lacks, or a temperature it does not reduce at.

        Args:
            sets: Names of the campaign's sets.
            reduced_K: Temperatures of each level in its tables, K.

        Raises:
            ValueError: Naming the key path, the value found and what was expected.
        """
        for name in self.sets or ():
            if name not in sets:
                message = f"sampling.sets: found {name!r}, expected some of {[*sets]}"
                raise ValueError(message)
        for level in self.levels:
            known = sorted(reduced_K[level])
            for temperature_K in self.temperatures_K or ():
                if temperature_K not in known:
                    message = (
                        f"sampling.temperatures_K: found {temperature_K:g}, expected "
                        f"some of {known}, at which level {level} is reduced"
                    )
                    raise ValueError(message)

    def temperatures_of(
        self, level: Level, reduced_K: Mapping[Level, Collection[float]]
    ) -> list[float]:
        """Return the temperatures at which a level is tested, K.

        Args:
            level: One of ``levels``.
            reduced_K: Temperatures of each level in its tables, K.
        """
        known = reduced_K[level]
        return list(self.temperatures_K or sorted({min(known), max(known)}))

"""Sections that say what the disordered crystal is: ``crystal`` and ``sets``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from confvib.campaign.section import Count, Positive, Section


class DistanceRuleSettings(Section):
    """Two ions may not come closer than this; for every pair, or for those named."""

    groups: Annotated[
        tuple[str, str] | None,
        Field(description="only ions on these two site groups; may be one twice"),
    ] = None
    species: Annotated[
        tuple[str, str] | None,
        Field(description="instead of groups: only ions of these two species"),
    ] = None
    min_distance_A: Annotated[
        Positive, Field(description="shortest allowed ion-ion distance, Å")
    ]

    @model_validator(mode="after")
    def _groups_or_species(self) -> Self:
        if self.groups is not None and self.species is not None:
            message = "groups and species are both given: expected one of them or none"
            raise ValueError(message)
        return self


IonCount = Annotated[int, Field(ge=0)]
_Row = tuple[int, int, int]
SupercellSettings = tuple[Count, Count, Count] | tuple[_Row, _Row, _Row]


class CrystalSettings(Section):
    """The parent crystal, its partially occupied sites and the rules of occupation."""

    structure: Annotated[Path, Field(description="CIF of the parent crystal")]
    formula: Annotated[
        str, Field(description="formula unit; every set must have this composition")
    ]
    site_groups: Annotated[
        dict[str, str | Annotated[tuple[str, ...], Field(min_length=1)]],
        Field(
            min_length=1,
            description="site group (Wyckoff name or CIF label): the ion on it, or a "
            "list of species of which a site holds one, 'vacancy' if it may stay empty",
        ),
    ]
    supercell: Annotated[
        SupercellSettings,
        Field(
            description="repeats of the CIF's cell along its axes, or the new cell "
            "vectors as rows of whole numbers"
        ),
    ] = (1, 1, 1)
    distance_rules: Annotated[
        tuple[DistanceRuleSettings, ...],
        Field(description="pairs of sites that cannot both be occupied"),
    ] = ()
    equivalence: Annotated[
        Literal["symmetry", "pair_distances"],
        Field(
            description="which arrangements count as one: equal by the space group, or "
            "(as the published sets) with equal ion-ion distances"
        ),
    ] = "symmetry"
    symmetry_tolerance_A: Annotated[
        Positive, Field(description="spglib's symprec, Å")
    ] = 0.01
    contact_cutoff_A: Annotated[
        Positive,
        Field(description="ion pairs closer than this are counted as contacts, Å"),
    ] = 2.4
    split_site_A: Annotated[
        Positive, Field(description="sites closer than this are one split position, Å")
    ] = 1.0


class SetSettings(Section):
    """One set of configurations: how many ions sit on each site group."""

    counts: Annotated[
        dict[str, IonCount | dict[str, IonCount]],
        Field(
            description="ions per site group; where a group lists several species, a "
            "number for each"
        ),
    ]
    draw: Annotated[
        Count | None,
        Field(
            description="for a set too large to enumerate: inequivalent configurations "
            "drawn uniformly, with weights"
        ),
    ] = None
    imported: Annotated[
        Path | None,
        Field(
            description="instead of all configurations, those of a table that "
            "`confvib import-set` made"
        ),
    ] = None
    sample: Annotated[
        Count | Literal["all"],
        Field(description="configurations that go on: all, or a seeded random sample"),
    ] = "all"
    chunks: Annotated[Count, Field(description="jobs that share the work of each stage")]

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.draw is not None and self.imported is not None:
            message = "draw and imported are both given: expected one of them or none"
            raise ValueError(message)
        if self.draw is not None and self.sample != "all" and self.sample > self.draw:
            message = (
                f"sample = {self.sample} exceeds draw = {self.draw}, the number of "
                "configurations drawn"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _chunks_within_sample(self) -> Self:
        if self.sample != "all" and self.chunks > self.sample:
            message = (
                f"chunks = {self.chunks} exceeds sample = {self.sample}: "
                "a job would have nothing to do"
            )
            raise ValueError(message)
        return self

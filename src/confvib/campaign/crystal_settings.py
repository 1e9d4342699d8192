"""Sections that say what the disordered crystal is: ``crystal`` and ``sets``."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from confvib.campaign.section import Count, Positive, Section


class DistanceRuleSettings(Section):
    """Two ions on these site groups may not come closer than this."""

    groups: Annotated[
        tuple[str, str],
        Field(description="the two site groups; twice the same is allowed"),
    ]
    min_distance_A: Annotated[
        Positive, Field(description="shortest allowed ion-ion distance, Å")
    ]


class CrystalSettings(Section):
    """The parent crystal, its partially occupied sites and the rules of occupation."""

    structure: Annotated[Path, Field(description="CIF of the parent crystal")]
    formula: Annotated[
        str, Field(description="formula unit; every set must have this composition")
    ]
    site_groups: Annotated[
        dict[str, str],
        Field(
            min_length=1, description="site group (Wyckoff name or CIF label): ion on it"
        ),
    ]
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
        dict[str, Annotated[int, Field(ge=0)]], Field(description="ions per site group")
    ]
    sample: Annotated[
        Count | Literal["all"],
        Field(description="configurations that go on: all, or a seeded random sample"),
    ] = "all"
    chunks: Annotated[Count, Field(description="jobs that share the work of each stage")]

    @model_validator(mode="after")
    def _chunks_within_sample(self) -> Self:
        if self.sample != "all" and self.chunks > self.sample:
            message = (
                f"chunks = {self.chunks} exceeds sample = {self.sample}: "
                "a job would have nothing to do"
            )
            raise ValueError(message)
        return self

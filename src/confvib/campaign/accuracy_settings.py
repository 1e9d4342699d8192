"""Section of the accuracy: a campaign against the same one on the reference itself."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from confvib.campaign.crystal_settings import SetSettings
from confvib.campaign.label_settings import RelaxationLabels
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

    def require_rows(
        self, sets: Mapping[str, SetSettings], labels: RelaxationLabels
    ) -> None:
        """Refuse a comparison without rows.

        Args:
            sets: The section ``sets``.
            labels: The section ``labels.relaxation``.

        Raises:
            ValueError: There is no such set, or labels take all of what is computed.
        """
        if self.set not in sets:
            message = f"accuracy.set = {self.set!r}: expected one of {[*sets]}"
            raise ValueError(message)
        if self.configurations == "all" or labels.set != self.set:
            return
        sample, labelled = sets[self.set].sample, labels.configurations
        if labelled == "all" or (sample != "all" and sample <= labelled):
            message = (
                f"accuracy.configurations = 'unseen': labels.relaxation.configurations = "
                f"{labelled!r} leaves none of sets.{self.set}.sample = {sample!r}"
            )
            raise ValueError(message)

    def require_known(self, key: str, source: str) -> None:
        """Refuse to call rows unseen where imported labels may be of any of them.

        Args:
            key: Key that names the labels.
            source: Name of the imported table.

        Raises:
            ValueError: The comparison is of unseen rows.
        """
        if self.configurations == "unseen":
            message = (
                f"accuracy.configurations = 'unseen': {key} names {source!r}, imported "
                "labels that may be of any row; expected 'all'"
            )
            raise ValueError(message)

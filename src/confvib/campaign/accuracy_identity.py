"""Which chunks an accuracy compares, and the config hash of its tables."""

from collections.abc import Sequence
from typing import Literal

from confvib.campaign.accuracy_settings import AccuracySettings
from confvib.campaign.config import Campaign
from confvib.campaign.digest import digest, plain
from confvib.campaign.identity import Identities
from confvib.campaign.names import label_chunks, label_slice, set_chunks

Hashes = dict[str, list[str]]


def n_labelled(campaign: Campaign, set_name: str) -> int | Literal["all"]:
    """Return how many rows of a set the force fields of the comparison learned from.

    All label tasks take the head of one seeded order, and so does a sample. Of imported
    labels the worst is assumed: that every row was learned from.

    Args:
        campaign: The campaign.
        set_name: A set of it.
    """
    stages = (campaign.relaxation.potential, campaign.harmonic.potential)
    tasks = {
        task
        for name in stages
        if name != "reference"
        for task in getattr(campaign.potentials, name).labels
    }
    if any(task in campaign.labels.imported for task in tasks):
        return "all"  # which rows an imported table is of is not known here
    learned = [
        _head(campaign, task)
        for task in tasks
        if campaign.labels.set_of(task) == set_name
    ]
    numbers = [number for number in learned if isinstance(number, int)]
    return "all" if len(numbers) < len(learned) else max(numbers, default=0)


def _head(campaign: Campaign, task: str) -> int | Literal["all"]:
    """Return how far into the order of its set a label task reaches."""
    if task == "relaxation":
        return campaign.labels.relaxation.configurations
    slices = [label_slice(campaign, task, c) for c in label_chunks(campaign, task)]
    return max(int(each["stop"]) for each in slices)


def accuracy_chunks(campaign: Campaign, section: AccuracySettings) -> list[str]:
    """Return the chunks that hold rows to compare.

    Args:
        campaign: The campaign.
        section: Its section ``accuracy``.
    """
    chunks = list(set_chunks(campaign, section.set))
    sample = campaign.sets[section.set].sample
    learned = n_labelled(campaign, section.set)
    if section.configurations == "all" or sample == "all" or learned == "all":
        return chunks
    return [
        chunk
        for number, chunk in enumerate(chunks)
        if sample * (number + 1) // len(chunks) > learned
    ]


def accuracy_inputs(
    section: AccuracySettings, chunks: Sequence[str], identities: Identities
) -> Hashes:
    """Return the hashes of one road's tables, in their order.

    Args:
        section: The section ``accuracy``.
        chunks: What ``accuracy_chunks`` returned; both roads compute these.
        identities: The hashes of that road: of the campaign or of its companion.
    """
    return {
        "configurations": [identities.configurations(section.set)],
        "relaxed": [identities.relaxed(section.set, chunk) for chunk in chunks],
        "harmonic": [identities.harmonic(section.set, chunk) for chunk in chunks],
    }


def accuracy_hash(
    campaign: Campaign, section: AccuracySettings, given: Hashes, exact: Hashes
) -> str:
    """Return the hash of the tables of an accuracy.

    Args:
        campaign: The campaign.
        section: Its section ``accuracy``.
        given: What ``accuracy_inputs`` returned for it.
        exact: And for its companion.
    """
    return digest(
        given,
        exact,
        plain(section),
        n_labelled(campaign, section.set),
        [campaign.crystal.equivalence, campaign.seed],
    )

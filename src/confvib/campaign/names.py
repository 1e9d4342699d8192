"""Chunk names and slices: which rows of a set each job works on."""

from typing import Literal

from confvib.campaign.config import Campaign

Slice = dict[str, int | str]
"""What fixes a chunk's content, given the set and the campaign's seed."""


def chunk_names(n_chunks: int) -> tuple[str, ...]:
    """Return the names of ``n_chunks`` chunks: fixed width, in order."""
    return tuple(f"{chunk:04d}" for chunk in range(n_chunks))


def set_chunks(campaign: Campaign, set_name: str) -> tuple[str, ...]:
    """Return the chunk names of one set."""
    return chunk_names(campaign.sets[set_name].chunks)


def label_chunks(campaign: Campaign, task: str) -> tuple[str, ...]:
    """Return the chunk names of one label task; a heated trajectory is a chunk."""
    if task == "relaxation":
        return chunk_names(campaign.labels.relaxation.chunks)
    return chunk_names(campaign.labels.heating.trajectories)


def chunk_slice(sample: int | Literal["all"], n_chunks: int, chunk: int) -> Slice:
    """Return the slice of a chunk.

    For a sample, the bounds within the seeded order: raising ``sample`` and ``n_chunks``
    in proportion leaves the existing chunks, and their hashes, as they are. For a
    complete set, whose size is known only once it is enumerated, the fraction.
    """
    if sample == "all":
        return {"of": "all", "chunk": chunk, "n_chunks": n_chunks}
    start, stop = (sample * k // n_chunks for k in (chunk, chunk + 1))
    return {"of": "sample", "start": start, "stop": stop}


def label_slice(campaign: Campaign, task: str, chunk: str) -> Slice:
    """Return the slice of labelled configurations that a chunk stands for."""
    labels = campaign.labels
    if task == "relaxation":
        each = labels.relaxation
        number = each.configurations
        items = number if number == "all" else number * each.copies
        return chunk_slice(items, each.chunks, int(chunk))
    return chunk_slice(
        labels.heating.trajectories, labels.heating.trajectories, int(chunk)
    )

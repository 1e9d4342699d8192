"""Chunk names and slices: which rows of a set each job works on."""

from typing import Any, Literal

from confvib.campaign.config import Campaign
from confvib.campaign.digest import plain

Slice = dict[str, int | str]
"""What fixes a chunk's content, given the set and the campaign's seed."""


def chunk_names(n_chunks: int) -> tuple[str, ...]:
    """Return the names of ``n_chunks`` chunks: fixed width, in order."""
    return tuple(f"{chunk:04d}" for chunk in range(n_chunks))


def set_chunks(campaign: Campaign, set_name: str) -> tuple[str, ...]:
    """Return the chunk names of one set."""
    return chunk_names(campaign.sets[set_name].chunks)


def label_chunks(campaign: Campaign, task: str) -> tuple[str, ...]:
    """Return the chunk names of one label task; every run of dynamics is a chunk.

    That of an NVE run begins with its temperature, so that another temperature renames
    none.
    """
    labels = campaign.labels
    if task == "relaxation":
        return chunk_names(labels.relaxation.chunks)
    numbers = chunk_names(getattr(labels, task).trajectories)
    if labels.nve is None or task != "nve":
        return numbers
    return tuple(f"{t:g}K-{n}" for t in labels.nve.temperatures_K for n in numbers)


def label_temperature_K(campaign: Campaign, task: str, chunk: str) -> float | None:
    """Return the temperature that a chunk of labels is run at; None if it has none."""
    if task == "nve":
        return float(chunk.partition("K-")[0])
    section = getattr(campaign.labels, task)
    return getattr(section, "temperature_K", None)


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
    number = int(chunk.rpartition("-")[2])
    leaves_out = (
        task == "nvt"
        and labels.nvt is not None
        and labels.nvt.unseen
        and labels.set_of("nvt") == labels.heating.set
    )
    seen = labels.heating.trajectories if leaves_out else 0
    return {"of": "sample", "start": seen + number, "stop": seen + number + 1}


def label_task(campaign: Campaign, task: str, chunk: str) -> dict[str, Any]:
    """Return what the task of a chunk does to each of its configurations."""
    section = getattr(campaign.labels, task)
    without = ["set", "configurations", "chunks", "trajectories", "temperatures_K"]
    if getattr(section, "copies", 1) == 1:
        without.append("copies")
    without.append("unseen")  # that is in the slice
    done = plain(section, *without)
    temperature_K = label_temperature_K(campaign, task, chunk)
    if temperature_K is not None:
        done["temperature_K"] = temperature_K
    if task == "nve":
        done["relaxation"] = campaign.labels.relaxation.model_dump(
            mode="json", include={"fmax_eV_per_A", "max_steps"}
        )
    return done

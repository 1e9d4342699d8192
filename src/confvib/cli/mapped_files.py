"""The files of a source, read and mapped onto the parent, on one or more processes."""

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from confvib.cli.console import Advance
from confvib.crystal.external import MappedStructure, StructureMapper
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.rules import DistanceRule
from confvib.crystal.structure_files import (
    StructureText,
    parse_structure,
    split_structures,
)
from confvib.crystal.structure_sources import SourceFile, read_source
from confvib.errors import CrystalError

_BATCH = 32
"""Structures that travel to a process together."""


@dataclass(frozen=True)
class Target:
    """What structures are mapped onto.

    Attributes:
        parent: The crystal.
        counts: Ions on each group of the set.
        rules: The distance rules.
        tolerance_A: Largest distance of an atom from its place [Å].
    """

    parent: ParentCrystal
    counts: Mapping[str, int]
    rules: Sequence[DistanceRule]
    tolerance_A: float

    def mapper(self) -> StructureMapper:
        """Prepare the mapping of one structure after the other."""
        return StructureMapper(
            self.parent, self.counts, self.rules, tolerance_A=self.tolerance_A
        )


@dataclass(frozen=True, eq=False)
class Entry:
    """One structure of the source and what became of it.

    Attributes:
        source: Name of the file, with "#" and a number where it holds several.
        file: Name of the file.
        number: Position of the file in the order it was read.
        part: Position of the structure in the file.
        mapped: The result.
    """

    source: str
    file: str
    number: int
    part: int
    mapped: MappedStructure


@dataclass(frozen=True)
class _Task:
    file: str
    number: int
    part: int
    text: StructureText


def map_source(
    path: Path, target: Target, advance: Advance, *, processes: int = 1
) -> list[Entry]:
    """Map every structure of a source.

    Args:
        path: Folder, archive or file.
        target: What to map onto.
        advance: Told how many files were finished.
        processes: Processes that share the work.

    Returns:
        One entry per structure, and one per file without any, sorted by name.

    Raises:
        CrystalError: The path does not exist, the archive is damaged, or the tolerance
            does not fit the crystal.
    """
    mapper = target.mapper()
    if processes <= 1:
        parts = (_map_batch(batch, mapper) for batch in _batches(path, advance))
        entries = [entry for part in parts for entry in part]
    else:
        entries = _map_in_parallel(path, mapper, advance, processes)
    return sorted(entries, key=lambda entry: (entry.file, entry.number, entry.part))


def _batches(path: Path, advance: Advance) -> Iterator[list[_Task | Entry]]:
    batch: list[_Task | Entry] = []
    for file in read_source(path):
        for task in _tasks(file):
            batch.append(task)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        advance(1)
    yield batch


def _tasks(file: SourceFile) -> Iterator[_Task | Entry]:
    problem, texts = file.problem, list[StructureText]()
    if not problem:
        try:
            texts = split_structures(file.name, file.content)
        except CrystalError as error:
            problem = str(error)
    if problem:
        unreadable = MappedStructure("unreadable", problem)
        yield Entry(file.name, file.name, file.number, 0, unreadable)
    for part, text in enumerate(texts):
        yield _Task(file.name, file.number, part, text)


def _map_batch(batch: Sequence[_Task | Entry], mapper: StructureMapper) -> list[Entry]:
    return [item if isinstance(item, Entry) else _map_one(item, mapper) for item in batch]


def _map_one(task: _Task, mapper: StructureMapper) -> Entry:
    try:
        mapped = mapper.map(parse_structure(task.text))
    except CrystalError as error:
        mapped = MappedStructure("unreadable", " ".join(str(error).split()))
    return Entry(task.text.name, task.file, task.number, task.part, mapped)


class _Worker:
    """The mapper of a process, sent once."""

    mapper: StructureMapper

    @classmethod
    def prepare(cls, mapper: StructureMapper) -> None:
        cls.mapper = mapper

    @classmethod
    def run(cls, batch: Sequence[_Task | Entry]) -> list[Entry]:
        return _map_batch(batch, cls.mapper)


def _map_in_parallel(
    path: Path, mapper: StructureMapper, advance: Advance, processes: int
) -> list[Entry]:
    # A fork would copy the threads of a progress bar in an unknown state.
    context = multiprocessing.get_context("spawn")
    entries: list[Entry] = []
    waiting: deque[Future[list[Entry]]] = deque()
    with ProcessPoolExecutor(
        processes, context, initializer=_Worker.prepare, initargs=(mapper,)
    ) as pool:
        for batch in _batches(path, advance):
            waiting.append(pool.submit(_Worker.run, batch))
            # Reading ahead of the processes would only fill the memory.
            while len(waiting) > 4 * processes:
                entries += waiting.popleft().result()
        for future in waiting:
            entries += future.result()
    return entries

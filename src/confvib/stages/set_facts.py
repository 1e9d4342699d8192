"""What a set of configurations holds, whether or not its rows were computed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from confvib.tables.contracts import CONFIGURATIONS
from confvib.tables.parquet import read_batches


@dataclass(frozen=True)
class SetFacts:
    """Totals of one set under the equivalence of the campaign.

    Attributes:
        name: Of the set.
        n_orbits: Inequivalent configurations.
        n_representatives: Of them, those that stand for their pair-distance class.
        n_microstates: Arrangements, Σ g.
        class_multiplicity: With ``pair_distances``, the arrangements of the class that
            each eligible row stands for, by config_id; None with ``symmetry``, where a
            row has its own multiplicity.
    """

    name: str
    n_orbits: float
    n_representatives: float
    n_microstates: float
    class_multiplicity: dict[str, int] | None = None

    def n_eligible(self, convention: str) -> float:
        """Return how many configurations the set has under a convention."""
        return self.n_orbits if convention == "canonical" else self.n_representatives


def set_name(config_id: str) -> str:
    """Return the set that a configuration belongs to."""
    return config_id.rpartition("-")[0]


def set_facts(
    paths: Sequence[str], expected: Sequence[str], equivalence: str
) -> dict[str, SetFacts]:
    """Read the totals of every set, a batch of rows at a time.

    Args:
        paths: The ``configurations`` tables, one per set.
        expected: The hashes they must carry.
        equivalence: ``symmetry``, or ``pair_distances``: then a representative stands
            for the arrangements of its whole class.

    Raises:
        TableError: A table is missing, damaged or foreign.
    """
    of_class = equivalence == "pair_distances"
    facts = [
        _of_classes(path, key) if of_class else _of_orbits(path, key)
        for path, key in zip(paths, expected, strict=True)
    ]
    return {each.name: each for each in facts}


def _batches(path: str, key: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    return read_batches(path, CONFIGURATIONS, key, ["config_id", *columns])


def _of_orbits(path: str, key: str) -> SetFacts:
    name, n_orbits, n_representatives, n_microstates = "", 0.0, 0.0, 0.0
    for batch in _batches(
        path, key, ["multiplicity", "represents", "pair_representative"]
    ):
        if not batch.num_rows:
            continue
        name = set_name(batch["config_id"][0].as_py())
        represents = batch["represents"].to_numpy()
        n_orbits += float(represents.sum())
        n_microstates += float(represents @ batch["multiplicity"].to_numpy())
        chosen = batch["pair_representative"].to_numpy(zero_copy_only=False)
        n_representatives += float(represents[chosen].sum())
    return SetFacts(name, n_orbits, n_representatives, n_microstates)


def _of_classes(path: str, key: str) -> SetFacts:
    total: Counter[str] = Counter()
    standing: dict[str, str] = {}
    for batch in _batches(
        path, key, ["multiplicity", "pair_fingerprint", "pair_representative"]
    ):
        fingerprints = batch["pair_fingerprint"].to_pylist()
        for fingerprint, g in zip(
            fingerprints, batch["multiplicity"].to_pylist(), strict=True
        ):
            total[fingerprint] += g
        chosen = batch["pair_representative"].to_pylist()
        ids = batch["config_id"].to_pylist()
        standing |= {
            config_id: fingerprint
            for config_id, fingerprint, keep in zip(
                ids, fingerprints, chosen, strict=True
            )
            if keep
        }
    n_classes = float(len(standing))
    return SetFacts(
        name=set_name(next(iter(standing), "")),
        n_orbits=n_classes,
        n_representatives=n_classes,
        n_microstates=float(sum(total.values())),
        class_multiplicity={key: total[mark] for key, mark in standing.items()},
    )

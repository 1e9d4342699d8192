"""Config hashes: the part of the configuration that determines each file.

A hash covers the settings of a stage and the hashes of what it reads, and nothing that
cannot change a result (batch sizes, chunk counts of complete other sets). Tables carry
theirs; a stage refuses an input whose hash is not the one its configuration implies.
"""

from functools import cache
from pathlib import Path
from typing import Any

from confvib.campaign.config import Campaign
from confvib.campaign.dataset_identity import dataset_changes, training_settings
from confvib.campaign.digest import digest, file_sha256, plain
from confvib.campaign.engine_settings import definition
from confvib.campaign.label_identity import carried_hash, label_contents, label_tables
from confvib.campaign.names import (
    Slice,
    chunk_slice,
    label_slice,
    label_task,
    set_chunks,
)
from confvib.campaign.variants import (
    POTENTIALS,
    Variant,
    committee,
    sweep_points,
    variants,
)

ENUMERATION_CONTRACT = 1
"""Raised when enumeration gives other rows for the same crystal.

Enumeration is upstream of every job, so it is the one stage that is not rerun because
its code was edited: it checks its own result, and this number says when it changed.
"""


class Identities:
    """Config hashes of every file of one campaign."""

    def __init__(self, campaign: Campaign, root: Path) -> None:
        self._campaign = campaign
        self._root = root
        self._cif_sha = file_sha256(root / campaign.crystal.structure)
        self._shared: dict[str, str] = {
            name: model.config_hash for name, model in campaign.models.items()
        }
        self.variants = variants(campaign)
        self.configurations = cache(self._configurations)
        self.labels = cache(self._labels)
        self.model = cache(self._model)
        self.relaxed = cache(self._relaxed)

    def slice_of(self, set_name: str, chunk: str) -> Slice:
        """Return the slice of a set that a chunk stands for."""
        settings = self._campaign.sets[set_name]
        return chunk_slice(settings.sample, settings.chunks, int(chunk))

    def engine(self) -> dict[str, Any]:
        """Return all that defines the label engine's energies, not how it is launched."""
        return definition(self._campaign.labels)

    def task(self, task: str, chunk: str) -> dict[str, Any]:
        """Return what a label task does to each configuration."""
        return label_task(self._campaign, task, chunk)

    def harmonic(self, set_name: str, chunk: str) -> str:
        """Return the hash of a ``harmonic`` chunk."""
        section = self._campaign.harmonic
        return digest(
            self.relaxed(set_name, chunk),
            plain(section),
            self.potential(section.potential),
        )

    def dynamics(self, set_name: str, temperature_K: float, chunk: str) -> str:
        """Return the hash of a ``dynamics`` chunk."""
        section = self._campaign.dynamics
        return digest(
            self.relaxed(set_name, chunk),
            plain(section, "temperatures_K"),
            temperature_K,
            self._campaign.seed,
            self.potential(section.potential),
        )

    def potential(self, name: str) -> str:
        """Return the hash of what drives a stage: a model, or the reference itself."""
        return digest(self.engine()) if name == "reference" else self.model(name)

    def thermodynamics(self, set_name: str) -> str:
        """Return the hash of the thermodynamic tables of one set, or of 'all'."""
        return digest(
            plain(self._campaign.thermodynamics),
            self.reduction_inputs(set_name),
            self.reduction_committee(set_name),
        )

    def _configurations(self, set_name: str) -> str:
        crystal = plain(
            self._campaign.crystal, "structure", "equivalence", "split_site_A"
        )
        settings = self._campaign.sets[set_name]
        return digest(
            ENUMERATION_CONTRACT,
            self._cif_sha,
            crystal,
            settings.counts,
            settings.draw and [settings.draw, self._campaign.seed],
            settings.imported and file_sha256(self._root / settings.imported),
        )

    def _labels(self, task: str, chunk: str) -> str:
        if not chunk:
            return carried_hash(self._campaign, self._root, task)
        return digest(
            self.configurations(self._campaign.labels.set_of(task)),
            self._campaign.crystal.equivalence,
            self.task(task, chunk),
            label_slice(self._campaign, task, chunk),
            self._campaign.seed,
            self.engine(),
        )

    def training(self, name: str) -> dict[str, Any]:
        """Return the settings that determine a force field, batch size included."""
        return training_settings(self.variants[name].settings)

    def split(self, name: str) -> dict[str, Any]:
        """Return what decides which frames train, validate and test a force field."""
        return self.variants[name].split(self._campaign.seed)

    def label_hashes(self, name: str) -> list[str]:
        """Return the hashes that all label tables of a force field carry."""
        tables = label_tables(self._campaign, self.variants[name].settings.labels)
        return [self.labels(*table) for table in tables]

    def label_contents(self, name: str) -> list[str]:
        """Return what all label tables of a force field are known by."""
        variant, carried = self.variants[name], self.label_hashes(name)
        return label_contents(self._campaign, self._root, variant, carried)

    def _model(self, name: str) -> str:
        if name in self._shared:
            return self._shared[name]
        variant = self.variants[name]
        return digest(
            self.training(name),
            variant.seed,
            self.split(name),
            self.label_contents(name),
            variant.selection and self.selection(variant.selection),
        )

    def selection_owner(self, table: str) -> Variant:
        """Return the largest force field whose training frames a table chooses."""
        users = [each for each in self.variants.values() if each.selection == table]
        return max(users, key=lambda each: each.settings.training.n_train)

    def selection_split(self, table: str) -> dict[str, Any]:
        """Return what decides which frames a table is chosen from, and how many."""
        return self.selection_owner(table).split(self._campaign.seed) | {"draw": 0}

    def selection(self, table: str) -> str:
        """Return the hash of a table of chosen training frames."""
        owner = self.selection_owner(table)
        return digest(
            plain(owner.settings, "labels", "training", "committee", "dataset")
            | dataset_changes(owner.settings),
            self.selection_split(table),
            self.label_contents(owner.name),
        )

    def members(self, name: str) -> list[str]:
        """Return the names of a force field's committee, its own first."""
        if name not in POTENTIALS:
            return [name]
        return [member.name for member in committee(self._campaign, name)]

    def evaluation(self, name: str) -> str:
        """Return the hash of a force field's errors, its committee included."""
        members = [self.model(member) for member in self.members(name)]
        return members[0] if len(members) == 1 else digest(members)

    def committee_members(self) -> list[str]:
        """Return the force fields that score relaxed cells, that of relaxation first.

        There are none without a committee, nor where another campaign's model relaxes.
        """
        name = self._campaign.relaxation.potential
        members = [] if name in self._shared else self.members(name)
        return members if len(members) > 1 else []

    def committee_scores(self, set_name: str, chunk: str) -> str:
        """Return the hash of a ``committee`` chunk."""
        models = [self.model(member) for member in self.committee_members()]
        return digest(self.relaxed(set_name, chunk), models)

    def sweep(self, sweep: str) -> str:
        """Return the hash of a sweep's table."""
        points = sweep_points(self._campaign, sweep)
        return digest([(point.name, self.evaluation(point.name)) for point in points])

    def crosscheck_chunks(self) -> list[str]:
        """Return the chunks that hold the configurations of the cross-check.

        Twice as many rows as it takes, since not every cell relaxes; of a complete set
        (its size is not known here) the first chunk.
        """
        section = self._campaign.crosscheck
        assert section is not None
        chunks = list(set_chunks(self._campaign, section.set))
        sample = self._campaign.sets[section.set].sample
        if sample == "all":
            return chunks[:1]
        stops = [sample * (k + 1) // len(chunks) for k in range(len(chunks))]
        short = sum(stop < 2 * section.configurations for stop in stops)
        return chunks[: short + 1]

    def crosscheck(self) -> str:
        """Return the hash of the cross-check of each configuration."""
        campaign, section = self._campaign, self._campaign.crosscheck
        assert section is not None
        return digest(
            [self.relaxed(section.set, chunk) for chunk in self.crosscheck_chunks()],
            plain(section, "configurations"),
            plain(campaign.harmonic, "temperatures_K", "potential"),
            [plain(campaign.dynamics.spectrum), campaign.dynamics.timestep_fs],
            campaign.seed,
            self.potential(section.potential),
        )

    def crosscheck_tables(self) -> str:
        """Return the hash of the tables over all configurations of the cross-check."""
        section = self._campaign.crosscheck
        assert section is not None
        return digest(self.crosscheck(), section.configurations)

    def _relaxed(self, set_name: str, chunk: str) -> str:
        section, slice_ = self._campaign.relaxation, self.slice_of(set_name, chunk)
        seed = None if slice_["of"] == "all" else self._campaign.seed
        return digest(
            self.configurations(set_name),
            self._campaign.crystal.equivalence,
            self._campaign.crystal.split_site_A,
            slice_,
            seed,
            plain(section),
            self.potential(section.potential),
        )

    def _sets_and_chunks(self, set_name: str) -> tuple[list[str], list[tuple[str, str]]]:
        """Return the sets of a reduction and all their chunks, in its order."""
        names = list(self._campaign.sets) if set_name == "all" else [set_name]
        return names, [
            (name, chunk) for name in names for chunk in set_chunks(self._campaign, name)
        ]

    def reduction_inputs(self, set_name: str) -> dict[str, list[str]]:
        """Return the hashes of all tables a reduction reads, in its order."""
        names, chunks = self._sets_and_chunks(set_name)
        return {
            "configurations": [self.configurations(name) for name in names],
            "relaxed": [self.relaxed(*chunk) for chunk in chunks],
            "harmonic": [self.harmonic(*chunk) for chunk in chunks],
            "dynamics": [
                self.dynamics(name, temperature_K, chunk)
                for temperature_K in self._campaign.dynamics.temperatures_K
                for name, chunk in chunks
            ],
        }

    def reduction_committee(self, set_name: str) -> list[str]:
        """Return the hashes of all ``committee`` chunks of a reduction, in its order."""
        if not self.committee_members():
            return []
        return [
            self.committee_scores(*each) for each in self._sets_and_chunks(set_name)[1]
        ]

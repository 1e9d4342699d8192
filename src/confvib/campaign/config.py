"""The campaign configuration: one closed model, one message per mistake.

``load_campaign`` turns the merged YAML of the workflow into a frozen ``Campaign`` and
checks it against the crystal, so that a mistake stops the run when the Snakefile is read
and not after six hours in a queue.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from confvib.campaign.accuracy_settings import AccuracySettings
from confvib.campaign.composition import check_counts
from confvib.campaign.crosscheck_settings import CrosscheckSettings
from confvib.campaign.crystal_settings import CrystalSettings, SetSettings
from confvib.campaign.engine_settings import EngineComparisonSettings
from confvib.campaign.label_settings import LabelSettings
from confvib.campaign.mistakes import describe
from confvib.campaign.model_settings import PotentialsSettings
from confvib.campaign.phase_settings import PhaseName, PhaseSettings, TrainedModel
from confvib.campaign.sampling_settings import Level, SamplingSettings
from confvib.campaign.section import CampaignName, Name, Section
from confvib.campaign.stage_settings import (
    DynamicsSettings,
    HarmonicSettings,
    RelaxationSettings,
    ThermodynamicsSettings,
)
from confvib.campaign.surrogate_settings import SurrogateSettings
from confvib.campaign.sweep_settings import DegreesSweepSettings, SizeSweepSettings
from confvib.campaign.variants import variants
from confvib.errors import CampaignError, ConfigError


class Campaign(Section):
    """Everything a campaign is, as one immutable value."""

    campaign: Annotated[
        CampaignName, Field(description="name; results go to results/<name>")
    ]
    seed: Annotated[int, Field(ge=0, description="every random choice derives from it")]
    crystal: CrystalSettings
    sets: Annotated[dict[Name, SetSettings], Field(min_length=1)]
    labels: LabelSettings
    potentials: PotentialsSettings
    relaxation: RelaxationSettings
    harmonic: HarmonicSettings
    dynamics: DynamicsSettings
    thermodynamics: ThermodynamicsSettings
    learning_curve: SizeSweepSettings | None = None
    degrees_sweep: DegreesSweepSettings | None = None
    selection_gain: SizeSweepSettings | None = None
    crosscheck: CrosscheckSettings | None = None
    surrogate: SurrogateSettings | None = None
    sampling: SamplingSettings | None = None
    accuracy: AccuracySettings | None = None
    engine_comparison: EngineComparisonSettings | None = None
    phases: Annotated[
        dict[PhaseName, PhaseSettings],
        Field(description="other phases of the same composition, compared with this one"),
    ] = Field(default_factory=dict)
    exact: Annotated[
        dict[str, Any] | None,
        Field(
            description="keys of this file that differ in a second run of the campaign "
            "on the reference itself, which tells what the force field does to results"
        ),
    ] = None
    models: Annotated[
        dict[Literal["relax", "md"], TrainedModel],
        Field(
            description="force fields of another campaign that drive this one; the "
            "workflow fills this in where a phase shares those of the campaign"
        ),
    ] = Field(default_factory=dict)

    @property
    def reduced_temperatures_K(self) -> dict[Level, tuple[float, ...]]:
        """Temperatures at which each level enters the thermodynamic tables."""
        anywhere = self.thermodynamics.temperatures_K
        return {
            "conf": anywhere,
            "conf+harmonic": anywhere,
            "conf+md": self.dynamics.temperatures_K,
        }

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        tasks = () if self.models else self.labels.tasks()  # else never labelled
        for task in tasks:
            named = self.labels.set_of(task)
            if named not in self.sets:
                message = (
                    f"labels.{task}.set = {named!r}: expected one of {list(self.sets)}"
                )
                raise ValueError(message)
        for name, task in self.potentials.learned_from():
            if task not in self.labels.sources():
                message = (
                    f"potentials.{name}.labels names {task!r}: expected a section "
                    f"labels.{task} or labels.imported.{task}"
                )
                raise ValueError(message)
        engine = self.labels.engine
        if getattr(self.labels, engine) is None:
            message = f"labels.engine = {engine!r}: expected a section labels.{engine}"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _crosscheck_agrees(self) -> Self:
        section = self.crosscheck
        if section is None:
            return self
        if section.set not in self.sets:
            message = f"crosscheck.set = {section.set!r}: expected one of {[*self.sets]}"
            raise ValueError(message)
        for name in ("equilibration_fs", "sampling_fs"):
            steps = getattr(section, name) / self.dynamics.timestep_fs
            if abs(steps - round(steps)) > 1e-6:
                message = (
                    f"crosscheck.{name} = {getattr(section, name):g} is no multiple of "
                    f"dynamics.timestep_fs = {self.dynamics.timestep_fs:g}"
                )
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _surrogate_names_a_set(self) -> Self:
        if self.surrogate is not None and self.surrogate.set not in self.sets:
            message = (
                f"surrogate.set = {self.surrogate.set!r}: expected one of {[*self.sets]}"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _sampling_agrees(self) -> Self:
        if self.sampling is not None:
            self.sampling.check(self.sets, self.reduced_temperatures_K)
        return self

    @model_validator(mode="after")
    def _engine_comparison_agrees(self) -> Self:
        if self.engine_comparison is not None:
            self.engine_comparison.check(self.sets)
        return self

    @model_validator(mode="after")
    def _accuracy_agrees(self) -> Self:
        if self.accuracy is not None:
            self.accuracy.require_rows(self.sets, self.labels.relaxation)
            driving = (self.relaxation.potential, self.harmonic.potential)
            for name, source in self.potentials.learned_from():
                if name in driving and source in self.labels.imported:
                    self.accuracy.require_known(f"potentials.{name}.labels", source)
            if self.exact is None:
                message = "accuracy: expected a section exact, the road to compare with"
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _draws_are_of_orbits(self) -> Self:
        drawn = [name for name, settings in self.sets.items() if settings.draw]
        if drawn and self.crystal.equivalence != "symmetry":
            message = (
                f"sets.{drawn[0]}.draw = {self.sets[drawn[0]].draw}: expected "
                "crystal.equivalence 'symmetry'; which drawn configurations share their "
                "pair distances with others is not known without all of them"
            )
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _reference_potential_is_built_in(self) -> Self:
        for stage in ("relaxation", "harmonic", "dynamics", "crosscheck"):
            section = getattr(self, stage)
            if section is None or section.potential != "reference":
                continue
            if self.labels.engine != "ionic":
                message = (
                    f"{stage}.potential = 'reference': expected labels.engine 'ionic', "
                    f"found {self.labels.engine!r}; only the built-in potential is fast "
                    "enough to replace the force field"
                )
                raise ValueError(message)
        return self


_loaded: dict[str, Campaign] = {}
"""By configuration: a companion is read with its campaign and by its own Snakefile."""


def load_campaign(raw: Mapping[str, Any], root: Path, within: str = "") -> Campaign:
    """Validate the merged configuration of a run.

    Args:
        raw: The merged YAML. A key whose value is null is left out, so that an overlay
            can remove what the file below it says.
        root: Folder that relative paths start from (where the Snakefile lies).
        within: Key path of the section that ``raw`` was made from, with a final '.'.

    Returns:
        The frozen campaign.

    Raises:
        ConfigError: One message that names, for every mistake, the key path, the value
            found and what was expected.
    """
    merged = _without_nulls(raw)
    key = repr((merged, root))
    if key not in _loaded:
        try:
            campaign = Campaign.model_validate(merged)
        except ValidationError as error:
            raise ConfigError(describe(error, merged, Campaign, within)) from None
        try:
            variants(campaign)  # the points of the sweeps are force fields, too
            _check_against_crystal(campaign, root)
        except ConfigError as error:
            raise ConfigError(f"{within}{error}") from None
        _loaded[key] = campaign
    return _loaded[key]


def _without_nulls(section: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in section.items()
        if value is not None
    }


def _check_against_crystal(campaign: Campaign, root: Path) -> None:
    """Stop before anything runs if the CIF cannot host the sets."""
    from confvib.campaign.label_identity import check_imported_labels
    from confvib.crystal.parent import read_parent

    crystal = campaign.crystal
    path = root / crystal.structure
    if not path.is_file():
        raise ConfigError(
            f"crystal.structure = {str(crystal.structure)!r}: no such file "
            f"(looked for {path}); expected the CIF of the parent crystal"
        )
    try:
        parent = read_parent(
            path,
            crystal.site_groups,
            symprec_A=crystal.symmetry_tolerance_A,
            supercell=crystal.supercell,
        )
    except CampaignError as error:
        raise ConfigError(
            f"crystal.site_groups = {crystal.site_groups}: {error}"
        ) from None
    check_counts(campaign.crystal, campaign.sets, parent)
    check_imported_labels(campaign, root)
    for name, settings in campaign.sets.items():
        if settings.imported and not (root / settings.imported).is_file():
            raise ConfigError(
                f"sets.{name}.imported = {str(settings.imported)!r}: no such file "
                f"(looked for {root / settings.imported}); expected a table made by "
                "`confvib import-set`"
            )

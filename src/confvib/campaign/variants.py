"""Every force field of a campaign: the two that drive it, committees, points of sweeps.

All are trained and judged by the same rules; a variant says in what it differs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

from pydantic import ValidationError

from confvib.campaign.model_settings import PotentialSettings
from confvib.campaign.sweep_settings import SizeSweepSettings, SweepSettings
from confvib.errors import ConfigError

if TYPE_CHECKING:
    from confvib.campaign.config import Campaign

POTENTIALS = ("relax", "md")
"""The force fields that drive a campaign."""

SWEEPS = ("learning_curve", "degrees_sweep", "selection_gain")
"""Sections, targets and tables of the sweeps."""


@dataclass(frozen=True)
class Variant:
    """One training.

    Attributes:
        name: Its folder under ``models``.
        settings: Architecture and training.
        seed: Seed of the initial parameters and of the shuffles.
        held_out: ``last`` where other trainings share its validation and test frames.
        draw: Number of the draw of random training frames.
        selection: Name of the table that its training frames come from; '' if random.
        point: What a sweep's table says about it.
    """

    name: str
    settings: PotentialSettings
    seed: int
    held_out: Literal["next", "last"] = "next"
    draw: int = 0
    selection: str = ""
    point: dict[str, Any] = field(default_factory=dict)

    def split(self, seed: int) -> dict[str, Any]:
        """Return what the split functions need besides the frames."""
        training, by = self.settings.training, self.settings.dataset.split
        return {
            # As before there was a choice, so that the default makes nothing stale.
            **({} if by == "frame" else {"by": by}),
            "n_train": training.n_train,
            "n_valid": training.n_valid,
            "n_test": training.n_test,
            "seed": seed,
            "held_out": self.held_out,
            "draw": self.draw,
        }


def variants(campaign: "Campaign") -> dict[str, Variant]:
    """Return every force field of a campaign by name.

    Raises:
        ConfigError: A point of a sweep is no valid force field.
    """
    found: list[Variant] = []
    for name in POTENTIALS:
        found += committee(campaign, name)
    for sweep in SWEEPS:
        found += sweep_points(campaign, sweep)
    return {variant.name: variant for variant in found}


def committee(campaign: "Campaign", name: str) -> list[Variant]:
    """Return the members of a potential's committee; the first is the potential itself.

    Members have the same frames and differ in their initial parameters and shuffles.
    """
    settings: PotentialSettings = getattr(campaign.potentials, name)
    chosen = settings.training.selection == "farthest_point"
    return [
        Variant(
            name=f"{name}/member_{member}" if member else name,
            settings=settings,
            seed=_seed(campaign.seed, "member", member),
            selection=name if chosen else "",
        )
        for member in range(settings.committee)
    ]


def sweep_points(campaign: "Campaign", sweep: str) -> list[Variant]:
    """Return the trainings of a sweep in the order of its section; none without one.

    A training that an earlier sweep has, too, is that one: it runs once.
    """
    names: dict[str, str] = {}
    points: list[Variant] = []
    for each in SWEEPS[: SWEEPS.index(sweep) + 1]:
        points = _own_points(campaign, each)
        for point in points:
            names.setdefault(_training(point), point.name)
    return [replace(point, name=names[_training(point)]) for point in points]


def _training(point: Variant) -> str:
    """Return what distinguishes a training from others, whatever its name."""
    return repr(replace(point, name="", point={}))


def _own_points(campaign: "Campaign", sweep: str) -> list[Variant]:
    section: SweepSettings | None = getattr(campaign, sweep)
    if section is None:
        return []
    return [
        _point(campaign, sweep, section, change, repeat)
        for change in _changes(sweep, section)
        for repeat in range(section.repeats)
    ]


def _changes(sweep: str, section: Any) -> Iterator[dict[str, Any]]:
    if sweep == "degrees_sweep":
        for degrees in section.degrees:
            label = "".join(map(str, degrees))
            yield {"label": f"l{label}", "degrees": degrees}
        return
    methods = ("random", "farthest_point") if sweep == "selection_gain" else (None,)
    for method in methods:
        for n_train in section.n_train:
            label = f"n{n_train:05d}"
            yield {
                "label": f"{method}_{label}" if method else label,
                "training": {
                    "n_train": n_train,
                    **({"selection": method} if method else {}),
                    **_effort(section, n_train),
                },
            }


def _effort(section: SizeSweepSettings, n_train: int) -> dict[str, Any]:
    """Return the factor on the epochs of a training smaller than the largest."""
    factor = max(section.n_train) / n_train if section.equal == "steps" else 1.0
    return {"epochs_factor": factor}


def _point(
    campaign: "Campaign",
    sweep: str,
    section: SweepSettings,
    change: dict[str, Any],
    repeat: int,
) -> Variant:
    base: PotentialSettings = getattr(campaign.potentials, section.potential)
    training = base.training.model_dump() | section.changes()
    training |= change.get("training", {})
    factor = training.pop("epochs_factor", 1.0)
    for key in ("max_epochs", "patience_epochs"):
        training[key] = round(factor * training[key])
    raw = base.model_dump() | {"committee": 1, "training": training}
    raw["degrees"] = change.get("degrees", base.degrees)
    name = f"{sweep}/{change['label']}" + (f"_{repeat}" if section.repeats > 1 else "")
    try:
        settings = PotentialSettings.model_validate(raw)
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{sweep}: point {change['label']}: {said}") from None
    chosen = settings.training.selection == "farthest_point"
    return Variant(
        name=name,
        settings=settings,
        seed=_seed(campaign.seed, "repeat", repeat),
        held_out="last",
        draw=repeat,
        selection=sweep if chosen else "",
        point={
            "n_train": settings.training.n_train,
            "degrees": list(settings.degrees),
            "selection": settings.training.selection,
            "repeat": repeat,
        },
    )


def _seed(seed: int, kind: str, number: int) -> int:
    """Return the campaign's seed for the first of a kind, another for each other."""
    return crc32(f"{seed}/{kind}/{number}".encode()) if number else seed

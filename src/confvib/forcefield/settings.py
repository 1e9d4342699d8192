"""Architecture of So3krates: the paper's, and mlff's other options. Needs no JAX."""

from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, get_args

from confvib.errors import ModelError

MAX_DEGREE = 3
"""Highest implemented degree of the spherical harmonics."""

RadialBasis: TypeAlias = Literal["phys", "bernstein", "rbf", "bessel"]
"""Functions of the distance that enter the filters; ``rbf`` alone is learned."""

CutoffFunction: TypeAlias = Literal["cosine", "phys", "exponential"]
"""How the weight of a neighbour falls to zero at the cutoff radius."""

FilterInputs: TypeAlias = Literal["both", "feature", "geometric", "none"]
"""Which messages have filters that see the harmonic coordinates; all see the distance."""

ResidualPlaces: TypeAlias = Literal["none", "attention", "interaction", "both"]
"""After which part of a layer the features pass a residual network."""

LayerNorms: TypeAlias = Literal["none", "pre", "pre_and_last", "pre_and_every"]
"""Norms before both parts of a layer, and behind the last or behind every layer."""

_CHOICES = {
    "radial_basis": get_args(RadialBasis),
    "cutoff_function": get_args(CutoffFunction),
    "angular_filters": get_args(FilterInputs),
    "residual_networks": get_args(ResidualPlaces),
    "layer_norm": get_args(LayerNorms),
}


@dataclass(frozen=True)
class So3kratesSettings:
    """Architecture; the defaults are the paper's relaxation model (its section 5.2).

    Attributes:
        features: Width F; divisible by ``heads`` and by the number of degrees.
        heads: Attention heads h.
        layers: Euclidean transformer blocks T: 2 for relaxation, 3 for dynamics.
        degrees: Degrees l of the harmonic coordinates, increasing, within 0 to 3.
        cutoff_A: Cutoff radius [Å].
        radial_functions: Number of radial basis functions.
        radial_basis: See :data:`RadialBasis`.
        cutoff_function: See :data:`CutoffFunction`.
        angular_filters: See :data:`FilterInputs`.
        residual_networks: See :data:`ResidualPlaces`.
        layer_norm: See :data:`LayerNorms`.
        chi_normalization: Divides the sum over neighbours with which the harmonic
            coordinates start (eq 10); None starts them at zero.
        species_scale: Each species multiplies its atomic energies by a learned factor.
        short_range_repulsion: Add the screened repulsion of nuclei, ZBL.

    Raises:
        ModelError: A value is outside its domain.
    """

    features: int = 132
    heads: int = 4
    layers: int = 2
    degrees: tuple[int, ...] = (1, 2, 3)
    cutoff_A: float = 5.0
    radial_functions: int = 32
    radial_basis: RadialBasis = "phys"
    cutoff_function: CutoffFunction = "cosine"
    angular_filters: FilterInputs = "both"
    residual_networks: ResidualPlaces = "none"
    layer_norm: LayerNorms = "none"
    chi_normalization: float | None = None
    species_scale: bool = False
    short_range_repulsion: bool = False

    def __post_init__(self) -> None:
        self._require_sizes()
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ModelError(
                    f"{name} must be one of {', '.join(choices)}, "
                    f"got {getattr(self, name)!r}"
                )
        divisor = self.chi_normalization
        if divisor is not None and not 0 < divisor < float("inf"):
            raise ModelError(f"chi_normalization must be positive or None, got {divisor}")

    def _require_sizes(self) -> None:
        for name in ("features", "heads", "layers", "radial_functions"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not 0 < self.cutoff_A < float("inf"):
            raise ModelError(f"cutoff_A must be a positive length, got {self.cutoff_A}")
        known = all(0 <= degree <= MAX_DEGREE for degree in self.degrees)
        if not self.degrees or not known or list(self.degrees) != sorted({*self.degrees}):
            raise ModelError(
                f"degrees must increase within 0..{MAX_DEGREE}, got {self.degrees}"
            )
        for name, parts in (("heads", self.heads), ("degrees", len(self.degrees))):
            if self.features % parts:
                raise ModelError(
                    f"features must be divisible by the number of {name} ({parts}), "
                    f"got {self.features}"
                )
        if self.features < 4:
            raise ModelError(f"features must be >= 4, got {self.features}")


_SIZES = ("features", "heads", "layers", "degrees", "cutoff_A", "radial_functions")


def options_in_use(settings: So3kratesSettings) -> dict[str, Any]:
    """Return the options that differ from the paper's model; sizes are no options.

    Args:
        settings: Architecture.

    Returns:
        Values by field name; empty for the paper's model of any size.
    """
    return {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if field.name not in _SIZES and getattr(settings, field.name) != field.default
    }


def describe(settings: So3kratesSettings) -> dict[str, Any]:
    """Name what distinguishes an architecture: sizes, and options that are in use.

    An option at its default is left out, so that files and fingerprints written before
    it existed stay valid.

    Args:
        settings: Architecture.

    Returns:
        Values that JSON can hold, by field name.
    """
    sizes = {name: getattr(settings, name) for name in _SIZES}
    return {**sizes, **options_in_use(settings)}


def settings_from(description: dict[str, Any]) -> So3kratesSettings:
    """Build an architecture from its description.

    Args:
        description: Result of :func:`describe`, possibly through JSON.

    Returns:
        The architecture.

    Raises:
        ModelError: A name is unknown or a value is outside its domain.
    """
    known = {field.name for field in fields(So3kratesSettings)}
    unknown = sorted(description.keys() - known)
    if unknown:
        name = unknown[0]
        raise ModelError(
            f"architecture has {name} = {description[name]!r}, which is no option of "
            f"So3krates here; known are {', '.join(sorted(known))}"
        )
    values = dict(description)
    if "degrees" in values:
        values["degrees"] = tuple(values["degrees"])
    return So3kratesSettings(**values)

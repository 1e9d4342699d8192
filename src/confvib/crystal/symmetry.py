"""The space group of the disordered crystal: orbits, operations, site permutations."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.cif import CifSites, Contents
from confvib.errors import CrystalError


@dataclass(frozen=True)
class Orbit:
    """Sites that the space group maps onto each other.

    Attributes:
        name: Wyckoff name, multiplicity in the conventional cell plus letter: that of
            the CIF where it gives one, else spglib's.
        labels: atom-site labels of the CIF in this orbit, sorted.
        contents: species and occupancies in the CIF.
        indices: sites of the cell that belong to it.
    """

    name: str
    labels: tuple[str, ...]
    contents: Contents
    indices: NDArray[np.intp]

    @property
    def occupancy(self) -> float:
        """Occupancy by all species together, 0 to 1."""
        return sum(value for _, value in self.contents)

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols in the CIF, sorted."""
        return tuple(symbol for symbol, _ in self.contents)

    @property
    def label(self) -> str:
        """Its CIF labels in short."""
        # A CIF that lists every atom has hundreds of labels per orbit.
        return "/".join(self.labels if len(self.labels) <= 3 else (self.labels[0], "…"))

    def __str__(self) -> str:
        content = ", ".join(f"{symbol} {value}" for symbol, value in self.contents)
        return f"{self.name} ({self.label}: {content})"


@dataclass(frozen=True)
class Symmetry:
    """The operations that leave the disordered crystal unchanged.

    Attributes:
        space_group: Hermann-Mauguin symbol and number.
        rotations: in units of the cell vectors, (G, 3, 3).
        translations: in units of the cell vectors, centring included, (G, 3).
        orbits: all sites of the cell, orbit by orbit, in the order of the CIF.
        complete: does the cell have the whole point group of the crystal? A doubled
            cubic cell has not.
    """

    space_group: tuple[str, int]
    rotations: NDArray[np.int64]
    translations: NDArray[np.float64]
    orbits: tuple[Orbit, ...]
    complete: bool = True


def find_symmetry(sites: CifSites, *, symprec_A: float = 0.01) -> Symmetry:
    """Find the space group of the disordered crystal with spglib.

    Sites are alike when species and occupancy agree, so the group is that of the
    averaged structure whatever labels or setting the CIF uses.

    Args:
        sites: all sites of the cell.
        symprec_A: distance tolerance [Å].

    Returns:
        Operations and orbits.

    Raises:
        CrystalError: spglib finds no symmetry, as for coinciding atoms.
    """
    kinds = [
        tuple((symbol, round(value, 6)) for symbol, value in content)
        for content in sites.contents
    ]
    numbering = {kind: number for number, kind in enumerate(sorted(set(kinds)), 1)}
    types = np.array([numbering[kind] for kind in kinds])
    dataset = _dataset(sites, types, symprec_A)
    volumes = [abs(np.linalg.det(cell)) for cell in (dataset.std_lattice, sites.cell)]
    members = [
        np.flatnonzero(dataset.crystallographic_orbits == representative)
        for representative in dict.fromkeys(dataset.crystallographic_orbits.tolist())
    ]
    letters = _letters(sites, members) or dataset.wyckoffs
    orbits = []
    for indices in members:
        multiplicity = round(len(indices) * volumes[0] / volumes[1])
        first = int(indices[0])
        orbits.append(
            Orbit(
                name=f"{multiplicity}{letters[first]}",
                labels=_labels(sites, indices),
                contents=sites.contents[first],
                indices=indices,
            )
        )
    return Symmetry(
        space_group=(str(dataset.international), int(dataset.number)),
        rotations=np.asarray(dataset.rotations, dtype=np.int64),
        translations=np.asarray(dataset.translations, dtype=np.float64),
        orbits=tuple(orbits),
        complete=_n_rotations(np.asarray(dataset.rotations))
        == _point_group_order(dataset),
    )


def _letters(sites: CifSites, members: list[NDArray[np.intp]]) -> tuple[str, ...] | None:
    """Return the CIF's Wyckoff letters if they fit the orbits.

    Letters depend on the choice of origin (16c and 16d of a spinel swap), and spglib
    makes its own. What the CIF says is what its reader knows.
    """
    if not sites.wyckoff:
        return None
    agreed = all(len({sites.wyckoff[i] for i in indices}) == 1 for indices in members)
    return sites.wyckoff if agreed else None


def _n_rotations(rotations: NDArray[np.integer]) -> int:
    return len(np.unique(rotations.reshape(-1, 9), axis=0))


def _point_group_order(dataset: Any) -> int:
    import spglib

    with warnings.catch_warnings():
        # Some releases announce their coming error handling here.
        warnings.simplefilter("ignore", DeprecationWarning)
        found = spglib.get_symmetry_from_database(dataset.hall_number)
    return _n_rotations(found["rotations"]) if found else 0


def _labels(sites: CifSites, indices: NDArray[np.intp]) -> tuple[str, ...]:
    found = {part for index in indices for part in sites.labels[index].split("/")}
    return tuple(sorted(found))


def site_permutations(
    cell: NDArray[np.float64],
    fractional: NDArray[np.float64],
    kinds: NDArray[np.int64],
    symmetry: Symmetry,
    *,
    symprec_A: float = 0.01,
) -> NDArray[np.int64]:
    """Tabulate where each operation takes each site.

    Args:
        cell: cell vectors as rows [Å], (3, 3).
        fractional: sites, (M, 3).
        kinds: a site goes to a site of the same kind, (M,).
        symmetry: the operations.
        symprec_A: largest accepted distance between image and site [Å].

    Returns:
        Distinct permutations in ascending order, (G, M): operation g takes site i to
        site permutations[g, i].

    Raises:
        CrystalError: an image misses every site, or two images meet in one site.
    """
    permutations = []
    for rotation, translation in zip(
        symmetry.rotations, symmetry.translations, strict=True
    ):
        images = fractional @ rotation.T + translation
        difference = images[:, None] - fractional[None]
        # Only nearly vanishing differences matter: no search over images is needed.
        difference -= np.round(difference)
        distance = np.linalg.norm(difference @ cell, axis=-1)
        distance[kinds[:, None] != kinds[None]] = np.inf
        target = np.argmin(distance, axis=1)
        miss = distance[np.arange(len(target)), target]
        _check_mapping(fractional, target, miss, symprec_A)
        permutations.append(target)
    return np.unique(np.array(permutations, dtype=np.int64), axis=0)


def _dataset(sites: CifSites, types: NDArray[np.intp], symprec_A: float):  # noqa: ANN202 - spglib's class moved between releases
    import spglib

    reason = "no symmetry found"
    dataset = None
    with warnings.catch_warnings():
        # Releases of spglib differ in announcing, raising or returning a failure.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            dataset = spglib.get_symmetry_dataset(
                (sites.cell.tolist(), sites.fractional.tolist(), types.tolist()),
                symprec=symprec_A,
            )
        except Exception as error:  # noqa: BLE001 - its error class is recent
            reason = str(error)
    if dataset is None:
        raise CrystalError(
            f"spglib cannot find the space group of {len(types)} sites within "
            f"{symprec_A} Å ({reason}); do atoms coincide?"
        )
    return dataset


def _check_mapping(
    fractional: NDArray[np.float64],
    target: NDArray[np.intp],
    miss: NDArray[np.float64],
    symprec_A: float,
) -> None:
    worst = int(np.argmax(miss))
    if miss[worst] > symprec_A:
        raise CrystalError(
            f"a symmetry operation takes the site at {fractional[worst].round(4)} "
            f"{miss[worst]:.4f} Å away from the nearest site of its group, expected "
            f"at most {symprec_A} Å; give the CIF more digits or raise symprec_A"
        )
    if len(set(target.tolist())) < len(target):
        raise CrystalError(
            "a symmetry operation takes two sites to one; sites of a group are "
            f"closer together than {symprec_A} Å"
        )

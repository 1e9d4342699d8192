r"""Put a foreign structure into the parent's frame: axes, origin, order of atoms.

A structure with cell vectors A' and coordinates s (rows) is compared in the axes
\(P A'\), where its coordinates are \(s P^{-1}\), after a shift t of the origin:
\(s P^{-1} + t\). The framework decides: each of its places must have an atom of its
species within the tolerance, once the mean displacement is taken out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from confvib.crystal.framework_match import Framework, FrameworkMatch, Motion, moved
from confvib.crystal.lattice_match import (
    isotropic_scale,
    lattice_difference,
    same_lattice_settings,
)
from confvib.crystal.parent import ParentCrystal
from confvib.crystal.structure_files import ExternalStructure
from confvib.errors import CrystalError

_SITE_A = 0.25
"""A motion of the framework that takes every site this close to one permutes them."""

_NO_MOTION: Motion = (np.eye(3, dtype=np.int64), np.zeros(3))


class MappingError(CrystalError):
    """A structure that is not a configuration of the parent.

    Attributes:
        status: one word for a table; the message is the sentence that goes with it.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, eq=False)
class Alignment:
    """A structure in the parent's frame.

    Attributes:
        fractional: all atoms in the parent's cell and axes, (n, 3).
        is_framework: atoms that sit on framework places, (n,).
        framework_displacement_A: distance of each place from its atom, (F,).
        scale: lengths of the structure over lengths of the parent.
    """

    fractional: NDArray[np.float64]
    is_framework: NDArray[np.bool_]
    framework_displacement_A: NDArray[np.float64]
    scale: float


class FrameworkMatcher:
    """Finds the axes and the origin that put a structure's framework on the parent's.

    Attributes:
        cell: the parent's cell.
    """

    def __init__(self, parent: ParentCrystal, tolerance_A: float) -> None:
        """Prepare the parent's side.

        Args:
            parent: the crystal.
            tolerance_A: largest displacement of a framework atom [Å].

        Raises:
            CrystalError: the tolerance is not positive, or too large for the cell.
        """
        self._parent = parent
        self._framework = Framework(parent)
        self.cell = self._framework.cell
        self._tolerance_A = tolerance_A
        if not 0.0 < 2 * tolerance_A < self.cell.reach_A:
            raise CrystalError(
                f"tolerance of {tolerance_A} Å, expected more than 0 and less than "
                f"{self.cell.reach_A / 2:.2f} Å, a quarter of the thickness of the cell"
            )
        self._last = _NO_MOTION
        self._settings: tuple[bytes, NDArray[np.int64]] | None = None
        self._symmetric = {row.tobytes() for row in parent.permutations}
        self._alternatives = self._find_alternatives()

    def check_lattice(self, cell: NDArray[np.float64]) -> None:
        """Refuse another lattice.

        Args:
            cell: cell vectors as rows [Å], (3, 3).

        Raises:
            MappingError: no axes of the cell have the parent's lattice parameters.
        """
        self._settings_of(cell)

    def align(self, structure: ExternalStructure) -> list[Alignment]:
        """Find how a structure fits the parent's framework.

        Args:
            structure: with the composition of the framework at least.

        Returns:
            One alignment; more where the framework is more symmetric than the crystal,
            so that only the ions can tell which is meant.

        Raises:
            MappingError: the lattice or the framework is another one.
        """
        settings = self._settings_of(structure.cell)
        scale = isotropic_scale(structure.cell, self._parent.cell)
        if len(self._framework.places) == 0:
            # Nothing fixes the origin, so it has to be the parent's.
            fractional = moved(structure.fractional, (settings[0], np.zeros(3)))
            none = np.zeros(len(fractional), dtype=bool)
            return [Alignment(fractional, none, np.zeros(0), scale)]
        matches = [self._find_match(structure, settings)]
        for motion in self._alternatives[1:]:
            fractional = moved(matches[0].fractional, motion)
            other = self._framework.match(
                fractional, structure.numbers, self._tolerance_A
            )
            matches += [other] if other is not None else []
        return [_alignment(match, scale) for match in matches]

    def _settings_of(self, cell: NDArray[np.float64]) -> NDArray[np.int64]:
        # The files of a set have one cell, or few.
        key = cell.tobytes()
        if self._settings is None or self._settings[0] != key:
            self._settings = key, same_lattice_settings(cell, self._parent.cell)
        settings = self._settings[1]
        if len(settings) == 0:
            raise MappingError(
                "wrong_lattice", lattice_difference(cell, self._parent.cell)
            )
        return settings

    def _find_match(
        self, structure: ExternalStructure, settings: NDArray[np.int64]
    ) -> FrameworkMatch:
        best: tuple[float, Motion] = np.inf, self._last
        for motion in self._trials(structure, settings):
            fractional = moved(structure.fractional, motion)
            match = self._framework.match(
                fractional, structure.numbers, self._tolerance_A
            )
            if match is not None:
                self._last = motion
                return match
            distances, _ = self._framework.nearest(fractional, structure.numbers)
            best = min(best, (float(distances.max()), motion), key=lambda pair: pair[0])
        raise MappingError("wrong_framework", self._misfit(structure, best[1]))

    def _trials(
        self, structure: ExternalStructure, settings: NDArray[np.int64]
    ) -> Iterator[Motion]:
        # The files of a set also share their axes and their origin.
        if any(np.array_equal(self._last[0], axes) for axes in settings):
            yield self._last
        for axes in settings:
            turned = moved(structure.fractional, (axes, np.zeros(3)))
            for shift in self._framework.shifts(
                turned, structure.numbers, self._tolerance_A
            ):
                yield axes, shift

    def _misfit(self, structure: ExternalStructure, motion: Motion) -> str:
        from ase.data import chemical_symbols

        fractional = moved(structure.fractional, motion)
        distances, atoms = self._framework.nearest(fractional, structure.numbers)
        worst = int(np.argmax(distances))
        symbol = chemical_symbols[self._framework.numbers[worst]]
        place = self._framework.places[worst].round(4).tolist()
        misfit = f"the {symbol} place at {place} has its nearest {symbol}, atom "
        misfit += f"{atoms[worst] + 1}, {distances[worst]:.2f} Å away"
        if distances[worst] <= self._tolerance_A:
            misfit = "two places share their nearest atom"
        return (
            "no axes and no origin put the framework on the parent's: in the closest "
            f"try {misfit}, expected at most {self._tolerance_A:g} Å"
        )

    def _find_alternatives(self) -> list[Motion]:
        """Motions of the framework onto itself, up to the symmetry of the crystal."""
        kept = [_NO_MOTION]
        places, numbers = self._framework.places, self._framework.numbers
        if len(places) == 0:
            return kept
        # Two displaced copies of one framework differ by up to twice the tolerance.
        allowed_A = min(2 * self._tolerance_A, self.cell.reach_A)
        translations = np.zeros((1, 3))
        for axes in same_lattice_settings(self._parent.cell, self._parent.cell):
            turned = moved(places, (axes, np.zeros(3)))
            seen = np.empty((0, 3))
            for shift in self._framework.shifts(turned, numbers, allowed_A):
                # After a translation of the crystal a motion is the same one.
                between = (shift - seen)[:, None] - translations
                if np.any(self.cell.distances_A(between) < _SITE_A):
                    continue
                matched = self._framework.match(turned + shift, numbers, allowed_A)
                if matched is None:
                    continue
                motion = axes, matched.fractional[0] - turned[0]
                seen = np.concatenate([seen, motion[1][None]])
                if not any(self._equivalent(motion, other) for other in kept):
                    kept.append(motion)
                elif np.array_equal(axes, _NO_MOTION[0]) and len(kept) == 1:
                    translations = self._generated(translations, motion[1])
        return kept

    def _generated(
        self, translations: NDArray[np.float64], new: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Close a group of translations under another one."""
        cosets, step = [translations], new
        while np.all(self.cell.distances_A(step - translations) > _SITE_A):
            cosets.append(translations + step)
            step = step + new
        return np.concatenate(cosets)

    def _equivalent(self, first: Motion, second: Motion) -> bool:
        """Is the first motion the second one after a symmetry operation?"""
        sites, numbers = self._parent.sites, self._parent.site_numbers
        undone = (sites - second[1]) @ second[0]
        images = moved(undone, first)
        distance = self.cell.distances_A(images[:, None] - sites[None])
        distance[numbers[:, None] != numbers[None]] = np.inf
        target = np.argmin(distance, axis=1)
        if distance[np.arange(len(target)), target].max(initial=0.0) > _SITE_A:
            return False
        return target.astype(np.int64).tobytes() in self._symmetric


def _alignment(match: FrameworkMatch, scale: float) -> Alignment:
    is_framework = np.zeros(len(match.fractional), dtype=bool)
    is_framework[match.atoms] = True
    return Alignment(match.fractional, is_framework, match.displacement_A, scale)

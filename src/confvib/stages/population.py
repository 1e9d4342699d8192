"""The configurations behind a reduction: what was asked, what was delivered."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from confvib.errors import ThermodynamicsError
from confvib.tables.contracts import CONFIGURATIONS, DYNAMICS, HARMONIC, RELAXED
from confvib.tables.parquet import read_table
from confvib.thermo.harmonic import harmonic_from_modes
from confvib.thermo.sampling import sampling_weights

Row = dict[str, Any]

_UNUSED = {
    "configurations": ["occupancy"],
    "relaxed": ["numbers", "positions", "site_occupancy"],
    "harmonic": ["temperatures_K", "F_q_eV", "S_q_eV_per_K", "U_q_eV"],
    "dynamics": [
        "frequency_THz",
        "dos_per_THz",
        "elements",
        "dos_by_element_per_THz",
        "zero_frequency_weight_by_element",
        # 2PT counts arrangements that S_conf counts too: no reduction may use it.
        "diffusivity_by_element_cm2_per_s",
        "fluidity_by_element",
        "entropy_2PT_eV_per_K",
    ],
}
"""Columns that a reduction has no use for, or must not use."""


@dataclass(frozen=True)
class Level:
    """Usable rows of one level at one temperature; all energies eV per cell.

    Attributes:
        name: ``conf``, ``conf+harmonic`` or ``conf+md``.
        temperature_K: Temperature.
        config_ids: Rows that have a number, length n.
        energy_eV: Static energies E_i, shape ``(n,)``.
        free_energy_eV: a_i = E_i or A_i(T), shape ``(n,)``.
        vibrational_entropy_eV_per_K: S_vib,i; zeros at ``conf``, shape ``(n,)``.
        published_eV: What the published convention takes for a_i, shape ``(n,)``.
        sigma_eV: Standard errors of A_i; None without noise, shape ``(n,)``.
        left_basin: Are its ions off the sites of the configuration, shape ``(n,)``.
        end_arrangement: What its ions sit on, None if that is no arrangement, length n.
        failures: Number of selected rows without a number, by status.
    """

    name: str
    temperature_K: float
    config_ids: list[str]
    energy_eV: NDArray[np.float64]
    free_energy_eV: NDArray[np.float64]
    vibrational_entropy_eV_per_K: NDArray[np.float64]
    published_eV: NDArray[np.float64]
    sigma_eV: NDArray[np.float64] | None
    left_basin: NDArray[np.bool_]
    end_arrangement: list[str | None]
    failures: Mapping[str, int]


@dataclass(frozen=True)
class Population:
    """All configurations of one set, or of the union of several.

    Attributes:
        multiplicity: g of every eligible configuration, by config_id.
        represents: Inequivalent configurations it stands for, by config_id: 1 unless
            the set was drawn.
        representative: Does it stand for its pair-distance class, by config_id.
        set_of: Name of its set, by config_id.
        n_atoms: Atoms per cell.
        relaxed: Selected rows, by config_id.
        harmonic: Their normal modes, by config_id.
        dynamics: Their runs, by temperature and config_id.
    """

    multiplicity: Mapping[str, int]
    represents: Mapping[str, float]
    representative: Mapping[str, bool]
    set_of: Mapping[str, str]
    n_atoms: int
    relaxed: Mapping[str, Row]
    harmonic: Mapping[str, Row]
    dynamics: Mapping[float, Mapping[str, Row]]

    def weights(self, config_ids: Sequence[str]) -> NDArray[np.float64]:
        """Return how many arrangements each row stands for, set by set."""
        weights = np.empty(len(config_ids))
        names = [self.set_of[config_id] for config_id in config_ids]
        for name in set(names):
            rows = [row for row, other in enumerate(names) if other == name]
            members = [key for key, other in self.set_of.items() if other == name]
            weights[rows] = sampling_weights(
                [self.multiplicity[config_ids[row]] for row in rows],
                design="orbits",
                n_orbits=sum(self.represents[key] for key in members),
                n_microstates=sum(
                    self.represents[key] * self.multiplicity[key] for key in members
                ),
            )
        return weights

    def _left_basin(self, rows: Mapping[str, Row], column: str) -> NDArray[np.bool_]:
        """Say which rows' ions moved to other sites, in this stage or when relaxed."""
        return np.array(
            [
                bool(row[column] or self.relaxed[key]["n_moved"])
                for key, row in rows.items()
            ]
        )

    def _end_arrangement(self, rows: Mapping[str, Row]) -> list[str | None]:
        """Name what the ions of the relaxed cells sit on."""
        return [self.relaxed[key]["end_arrangement"] for key in rows]

    def conf(self, temperature_K: float) -> Level:
        """Static energies of the relaxed cells."""
        good, failures = _usable(self.relaxed)
        energy = np.array([row["energy_eV"] for row in good.values()])
        return Level(
            name="conf",
            temperature_K=temperature_K,
            config_ids=list(good),
            energy_eV=energy,
            free_energy_eV=energy,
            vibrational_entropy_eV_per_K=np.zeros_like(energy),
            published_eV=energy,
            sigma_eV=None,
            left_basin=self._left_basin(good, "n_moved"),
            end_arrangement=self._end_arrangement(good),
            failures=failures,
        )

    def conf_harmonic(self, temperature_K: float) -> Level:
        """E_i + F_q of the normal modes: no noise, no double counting (method H)."""
        good, failures = _usable(self.harmonic)
        energy = np.array([row["energy_eV"] for row in good.values()])
        thermo = [
            harmonic_from_modes(row["frequencies_THz"], [temperature_K])
            for row in good.values()
        ]
        # The descent to this point may have led to an arrangement without a name.
        names = [
            None if row["n_moved"] else name
            for row, name in zip(good.values(), self._end_arrangement(good), strict=True)
        ]
        free = energy + np.array([float(part.free_energy_eV[0]) for part in thermo])
        return Level(
            name="conf+harmonic",
            temperature_K=temperature_K,
            config_ids=list(good),
            energy_eV=energy,
            free_energy_eV=free,
            vibrational_entropy_eV_per_K=np.array(
                [float(part.entropy_eV_per_K[0]) for part in thermo]
            ),
            published_eV=free,
            sigma_eV=None,
            left_basin=self._left_basin(good, "n_moved"),
            end_arrangement=names,
            failures=failures,
        )

    def conf_md(self, temperature_K: float) -> Level:
        """Method MQ; the published column is the paper's <U_pot> - TS_vib."""
        good, failures = _usable(self.dynamics[temperature_K])
        rows = list(good.values())
        published = [
            row["potential_mean_eV"] - self.n_atoms * row["published_TS_vib_eV_per_atom"]
            for row in rows
        ]
        return Level(
            name="conf+md",
            temperature_K=temperature_K,
            config_ids=list(good),
            energy_eV=np.array([self.relaxed[key]["energy_eV"] for key in good]),
            free_energy_eV=np.array([row["free_energy_MQ_eV"] for row in rows]),
            vibrational_entropy_eV_per_K=np.array(
                [row["entropy_MQ_eV_per_K"] for row in rows]
            ),
            published_eV=np.array(published),
            sigma_eV=np.array([row["free_energy_stderr_eV"] for row in rows]),
            left_basin=self._left_basin(good, "left_basin"),
            end_arrangement=self._end_arrangement(good),
            failures=failures,
        )


def read_population(
    inputs: Mapping[str, Sequence[str]],
    expected: Mapping[str, Sequence[str]],
    equivalence: str,
) -> Population:
    """Read every table of a reduction, refusing any that is not of this campaign.

    Args:
        inputs: Paths of the ``configurations``, ``relaxed``, ``harmonic`` and
            ``dynamics`` tables.
        expected: The hashes they must carry, in the same order.
        equivalence: ``symmetry``, or ``pair_distances``: then a representative carries
            the multiplicity of its whole class.

    Raises:
        TableError: A table is missing, damaged or foreign.
        ThermodynamicsError: The cells do not all have the same number of atoms.
    """

    def rows(kind: str, schema: Any) -> list[Row]:
        pairs = zip(inputs[kind], expected[kind], strict=True)
        return [
            row
            for path, key in pairs
            # Positions and spectra of 10^5 cells are gigabytes as Python lists.
            for row in read_table(path, schema, key)
            .drop_columns(_UNUSED[kind])
            .to_pylist()
        ]

    configurations = rows("configurations", CONFIGURATIONS)
    if equivalence == "pair_distances":
        configurations = _merged_classes(configurations)
    relaxed = {row["config_id"]: row for row in rows("relaxed", RELAXED)}
    dynamics: defaultdict[float, dict[str, Row]] = defaultdict(dict)
    for row in rows("dynamics", DYNAMICS):
        dynamics[row["temperature_K"]][row["config_id"]] = row
    sizes = {row["n_atoms"] for row in relaxed.values()}
    if len(sizes) != 1:
        raise ThermodynamicsError(
            f"cells of {sorted(sizes)} atoms cannot share one partition function"
        )
    return Population(
        multiplicity={row["config_id"]: row["multiplicity"] for row in configurations},
        represents={row["config_id"]: row["represents"] for row in configurations},
        representative={
            row["config_id"]: row["pair_representative"] for row in configurations
        },
        set_of={row["config_id"]: _set_name(row["config_id"]) for row in configurations},
        n_atoms=sizes.pop(),
        relaxed=relaxed,
        harmonic={row["config_id"]: row for row in rows("harmonic", HARMONIC)},
        dynamics=dynamics,
    )


def _merged_classes(configurations: list[Row]) -> list[Row]:
    """Return the representatives, each with the multiplicity of its class."""
    total: Counter[tuple[str, str]] = Counter()
    for row in configurations:
        total[_set_name(row["config_id"]), row["pair_fingerprint"]] += row["multiplicity"]
    return [
        {
            **row,
            "multiplicity": total[_set_name(row["config_id"]), row["pair_fingerprint"]],
        }
        for row in configurations
        if row["pair_representative"]
    ]


def _set_name(config_id: str) -> str:
    return config_id.rpartition("-")[0]


def _usable(rows: Mapping[str, Row]) -> tuple[dict[str, Row], Counter[str]]:
    """Split rows into those with status ok and a count of the others by status."""
    good = {key: row for key, row in rows.items() if row["status"] == "ok"}
    return good, Counter(row["status"] for row in rows.values() if row["status"] != "ok")

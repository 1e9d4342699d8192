"""The tables of the engine comparison: what each computes, and each pair of them."""

from confvib.tables.schema import (
    CONFIG_ID,
    COUNT,
    COUNTS,
    REAL,
    REALS,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

_FORCE = "eV/Å"

GEOMETRIES = {
    "unrelaxed": "as enumerated",
    "common": "minima of the first engine",
    "own": "each engine's own minima",
}
"""Where energies are compared."""

ENGINE_ENERGIES = TableSchema(
    "engine_energies",
    1,
    (
        CONFIG_ID,
        Column("engine", TEXT, "name of the engine"),
        Column(
            "geometry",
            TEXT,
            "unrelaxed: as enumerated; common: minimum of the first engine; own: minimum "
            "of this engine, from the unrelaxed geometry",
        ),
        Column("numbers", COUNTS, "atomic numbers (N,)"),
        Column("cell", REALS, "lattice vectors as rows (3, 3)", "Å"),
        Column("positions", REALS, "Cartesian positions (N, 3)", "Å"),
        Column("energy_eV", REAL, "energy of the cell, with the engine's own zero", "eV"),
        Column("forces_eV_per_A", REALS, "forces (N, 3)", _FORCE),
        Column("fmax_eV_per_A", REAL, "largest force on an atom", _FORCE),
        Column("n_steps", COUNT, "ionic steps that led there"),
        Column("level_of_theory", TEXT, "hash of everything that defines the energies"),
        Column("wall_time_s", REAL, "time that the row took", "s"),
        *STATUS,
    ),
)

ENGINE_PAIRS = TableSchema(
    "engine_pairs",
    1,
    (
        Column("set", TEXT, "configuration set"),
        Column("engine", TEXT, "first engine of the pair"),
        Column("other", TEXT, "second engine of the pair"),
        Column("geometry", TEXT, "unrelaxed, common or own"),
        Column("temperature_K", REAL, "temperature of k_B T", "K"),
        Column("n_atoms", COUNT, "atoms per cell"),
        Column("n_selected", COUNT, "configurations asked for"),
        Column("n_rows", COUNT, "configurations that both engines have"),
        Column("left_out", TEXT, "the others, by engine and status"),
        Column("mean_eV", REAL, "mean of other minus engine, which cancels", "eV"),
        Column("rms_eV", REAL, "rms difference per cell, the mean taken off", "eV"),
        Column("rms_over_kT", REAL, "the same in k_B T"),
        Column("spread_eV", REAL, "standard deviation of the engine's values", "eV"),
        Column("spread_other_eV", REAL, "and of the other's", "eV"),
        Column("spread_ratio", REAL, "the other's over the engine's"),
        Column("spearman", REAL, "Spearman's rank correlation"),
        Column("spearman_low", REAL, "its 5 % quantile, configurations resampled"),
        Column("spearman_high", REAL, "its 95 % quantile"),
        Column("kendall", REAL, "Kendall's tau-b"),
        Column("kendall_low", REAL, "its 5 % quantile, configurations resampled"),
        Column("kendall_high", REAL, "its 95 % quantile"),
        Column("kendall_p", REAL, "chance of it where the orders are independent"),
        Column("force_rms_eV_per_A", REAL, "rms force component, engine", _FORCE),
        Column("force_rms_other_eV_per_A", REAL, "and other", _FORCE),
        Column("force_difference_eV_per_A", REAL, "rms difference of these", _FORCE),
        Column("force_cosine", REAL, "cosine between all components of both"),
        Column("displacement_rms_A", REAL, "rms distance of atoms, both minima", "Å"),
        Column("displacement_max_A", REAL, "largest distance of an atom", "Å"),
        *STATUS,
    ),
)

"""The tables of the accuracy: what a force field's errors do, configuration by row."""

from confvib.tables.schema import (
    CONFIG_ID,
    COUNT,
    FLAG,
    REAL,
    REALS,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

_KB = "k_B"
_PER_CELL = "eV"

ACCURACY_ERRORS = TableSchema(
    "accuracy_errors",
    1,
    (
        Column("set", TEXT, "configuration set"),
        Column(
            "rows",
            TEXT,
            "all: every row that both roads computed; same_minimum: those whose ions "
            "end on one arrangement by both and stay on it down to the minimum",
        ),
        Column(
            "quantity",
            TEXT,
            "energy: of the relaxed cell; minimum: of the cell under the Hessian; "
            "harmonic: F of its modes; minimum+harmonic: what is weighed",
        ),
        Column("temperature_K", REAL, "temperature", "K"),
        Column("n_atoms", COUNT, "atoms per cell"),
        Column("n_rows", COUNT, "configurations compared"),
        Column(
            "n_other_minimum",
            COUNT,
            "rows of both roads that end on two arrangements, or are not known to end on "
            "one since ions moved on the way down to a minimum",
        ),
        Column("n_left_out", COUNT, "configurations that not both roads have"),
        Column("left_out", TEXT, "these by road and status"),
        Column("mean_eV", REAL, "mean error, which cancels in weights", _PER_CELL),
        Column("rms_eV", REAL, "rms error, the mean taken off", _PER_CELL),
        Column("mae_eV", REAL, "mean absolute error, the mean taken off", _PER_CELL),
        Column("largest_eV", REAL, "largest error, the mean taken off", _PER_CELL),
        Column("pairs_eV", REAL, "rms error of a difference of two rows", _PER_CELL),
        Column("spread_eV", REAL, "standard deviation of the exact values", _PER_CELL),
        Column("rank_correlation", REAL, "Spearman's, of the values"),
        Column("rms_over_kT", REAL, "rms_eV over k_B T"),
        Column("pairs_over_kT", REAL, "pairs_eV over k_B T"),
        Column("overlap", REAL, "Σ min(p, q) of the weights; 1 is perfect"),
        Column("bhattacharyya", REAL, "Σ √(p q) of the weights; 1 is perfect"),
        Column("weight_rank_correlation", REAL, "Spearman's, of the weights"),
        Column("same_top", FLAG, "is the heaviest configuration the same by both"),
        Column("top_weight", REAL, "exact weight of the heaviest configuration"),
        Column("top_weight_given", REAL, "what the force field gives to that one"),
        Column("ess", REAL, "exact effective sample size 1/Σp²"),
        Column("ess_given", REAL, "by the force field"),
        Column("F_error_eV", REAL, "error of F = G at fixed cell", _PER_CELL),
        Column("F_second_order_eV", REAL, "the same to second order", _PER_CELL),
        Column("F_independent_eV", REAL, "for Gaussian, independent errors", _PER_CELL),
        Column("S_conf_kB", REAL, "exact S_conf per cell", _KB),
        Column("S_conf_error_kB", REAL, "its error", _KB),
        Column("S_kB_per_atom", REAL, "exact S_conf + ⟨S_vib⟩ per atom", _KB),
        Column("S_given_kB_per_atom", REAL, "by the force field", _KB),
        *STATUS,
    ),
)

ACCURACY_CONFIGURATIONS = TableSchema(
    "accuracy_configurations",
    1,
    (
        CONFIG_ID,
        Column("seen", FLAG, "was it among those that the force field learned from"),
        Column("weight", REAL, "arrangements that it stands for among the rows compared"),
        Column("energy_eV", REAL, "exact energy of the relaxed cell", "eV"),
        Column("energy_given_eV", REAL, "by the force field", "eV"),
        Column("minimum_eV", REAL, "exact energy of the cell under the Hessian", "eV"),
        Column("minimum_given_eV", REAL, "by the force field", "eV"),
        Column("temperatures_K", REALS, "temperatures of the following columns", "K"),
        Column("harmonic_eV", REALS, "exact F of the modes", "eV"),
        Column("harmonic_given_eV", REALS, "by the force field", "eV"),
        Column("probability", REALS, "exact weight, E + F_harmonic"),
        Column("probability_given", REALS, "by the force field"),
        Column("end_arrangement", TEXT, "what the ions end on, exactly"),
        Column("end_arrangement_given", TEXT, "by the force field"),
        Column("same_minimum", FLAG, "are these one, and left by neither descent"),
        Column("displacement_max_A", REAL, "farthest atom, relaxed cells of both", "Å"),
        Column("displacement_rms_A", REAL, "root mean square over atoms", "Å"),
        *STATUS,
    ),
)

"""The tables of the sampling target: random order, subsets and densities, verdicts."""

from confvib.tables.schema import COUNT, FLAG, REAL, STATUS, TEXT, Column, TableSchema

_KEYS = (
    Column("set", TEXT, "configuration set"),
    Column("level", TEXT, "conf, conf+harmonic or conf+md"),
    Column("temperature_K", REAL, "temperature", "K"),
)
_ESTIMATOR = Column(
    "estimator",
    TEXT,
    "canonical: each row stands for n/m rows; canonical_unscaled: for itself; published",
)
_N_ROWS = Column("n_rows", COUNT, "rows n of the whole set under the convention")
_ATOM = "eV/atom"

SAMPLING_CURVES = TableSchema(
    "sampling_curves",
    1,
    (
        *_KEYS,
        _ESTIMATOR,
        _N_ROWS,
        Column("n_subset", COUNT, "rows m so far, in random order"),
        Column("n_orders", COUNT, "random orders"),
        Column("minus_TS_mean_eV_per_atom", REAL, "-T S, mean over the orders", _ATOM),
        Column("minus_TS_median_eV_per_atom", REAL, "median", _ATOM),
        Column("minus_TS_p05_eV_per_atom", REAL, "5 % quantile", _ATOM),
        Column("minus_TS_p95_eV_per_atom", REAL, "95 % quantile", _ATOM),
        Column("G_mean_eV_per_atom", REAL, "G, mean over the orders", _ATOM),
        Column("G_median_eV_per_atom", REAL, "median", _ATOM),
        Column("G_p05_eV_per_atom", REAL, "5 % quantile", _ATOM),
        Column("G_p95_eV_per_atom", REAL, "95 % quantile", _ATOM),
        *STATUS,
    ),
)

SAMPLING_TESTS = TableSchema(
    "sampling_tests",
    1,
    (
        *_KEYS,
        Column(
            "test",
            TEXT,
            "subset: random rows; density: as many values as the whole set has, drawn "
            "from the kernel density of a subset",
        ),
        _ESTIMATOR,
        _N_ROWS,
        Column("n_subset", COUNT, "rows m of a subset"),
        Column("n_repeats", COUNT, "random subsets"),
        Column("minus_TS_full_eV_per_atom", REAL, "-T S of the whole set", _ATOM),
        Column("minus_TS_eV_per_atom", REAL, "-T S of the test, mean", _ATOM),
        Column("relative_error", REAL, "of -T S, mean"),
        Column("relative_error_p05", REAL, "5 % quantile"),
        Column("relative_error_p95", REAL, "95 % quantile"),
        Column("relative_error_expected", REAL, "closed form of docs/formulation.md"),
        Column("G_full_eV_per_atom", REAL, "G of the whole set", _ATOM),
        Column("G_eV_per_atom", REAL, "G of the test, mean", _ATOM),
        Column("G_error_over_kT", REAL, "per cell over k_B T, mean"),
        Column("G_error_p05_over_kT", REAL, "5 % quantile"),
        Column("G_error_p95_over_kT", REAL, "95 % quantile"),
        Column("bandwidth_eV", REAL, "width h of the kernels per cell, mean", "eV"),
        Column("log_Z_shift", REAL, "ln Z of the draws minus the subset's, mean"),
        Column("log_Z_shift_expected", REAL, "(h / k_B T)² / 2, mean"),
        *STATUS,
    ),
)

SAMPLING_VERDICTS = TableSchema(
    "sampling_verdicts",
    1,
    (
        *_KEYS,
        _N_ROWS,
        Column("p_max", REAL, "largest canonical weight of a row"),
        Column("n99", COUNT, "fewest rows that carry 99 % of the weight"),
        Column("ess", REAL, "effective sample size 1/Σp²"),
        Column(
            "F_half_p05_over_kT",
            REAL,
            "F of a random half minus F of all, per cell over k_B T, 5 % quantile",
        ),
        Column("F_half_p95_over_kT", REAL, "95 % quantile"),
        Column("S_half_p05_kB", REAL, "likewise S_conf, per cell, 5 % quantile", "k_B"),
        Column("S_half_p95_kB", REAL, "95 % quantile", "k_B"),
        Column("sparse", FLAG, "too sparse for its temperature"),
        Column("statement", TEXT, "the verdict in a sentence"),
        *STATUS,
    ),
)

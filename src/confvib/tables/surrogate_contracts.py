"""The tables of the surrogate: predictions, what they give, and how wrong they are."""

from confvib.tables.schema import (
    CONFIG_ID,
    COUNT,
    FLAG,
    REAL,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

_SET = Column("set", TEXT, "configuration set")
_QUANTITY = Column(
    "quantity", TEXT, "energy, harmonic, energy+harmonic or anharmonic; per cell"
)
_TEMPERATURE = Column("temperature_K", REAL, "temperature", "K")
_KB = "k_B"

SURROGATE_PREDICTIONS = TableSchema(
    "surrogate_predictions",
    1,
    (
        CONFIG_ID,
        _QUANTITY,
        _TEMPERATURE,
        Column("computed", FLAG, "is its value among those that were learned from"),
        Column("value_eV", REAL, "as computed; null if it was not", "eV"),
        Column("predicted_eV", REAL, "posterior mean of the true value", "eV"),
        Column("sigma_eV", REAL, "its standard deviation", "eV"),
        Column("left_out_eV", REAL, "prediction from the other computed rows", "eV"),
        Column("left_out_sigma_eV", REAL, "its standard deviation", "eV"),
        Column("probability", REAL, "mean p_i over draws; null without an ensemble"),
        *STATUS,
    ),
)

SURROGATE_ENSEMBLES = TableSchema(
    "surrogate_ensembles",
    1,
    (
        _SET,
        _QUANTITY,
        _TEMPERATURE,
        Column(
            "estimator",
            TEXT,
            "predicted: draws of all rows; assisted: all rows, scaled by the computed "
            "ones; sampled: computed rows alone, each standing for several",
        ),
        Column("n_rows", COUNT, "rows of the set under its equivalence"),
        Column("n_computed", COUNT, "rows with a value"),
        Column("n_features", COUNT, "cluster counts that vary over the set"),
        Column("free_energy_eV", REAL, "canonical F per cell", "eV"),
        Column("free_energy_sigma_eV", REAL, "posterior or bootstrap error", "eV"),
        Column("S_conf_kB", REAL, "canonical S_conf per cell", _KB),
        Column("S_conf_sigma_kB", REAL, "posterior or bootstrap error", _KB),
        Column("ess", REAL, "effective sample size 1/Σp²"),
        Column("computed_weight", REAL, "Σp of the computed rows"),
        Column("left_out_rmse_eV", REAL, "of computed rows, from the others", "eV"),
        Column("left_out_rmse_over_kT", REAL, "the same over k_B T"),
        Column("left_out_mean_squared_z", REAL, "(residual / sigma)²; 1 expected"),
        *STATUS,
    ),
)

SURROGATE_VALIDATION = TableSchema(
    "surrogate_validation",
    1,
    (
        _SET,
        _QUANTITY,
        _TEMPERATURE,
        Column(
            "selection",
            TEXT,
            "random; variance: largest posterior variance; weight: largest p_i sigma_i",
        ),
        Column("fraction", REAL, "of the rows that were computed"),
        Column("repeat", COUNT, "number of the draw, from 0"),
        Column("n_rows", COUNT, "computed rows: the full set of the test"),
        Column("n_computed", COUNT, "those that the surrogate learns from"),
        Column("spread_eV", REAL, "standard deviation over the full set", "eV"),
        Column("rmse_eV", REAL, "of the rows left, root mean square", "eV"),
        Column("rmse_over_kT", REAL, "the same over k_B T"),
        Column("sigma_eV", REAL, "predicted standard deviation, rms", "eV"),
        Column("within_1_sigma", REAL, "share of residuals below sigma; 0.68 expected"),
        Column("within_2_sigma", REAL, "below two sigma; 0.95 expected"),
        Column("mean_squared_z", REAL, "(residual / sigma)²; 1 expected"),
        Column("left_out_rmse_eV", REAL, "what leaving one out says of rmse_eV", "eV"),
        Column("left_out_mean_squared_z", REAL, "and of mean_squared_z"),
        Column("F_error_eV", REAL, "predicted F minus that of the full set", "eV"),
        Column("F_sigma_eV", REAL, "predicted error of F", "eV"),
        Column("S_conf_error_kB", REAL, "predicted S_conf minus the full set's", _KB),
        Column("S_conf_sigma_kB", REAL, "predicted error of S_conf", _KB),
        Column("overlap", REAL, "Σ min(p, p of the full set); 1 is perfect"),
        Column("F_mean_error_eV", REAL, "error of F if sigma is left out", "eV"),
        Column("F_assisted_error_eV", REAL, "of random rows and predictions", "eV"),
        Column("S_conf_assisted_error_kB", REAL, "of random rows and predictions", _KB),
        Column("F_sampled_error_eV", REAL, "of the random rows alone", "eV"),
        Column("S_conf_sampled_error_kB", REAL, "of the random rows alone", _KB),
        Column("overlap_sampled", REAL, "of the random rows alone"),
        *STATUS,
    ),
)

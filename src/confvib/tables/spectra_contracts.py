"""The table of spectra averaged over the configurations of a set."""

from confvib.tables.schema import COUNT, REAL, REALS, STATUS, TEXT, Column, TableSchema

AVERAGED_SPECTRA = TableSchema(
    "averaged_spectra",
    1,
    (
        Column("set", TEXT, "configuration set"),
        Column("temperature_K", REAL, "of the weights and of the runs, requested", "K"),
        Column(
            "source", TEXT, "md: runs; harmonic: modes, with the line shape of the runs"
        ),
        Column(
            "weighting",
            TEXT,
            "uniform: each row once; canonical: multiplicity times exp[-(E + F_q)/k_B T] "
            "per cell; published: exp(-<U>/k_B T) per atom, representatives only",
        ),
        Column("element", TEXT, "total, or the part of one element"),
        Column("frequency_THz", REALS, "common frequency grid (F,)", "THz"),
        Column("mean_per_THz", REALS, "weighted mean of the spectra (F,)", "1/THz"),
        Column("deviation_per_THz", REALS, "weighted standard deviation (F,)", "1/THz"),
        Column(
            "printed_deviation_per_THz",
            REALS,
            "the paper's formula, no measure of spread (F,); published only",
            "1/THz",
        ),
        Column("area", REAL, "modes of the mean on the grid"),
        Column("area_below", REAL, "modes of the mean below the grid; null for elements"),
        Column("n_modes", COUNT, "3N - 3, what both and those above add up to; total"),
        Column("n_selected", COUNT, "rows that the weighting is about"),
        Column("n_used", COUNT, "those averaged"),
        Column("n_failed", COUNT, "those without a spectrum"),
        Column("n_unweighted", COUNT, "those with a spectrum but without a weight"),
        Column("n_left_basin", COUNT, "averaged rows whose ions left their sites"),
        Column("ess", REAL, "effective sample size 1/Σp²"),
        Column("temperature_measured_K", REAL, "weighted mean over the runs", "K"),
        Column(
            "temperature_measured_deviation_K", REAL, "weighted standard deviation", "K"
        ),
        *STATUS,
    ),
)

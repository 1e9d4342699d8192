"""The tables of a reduction: Z, S and G, their convergence, shares of the sets."""

from confvib.tables.schema import (
    COUNT,
    FLAG,
    REAL,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

THERMODYNAMICS = TableSchema(
    "thermodynamics",
    4,
    (
        Column("set", TEXT, "configuration set, or 'all' for their union"),
        Column("equivalence", TEXT, "what counts as one: symmetry or pair_distances"),
        Column("convention", TEXT, "canonical or published"),
        Column("level", TEXT, "conf, conf+harmonic or conf+md"),
        Column("temperature_K", REAL, "temperature", "K"),
        Column("log_Z", REAL, "ln Z relative to the lowest (free) energy"),
        Column("average_eV_per_atom", REAL, "⟨H⟩ (conf) or ⟨F⟩", "eV/atom"),
        Column("average_stderr_eV_per_atom", REAL, "standard error", "eV/atom"),
        Column("S_meV_per_atom_K", REAL, "entropy of the convention", "meV/(atom K)"),
        Column("S_stderr_meV_per_atom_K", REAL, "standard error", "meV/(atom K)"),
        Column("minus_TS_eV_per_atom", REAL, "-T S", "eV/atom"),
        Column("G_eV_per_atom", REAL, "average - T S", "eV/atom"),
        Column("G_stderr_eV_per_atom", REAL, "standard error", "eV/atom"),
        Column("S_vib_meV_per_atom_K", REAL, "⟨S_vib⟩, canonical only", "meV/(atom K)"),
        Column("S_total_meV_per_atom_K", REAL, "S + ⟨S_vib⟩", "meV/(atom K)"),
        Column(
            "S_ideal_meV_per_atom_K",
            REAL,
            "k_B ln Σg of the cell: what S tends to when energies no longer matter",
            "meV/(atom K)",
        ),
        Column(
            "C_meV_per_atom_K",
            REAL,
            "heat capacity dU/dT at fixed cell; null at conf+md",
            "meV/(atom K)",
        ),
        Column("U_eV_per_atom", REAL, "internal energy, canonical only", "eV/atom"),
        Column(
            "F_shift_eV_per_atom", REAL, "renormalisation of F by vibration", "eV/atom"
        ),
        Column("n_members", COUNT, "force fields in the committee; 0 without one"),
        Column(
            "average_spread_eV_per_atom",
            REAL,
            "standard deviation over the committee",
            "eV/atom",
        ),
        Column("S_spread_meV_per_atom_K", REAL, "likewise", "meV/(atom K)"),
        Column("G_spread_eV_per_atom", REAL, "likewise", "eV/atom"),
        Column(
            "pairs_spread_over_kT",
            REAL,
            "of the difference of two configurations, rms over pairs: what moves weights",
        ),
        Column("n_configurations", REAL, "what the set holds under its equivalence"),
        Column("n_selected", COUNT, "rows that the campaign samples"),
        Column("n_used", COUNT, "rows that entered"),
        Column("n_failed", COUNT, "selected rows that did not"),
        Column("n_left_basin", COUNT, "used rows whose ions left their sites"),
        Column(
            "n_shared_minimum",
            COUNT,
            "used rows that fell into the minimum of an earlier one: end_arrangement and "
            "energy (to 1 meV per cell) agree; counted, not removed",
        ),
        Column("coverage_rows", REAL, "n_used / n_selected"),
        Column("coverage_multiplicity", REAL, "Σg used / Σg of the whole set"),
        Column("ess", REAL, "effective sample size 1/Σp²"),
        Column("n99", COUNT, "fewest rows that carry 99 % of the weight"),
        Column("p_max", REAL, "largest weight of one row"),
        Column(
            "sigma_eV",
            REAL,
            "standard deviation of the (free) energy over arrangements, per cell",
            "eV",
        ),
        Column(
            "log_Z_second_order", REAL, "ln Σg - β⟨a⟩ + (βσ)²/2, comparable with log_Z"
        ),
        Column("frozen", FLAG, "too cold for the sample: few rows decide"),
        Column("noise_gate", TEXT, "passed, refused or not_applicable"),
        Column("noise_sigma_over_kT", REAL, "rms σ_F per cell over k_B T"),
        Column(
            "noise_bias_eV_per_atom",
            REAL,
            "by how much the noise of the rows has lowered G; not corrected",
            "eV/atom",
        ),
        *STATUS,
    ),
)

CONVERGENCE = TableSchema(
    "convergence",
    2,
    (
        Column("set", TEXT, "configuration set"),
        Column("convention", TEXT, "canonical or published"),
        Column("level", TEXT, "conf, conf+harmonic or conf+md"),
        Column("temperature_K", REAL, "temperature", "K"),
        Column(
            "rank",
            COUNT,
            "rows included, in order of increasing energy; rises by more than one where "
            "a set is so large that neighbours in energy share an entry",
        ),
        Column("energy_eV_per_atom", REAL, "mean energy of the rows added", "eV/atom"),
        Column("weight", REAL, "sum of their multiplicities times sampling weights"),
        Column("minus_TS_eV_per_atom", REAL, "-T S with the rows so far", "eV/atom"),
        Column("G_eV_per_atom", REAL, "G with the rows so far", "eV/atom"),
        *STATUS,
    ),
)

SHARES = TableSchema(
    "shares",
    1,
    (
        Column("set", TEXT, "the union that is divided: 'all', or one set alone"),
        Column("member", TEXT, "configuration set of the union"),
        Column("convention", TEXT, "canonical or published"),
        Column("level", TEXT, "conf, conf+harmonic or conf+md"),
        Column("temperature_K", REAL, "temperature", "K"),
        Column("n_used", COUNT, "rows of the member that entered"),
        Column("share", REAL, "Z of the member over Z of the union"),
        Column("share_stderr", REAL, "standard error, from sampling"),
        Column("G_eV_per_atom", REAL, "of the member alone", "eV/atom"),
        *STATUS,
    ),
)

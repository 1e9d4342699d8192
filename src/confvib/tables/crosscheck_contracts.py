"""The tables of the cross-check: free energies by four methods, and other codes."""

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

METHODS = ("hessian", "vacf", "ti_hessian", "frenkel_ladd")
"""What a column ``method`` can be, in the order of all tables."""

_TEMPERATURE = Column("temperature_K", REAL, "temperature", "K")
_METHOD = Column("method", TEXT, "hessian, vacf, ti_hessian or frenkel_ladd")

FREE_ENERGIES = TableSchema(
    "crosscheck_free_energies",
    1,
    (
        CONFIG_ID,
        _TEMPERATURE,
        _METHOD,
        Column("n_atoms", COUNT, "atoms in the cell"),
        Column("free_energy_eV", REAL, "classical free energy", "eV"),
        Column("free_energy_quantum_eV", REAL, "with the quantum correction", "eV"),
        Column("stderr_eV", REAL, "the larger of the next two; 0 without noise", "eV"),
        Column("stderr_blocking_eV", REAL, "standard error from within the runs", "eV"),
        Column("stderr_seeds_eV", REAL, "standard error from the seeds", "eV"),
        Column("seeds_eV", REALS, "classical free energy of each seed", "eV"),
        Column("sampled_fs", REAL, "sampled time of one run", "fs"),
        Column("n_runs", COUNT, "runs: seeds, times couplings in an integration"),
        Column("n_steps", COUNT, "time steps of all runs, equilibration included"),
        Column("n_left_basin", COUNT, "runs with ions on other sites, once quenched"),
        Column("couplings", REALS, "values of λ (L,)"),
        Column("integrand_eV", REALS, "mean of U - U_0 at each λ (L,)", "eV"),
        Column("integrand_stderr_eV", REALS, "its standard error (L,)", "eV"),
        Column(
            "integrand_harmonic_eV", REALS, "exact for the Hessian instead of U", "eV"
        ),
        Column("reference_eV", REAL, "free energy of the crystal at λ = 0", "eV"),
        Column("quadrature_error_eV", REAL, "of the harmonic part, corrected", "eV"),
        Column("spectrum_area", REAL, "modes that the first run's spectrum counts"),
        Column("spectrum_area_ratio", REAL, "area by tidynamics and scipy over ours"),
        Column("spectrum_difference", REAL, "their largest |Δg| over the largest g"),
        *STATUS,
    ),
)

CODES = TableSchema(
    "crosscheck_codes",
    1,
    (
        CONFIG_ID,
        Column("energy_eV", REAL, "energy of the minimum", "eV"),
        Column("displacement_max_A", REAL, "from the relaxed cell to the minimum", "Å"),
        Column("n_moved", COUNT, "ions that left the site they had in the relaxed cell"),
        Column("residual_force_eV_per_A", REAL, "largest force at the minimum", "eV/Å"),
        Column("n_imaginary", COUNT, "modes below the threshold"),
        Column("n_mode_followings", COUNT, "saddle points left along their mode"),
        Column("lowest_frequency_THz", REAL, "softest mode", "THz"),
        Column("phonopy_frequency_difference_THz", REAL, "largest |Δν|", "THz"),
        Column("temperatures_K", REALS, "temperatures of the next two columns", "K"),
        Column("phonopy_F_difference_eV", REALS, "F_q by phonopy minus ours", "eV"),
        Column("phonopy_S_difference_eV_per_K", REALS, "S_q likewise", "eV/K"),
        *STATUS,
    ),
)

NOISE_GATE = TableSchema(
    "crosscheck_noise_gate",
    1,
    (
        _TEMPERATURE,
        _METHOD,
        Column("n_used", COUNT, "configurations with a free energy"),
        Column("n_refused", COUNT, "configurations without one"),
        Column("sampled_fs", REAL, "sampled time of one run", "fs"),
        Column("n_seeds", COUNT, "seeds of a configuration"),
        Column("n_steps", COUNT, "time steps of one configuration"),
        Column("stderr_eV", REAL, "of one configuration's free energy, rms", "eV"),
        Column("stderr_over_kT", REAL, "the same over k_B T"),
        Column("passed", FLAG, "is it at most k_B T / 2 per cell"),
        Column("sampled_fs_needed", REAL, "of one run, with as many seeds", "fs"),
        Column("n_seeds_needed", COUNT, "with runs of the present length"),
        Column("n_steps_needed", REAL, "time steps of one configuration"),
        *STATUS,
    ),
)

AGREEMENT = TableSchema(
    "crosscheck_agreement",
    1,
    (
        _TEMPERATURE,
        _METHOD,
        Column("other", TEXT, "the method it is compared with"),
        Column("n_used", COUNT, "configurations that have both"),
        Column("difference_meV_per_atom", REAL, "mean of method - other", "meV/atom"),
        Column("difference_stderr_meV_per_atom", REAL, "its error", "meV/atom"),
        Column(
            "pairs_over_kT",
            REAL,
            "rms disagreement on differences between configurations, per cell",
        ),
        Column("pairs_noise_over_kT", REAL, "what the standard errors explain of it"),
        *STATUS,
    ),
)

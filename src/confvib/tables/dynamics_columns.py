"""Columns of the ``dynamics`` table, in groups: run, spectrum, hops, free energy, 2PT."""

from confvib.tables.schema import (
    CONFIG_ID,
    COUNT,
    FLAG,
    REAL,
    REALS,
    STATUS,
    TEXT,
    TEXTS,
    Column,
)

_RUN = (
    CONFIG_ID,
    Column("temperature_K", REAL, "requested temperature", "K"),
    Column("protocol", TEXT, "thermalised or published_2025"),
    Column("temperature_measured_K", REAL, "mean kinetic temperature", "K"),
    Column("potential_mean_eV", REAL, "mean potential energy", "eV"),
    Column("potential_stderr_eV", REAL, "its standard error, by blocking", "eV"),
    Column("kinetic_mean_eV", REAL, "mean kinetic energy", "eV"),
    Column("drift_eV_per_atom_per_ps", REAL, "of the total energy", "eV/atom/ps"),
)

_SPECTRUM = (
    Column("frequency_THz", REALS, "common frequency grid (F,)", "THz"),
    Column("dos_per_THz", REALS, "phonon density of states (F,)", "1/THz"),
    Column("elements", TEXTS, "order of every column by element"),
    Column("dos_by_element_per_THz", REALS, "its parts (elements, F)", "1/THz"),
    Column("raw_area", REAL, "area of the spectrum before any normalisation"),
    Column("zero_frequency_weight", REAL, "modes below the lower frequency bound"),
    Column("zero_frequency_weight_by_element", REALS, "its parts (elements,)"),
)

_HOPS = (
    Column(
        "n_hops",
        COUNT,
        "site changes from look to look, summed over ions and the whole run; an ion "
        "changes site when three times as near to the new as to the old, and what goes "
        "and returns between two looks is not seen",
    ),
    Column("hop_look_interval_fs", REAL, "time between two looks", "fs"),
    Column("n_moved", COUNT, "ions that end on another site than they started on"),
    Column(
        "quench_energy_difference_eV",
        REAL,
        "E(quenched last frame) - E(start, quenched alike); null if a quench failed",
        "eV",
    ),
    Column(
        "quench_displacement_max_A",
        REAL,
        "largest distance of an atom between the two; null if a quench failed",
        "Å",
    ),
    Column(
        "left_basin", FLAG, "did an ion hop or move, or is the quenched cell elsewhere"
    ),
)

_FREE_ENERGY = (
    Column("free_energy_M_eV", REAL, "classical, from U_pot and S_cl", "eV"),
    Column("entropy_M_eV_per_K", REAL, "classical vibrational entropy", "eV/K"),
    Column("internal_energy_M_eV", REAL, "U_pot plus kinetic energy", "eV"),
    Column(
        "free_energy_MQ_eV",
        REAL,
        "M with the quantum correction of this spectrum, which the tails of its lines "
        "make too large; a reduction takes the correction from the Hessian",
        "eV",
    ),
    Column("entropy_MQ_eV_per_K", REAL, "likewise", "eV/K"),
    Column("internal_energy_MQ_eV", REAL, "likewise", "eV"),
    Column("free_energy_stderr_eV", REAL, "standard error of M per cell", "eV"),
    Column(
        "published_TS_vib_eV_per_atom", REAL, "the paper's TS_vib, no entropy", "eV/atom"
    ),
)

_TWO_PHASE = (
    Column(
        "diffusivity_by_element_cm2_per_s",
        REALS,
        "k_B T s(0) / 12 N m (elements,), lines of 2/πt at most in a run of length t",
        "cm²/s",
    ),
    Column("fluidity_by_element", REALS, "share of gas of 2PT (elements,)"),
    Column(
        "entropy_2PT_eV_per_K",
        REAL,
        "2PT, a gas of hard spheres and quantum oscillators; in a run that hops it "
        "already contains part of S_conf and must never be added to it",
        "eV/K",
    ),
)

DYNAMICS_COLUMNS = (*_RUN, *_SPECTRUM, *_HOPS, *_FREE_ENERGY, *_TWO_PHASE, *STATUS)

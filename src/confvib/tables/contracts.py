"""The tables of a campaign, one constant each. Energies are eV per cell unless named.

Arrays are flattened in C order: positions and forces (N, 3), cell (3, 3), spectra by
element (elements, F). docs/data.md says who writes and who reads each table.
"""

from confvib.tables.dynamics_columns import DYNAMICS_COLUMNS
from confvib.tables.schema import (
    BITS,
    CONFIG_ID,
    COUNT,
    COUNTS,
    FLAG,
    REAL,
    REALS,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

CONFIGURATIONS = TableSchema(
    "configurations",
    2,
    (
        CONFIG_ID,
        Column("rank", COUNT, "position in the canonical order of the set"),
        Column("occupancy", BITS, "packed bits over the ordered sites of the parent"),
        Column("multiplicity", COUNT, "arrangements that symmetry maps onto this one"),
        Column(
            "represents",
            REAL,
            "inequivalent configurations that this row stands for; 1 unless drawn",
        ),
        Column("pair_fingerprint", TEXT, "hash of the multiset of ion-ion distances"),
        Column("pair_representative", FLAG, "is it the first row with its fingerprint"),
        Column("n_internal_contacts", COUNT, "ion pairs closer than contact_cutoff_A"),
        *STATUS,
    ),
)

LABELS = TableSchema(
    "labels",
    2,
    (
        CONFIG_ID,
        Column("task", TEXT, "relaxation, heating, nve or nvt; what an import found"),
        Column("copy", COUNT, "which trajectory of this configuration and task, from 0"),
        Column("frame", COUNT, "ionic step within its trajectory, from 0"),
        Column(
            "target_temperature_K",
            REAL,
            "asked for in nve and nvt; null in relaxations and while heating",
            "K",
        ),
        Column("numbers", COUNTS, "atomic numbers (N,)"),
        Column("cell", REALS, "lattice vectors as rows (3, 3)", "Å"),
        Column("positions", REALS, "Cartesian positions (N, 3)", "Å"),
        Column("energy_eV", REAL, "potential energy of the cell", "eV"),
        Column("forces_eV_per_A", REALS, "forces (N, 3)", "eV/Å"),
        Column("temperature_K", REAL, "kinetic temperature; null in relaxations", "K"),
        Column("converged", FLAG, "is the label itself converged (electronic steps)"),
        Column("level_of_theory", TEXT, "hash of everything that defines the energies"),
        Column("corrections", TEXT, "what an error handler changed; empty if nothing"),
        *STATUS,
    ),
)

HISTORY = TableSchema(
    "history",
    1,
    (
        Column("epoch", COUNT, "passes over the training frames so far"),
        Column("step", COUNT, "optimiser steps so far"),
        Column("learning_rate", REAL, "of Adam at the end of the epoch"),
        Column("train_loss", REAL, "eq. 16 averaged over the epoch"),
        Column("valid_loss", REAL, "eq. 16 on the validation frames"),
        Column("valid_energy_mae_meV_per_atom", REAL, "mean absolute error", "meV/atom"),
        Column("valid_force_mae_meV_per_A", REAL, "mean absolute error", "meV/Å"),
        Column("elapsed_s", REAL, "wall time since training began", "s"),
        *STATUS,
    ),
)

PREDICTIONS = TableSchema(
    "predictions",
    3,
    (
        CONFIG_ID,
        Column("task", TEXT, "label task the frame comes from"),
        Column("copy", COUNT, "which trajectory of this configuration and task, from 0"),
        Column("frame", COUNT, "ionic step within its trajectory"),
        Column("split", TEXT, "train, valid or test"),
        Column(
            "configuration_seen",
            FLAG,
            "does a training or validation frame have its configuration",
        ),
        Column("n_atoms", COUNT, "atoms in the cell"),
        Column("energy_reference_eV", REAL, "label", "eV"),
        Column("energy_predicted_eV", REAL, "force field", "eV"),
        Column("forces_reference_eV_per_A", REALS, "label (N, 3)", "eV/Å"),
        Column("forces_predicted_eV_per_A", REALS, "force field (N, 3)", "eV/Å"),
        Column("energy_spread_eV", REAL, "of its committee; null without one", "eV"),
        Column("forces_spread_eV_per_A", REALS, "likewise, per component", "eV/Å"),
        *STATUS,
    ),
)

_SPREAD = (
    Column("n_members", COUNT, "trainings in the committee; 1: no spread"),
    Column("energy_spread_meV_per_atom", REAL, "rms spread of the committee", "meV/atom"),
    Column("energy_error_per_spread", REAL, "rms error over rms spread"),
    Column("energy_spread_correlation", REAL, "rank correlation with the error, frames"),
    Column("force_spread_meV_per_A", REAL, "rms spread per component", "meV/Å"),
    Column("force_error_per_spread", REAL, "rms error over rms spread"),
    Column("force_spread_correlation", REAL, "rank correlation with the error, atoms"),
)

ERRORS = (
    Column("n_frames", COUNT, "frames compared"),
    Column("energy_mae_meV", REAL, "mean absolute error per cell", "meV"),
    Column("energy_rmse_meV", REAL, "root-mean-square error per cell", "meV"),
    Column("energy_mae_meV_per_atom", REAL, "mean absolute error", "meV/atom"),
    Column("energy_rmse_meV_per_atom", REAL, "root-mean-square error", "meV/atom"),
    Column("energy_max_meV_per_atom", REAL, "largest error", "meV/atom"),
    Column("force_mae_meV_per_A", REAL, "mean absolute error", "meV/Å"),
    Column("force_rmse_meV_per_A", REAL, "root-mean-square error", "meV/Å"),
    Column("force_max_meV_per_A", REAL, "largest error of a component", "meV/Å"),
    Column("force_rms_meV_per_A", REAL, "size of the reference forces", "meV/Å"),
)
"""Errors of a force field on labelled frames."""

METRICS = TableSchema(
    "metrics",
    3,
    (
        Column("model", TEXT, "relax, md or a variant of one"),
        Column(
            "split",
            TEXT,
            "train, valid or test; test_seen and test_unseen are those test frames "
            "whose configuration a training or validation frame has, and the others",
        ),
        *ERRORS,
        *_SPREAD,
        *STATUS,
    ),
)

RELAXED = TableSchema(
    "relaxed",
    2,
    (
        CONFIG_ID,
        Column("rank", COUNT, "position in the canonical order of the set"),
        Column("multiplicity", COUNT, "of the configuration"),
        Column("pair_representative", FLAG, "of the configuration"),
        Column("n_atoms", COUNT, "atoms in the cell"),
        Column("numbers", COUNTS, "atomic numbers (N,)"),
        Column("energy_eV", REAL, "energy of the relaxed cell", "eV"),
        Column("positions", REALS, "relaxed positions (N, 3)", "Å"),
        Column("fmax_eV_per_A", REAL, "largest remaining force", "eV/Å"),
        Column("n_steps", COUNT, "optimiser steps"),
        Column("displacement_max_A", REAL, "largest move of an atom", "Å"),
        Column("site_occupancy", BITS, "sites nearest to the ions after relaxation"),
        Column("n_moved", COUNT, "ions that left their site (split sites count as one)"),
        Column(
            "end_arrangement",
            TEXT,
            "symmetry-independent name of what the ions sit on, split sites as one; null "
            "if two ions share a position",
        ),
        *STATUS,
    ),
)

HARMONIC = TableSchema(
    "harmonic",
    1,
    (
        CONFIG_ID,
        Column("energy_eV", REAL, "energy of the stationary point", "eV"),
        Column("displacement_max_A", REAL, "from the relaxed cell to this point", "Å"),
        Column("n_moved", COUNT, "ions that left the site they had in the relaxed cell"),
        Column(
            "residual_force_eV_per_A", REAL, "largest force under the Hessian", "eV/Å"
        ),
        Column("frequencies_THz", REALS, "3N-3 modes; imaginary ones negative", "THz"),
        Column("n_imaginary", COUNT, "modes below the threshold"),
        Column("n_mode_followings", COUNT, "saddle points left along their mode"),
        Column("sum_rule_residual", REAL, "relative violation of the acoustic sum rule"),
        Column("temperatures_K", REALS, "temperatures of the following columns", "K"),
        Column("F_q_eV", REALS, "quantum harmonic free energy", "eV"),
        Column("S_q_eV_per_K", REALS, "quantum harmonic entropy", "eV/K"),
        Column("U_q_eV", REALS, "quantum harmonic internal energy", "eV"),
        Column("zero_point_energy_eV", REAL, "zero-point energy", "eV"),
        *STATUS,
    ),
)

DYNAMICS = TableSchema("dynamics", 3, DYNAMICS_COLUMNS)

IMPORTS = TableSchema(
    "imports",
    1,
    (
        Column("source", TEXT, "file, with '#' and a number where it holds several"),
        Column("config_id", TEXT, "configuration that the structure is; null if none"),
        Column("pair_fingerprint", TEXT, "of that configuration"),
        Column("displacement_max_A", REAL, "largest distance, ion to its site", "Å"),
        Column("displacement_rms_A", REAL, "root-mean-square of these distances", "Å"),
        Column("framework_displacement_max_A", REAL, "likewise for framework atoms", "Å"),
        Column("length_scale", REAL, "lengths of the structure over the parent's"),
        *STATUS,
    ),
)

"""The tables of what trainings learn from, and of trainings beside the campaign."""

from confvib.tables.contracts import ERRORS
from confvib.tables.schema import (
    CONFIG_ID,
    COUNT,
    COUNTS,
    REAL,
    STATUS,
    TEXT,
    Column,
    TableSchema,
)

DATASET = TableSchema(
    "dataset",
    1,
    (
        Column("source", TEXT, "label table that holds the frame"),
        Column("source_row", COUNT, "row of that table, from 0"),
        CONFIG_ID,
        Column("task", TEXT, "label task the frame comes from"),
        Column("copy", COUNT, "which trajectory of this configuration and task, from 0"),
        Column("frame", COUNT, "ionic step within its trajectory"),
        Column("composition", TEXT, "formula of the cell; null without a label"),
        Column("n_atoms", COUNT, "atoms in the cell; null without a label"),
        Column("energy_eV_per_atom", REAL, "potential energy", "eV/atom"),
        Column("max_force_eV_per_A", REAL, "largest force on an atom", "eV/Å"),
        Column("min_distance_A", REAL, "smallest distance of two atoms or images", "Å"),
        Column(
            "duplicate_of",
            COUNT,
            "first row of this table whose cell and atoms are the same to 1e-4 Å; null "
            "if this is the first",
        ),
        Column(
            "status",
            TEXT,
            "ok, or why the frame is not used: unconverged, failed_label, not_finite, "
            "outlier or duplicate",
        ),
        Column("reason", TEXT, "one sentence on the status; empty when ok"),
    ),
)

SELECTION = TableSchema(
    "selection",
    2,
    (
        Column("order", COUNT, "order of choice, from 0; the first n are those of n"),
        Column("row", COUNT, "row among the usable frames of the data set"),
        CONFIG_ID,
        Column("task", TEXT, "label task the frame comes from"),
        Column("copy", COUNT, "which trajectory of this configuration and task, from 0"),
        Column("frame", COUNT, "ionic step within its trajectory"),
        Column("distance", REAL, "to the nearest frame chosen before it"),
        *STATUS,
    ),
)

SWEEP = TableSchema(
    "sweep",
    2,
    (
        Column("sweep", TEXT, "learning_curve, degrees_sweep or selection_gain"),
        Column("model", TEXT, "force field of the point"),
        Column("n_train", COUNT, "frames trained on"),
        Column("degrees", COUNTS, "degrees of the harmonic coordinates"),
        Column("selection", TEXT, "of the training frames: random or farthest_point"),
        Column("repeat", COUNT, "number of the training of this point, from 0"),
        Column(
            "split",
            TEXT,
            "as in metrics; the same test frames everywhere, but which of them are "
            "test_unseen depends on the training frames",
        ),
        *ERRORS,
        *STATUS,
    ),
)

"""The tables of trainings beside the campaign: chosen frames, and sweeps."""

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

SELECTION = TableSchema(
    "selection",
    1,
    (
        Column("order", COUNT, "order of choice, from 0; the first n are those of n"),
        Column("row", COUNT, "row among the usable labelled frames"),
        CONFIG_ID,
        Column("task", TEXT, "label task the frame comes from"),
        Column("frame", COUNT, "ionic step within its trajectory"),
        Column("distance", REAL, "to the nearest frame chosen before it"),
        *STATUS,
    ),
)

SWEEP = TableSchema(
    "sweep",
    1,
    (
        Column("sweep", TEXT, "learning_curve, degrees_sweep or selection_gain"),
        Column("model", TEXT, "force field of the point"),
        Column("n_train", COUNT, "frames trained on"),
        Column("degrees", COUNTS, "degrees of the harmonic coordinates"),
        Column("selection", TEXT, "of the training frames: random or farthest_point"),
        Column("repeat", COUNT, "number of the training of this point, from 0"),
        Column("split", TEXT, "train, valid or test; the same test frames everywhere"),
        *ERRORS,
        *STATUS,
    ),
)

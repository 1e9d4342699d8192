"""The table of a committee: what every member says about every relaxed cell."""

from confvib.tables.schema import (
    CONFIG_ID,
    REAL,
    REALS,
    STATUS,
    TEXTS,
    Column,
    TableSchema,
)

COMMITTEE = TableSchema(
    "committee",
    1,
    (
        CONFIG_ID,
        Column("members", TEXTS, "force fields; the first is the one that relaxed it"),
        Column(
            "energies_eV",
            REALS,
            "of the relaxed cell, one per member; null if one has none",
            "eV",
        ),
        Column("energy_spread_eV", REAL, "sample standard deviation of these", "eV"),
        Column("fmax_eV_per_A", REALS, "largest force there, one per member", "eV/Å"),
        *STATUS,
    ),
)

"""The table of the sets in a union: what part of its weight each of them carries."""

from confvib.tables.schema import COUNT, REAL, STATUS, TEXT, Column, TableSchema

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

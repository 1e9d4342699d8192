"""What became of finished calculations that were imported as labels."""

from confvib.tables.schema import COUNT, REAL, STATUS, TEXT, Column, TableSchema

IMPORTED_RUNS = TableSchema(
    "imported_runs",
    1,
    (
        Column("source", TEXT, "vasprun.xml, as a path below the argument"),
        Column("config_id", TEXT, "configuration its labels are of; null if it has none"),
        Column("mapping", TEXT, "why that is a path and no configuration of the set"),
        Column("task", TEXT, "relaxation, single_point, heating, nve, nvt, npt or other"),
        Column("copy", COUNT, "which trajectory of this configuration and task, from 0"),
        Column("level_of_theory", TEXT, "hash; the campaign's own where it is that"),
        Column("version", TEXT, "of VASP"),
        Column("n_atoms", COUNT, "atoms in the cell"),
        Column("n_ok", COUNT, "frames that a force field can learn from"),
        Column("n_unconverged", COUNT, "frames whose electrons did not converge"),
        Column("n_overflow", COUNT, "frames with a number that VASP printed as stars"),
        Column("n_predicted", COUNT, "steps of VASP's own force field, left out"),
        Column("force_max_eV_per_A", REAL, "largest force on an atom", "eV/Å"),
        *STATUS,
    ),
)

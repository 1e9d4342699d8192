"""The tables that compare phases: differences of G, and where they cross zero."""

from confvib.tables.schema import COUNT, REAL, STATUS, TEXT, Column, TableSchema

_MEV = "meV/atom"
_ENTROPY = "meV/(atom K)"
_PHASE = Column("phase", TEXT, "the other phase: its name in the section phases")
_LEVELS = (
    Column("convention", TEXT, "canonical or published"),
    Column("level", TEXT, "of the campaign's crystal: conf, conf+harmonic or conf+md"),
    Column(
        "phase_level",
        TEXT,
        "of the other phase: the same, but where the paper set G_conf against F_vib",
    ),
)

PHASE_STABILITY = TableSchema(
    "phase_stability",
    1,
    (
        _PHASE,
        Column("set", TEXT, "set of the campaign: 'all' for the union of several"),
        Column("phase_set", TEXT, "set of the other phase"),
        *_LEVELS,
        Column("temperature_K", REAL, "temperature", "K"),
        Column("G_eV_per_atom", REAL, "G of the campaign's crystal", "eV/atom"),
        Column("G_stderr_eV_per_atom", REAL, "its standard error", "eV/atom"),
        Column("phase_G_eV_per_atom", REAL, "G of the other phase", "eV/atom"),
        Column(
            "phase_G_stderr_eV_per_atom",
            REAL,
            "its standard error: 0 for a single configuration without noise",
            "eV/atom",
        ),
        Column(
            "delta_G_meV_per_atom",
            REAL,
            "G of the campaign's crystal minus G of the phase: negative where the "
            "campaign's crystal is the stable one",
            _MEV,
        ),
        Column(
            "delta_G_stderr_meV_per_atom",
            REAL,
            "of sampling and dynamics, in quadrature, not of the force fields; null "
            "where one is not known",
            _MEV,
        ),
        Column(
            "delta_G_eV_per_formula", REAL, "the same per formula unit", "eV/formula unit"
        ),
        Column("delta_average_meV_per_atom", REAL, "difference of ⟨H⟩ or ⟨F⟩", _MEV),
        Column(
            "delta_minus_TS_meV_per_atom",
            REAL,
            "difference of -T S of the convention; with the line above it gives delta_G",
            _MEV,
        ),
        Column("delta_S_meV_per_atom_K", REAL, "difference of this S", _ENTROPY),
        Column(
            "delta_S_vib_meV_per_atom_K",
            REAL,
            "difference of ⟨S_vib⟩, canonical only",
            _ENTROPY,
        ),
        Column(
            "reported_meV_per_atom", REAL, "what the configuration quotes for it", _MEV
        ),
        Column(
            "force_fields",
            TEXT,
            "shared: one for both; own: one each, whose errors do not cancel; reference: "
            "none",
        ),
        *STATUS,
    ),
)

PHASE_CROSSINGS = TableSchema(
    "phase_crossings",
    1,
    (
        _PHASE,
        *_LEVELS,
        Column("n_points", COUNT, "temperatures of the curve"),
        Column("temperature_K", REAL, "where delta_G changes sign; null if nowhere", "K"),
        Column(
            "temperature_stderr_K",
            REAL,
            "standard error of delta_G over its slope; null where not known",
            "K",
        ),
        Column("slope_meV_per_atom_K", REAL, "of delta_G at the crossing", _ENTROPY),
        Column("stable_below", TEXT, "campaign or phase; null without a crossing"),
        *STATUS,
    ),
)

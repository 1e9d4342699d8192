"""What the names of conventions and levels mean to a reader."""

CONVENTIONS = {
    "canonical": "canonical: energies per cell, weights g",
    "published": "published: energies per atom, no weights",
}
"""Name of each convention in the tables and the title of its panels; canonical first."""

LEVELS = {
    "conf": "relaxed energies only",
    "conf+harmonic": "relaxed energies and harmonic vibrations from the Hessian",
    "conf+md": "free energies from molecular dynamics",
}
"""What enters the Boltzmann factors of each level; the order of all tables."""

AVERAGE_SYMBOL = {"conf": "⟨H⟩", "conf+harmonic": "⟨F⟩", "conf+md": "⟨F⟩"}
"""What the column ``average_eV_per_atom`` averages, by level."""

_CANONICAL = (
    "The canonical convention weighs every arrangement with exp(−E/k_B T) of the energy "
    "of the whole cell times its multiplicity, takes S = (U − F)/T and divides by the "
    "number of atoms only at the end; this is statistical mechanics."
)
_PUBLISHED = (
    "The published convention (the paper of 2025) puts energies per atom into the "
    "Boltzmann factors, counts every arrangement once and takes S = k_B ln Z, which "
    "tends to k_B ln n per atom whatever the energies are and is too large by a factor "
    "of the order of the number of atoms; it is shown to compare with the paper and is "
    "not a result."
)
WHY_TWO_CONVENTIONS = (_CANONICAL, _PUBLISHED)
"""Two sentences: what each convention does and why their numbers differ."""

FINITE_CELL = (
    "All arrangements are those of one cell: averages of energies converge fast with its "
    "size, entropies and free energies slowly, since ions that repeat with the cell "
    "cannot be arranged independently. The cell is fixed, so that F stands for G."
)
"""What the finite, fixed cell means for every number."""

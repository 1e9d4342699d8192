"""Files with the layout of a POTCAR, whose numbers mean nothing."""

from ase.data import atomic_masses, atomic_numbers

POTCAR = """  {title}
   {zval:.14f}
 parameters from PSCTR are:
   VRHFIN ={element}: made up
   LEXCH  = PE
   TITEL  = {title}
   POMASS = {mass:8.3f}; ZVAL   = {zval:8.3f}    mass and valenz
   ENMAX  =  100.000; ENMIN  =   75.000 eV
 END of PSCTR-controll parameters
 local part
   1.0 2.0 3.0
 End of Dataset
"""


def potcar_text(element, symbol, valence=1.0):
    """Return the potential ``symbol`` of an element with ASE's mass."""
    return POTCAR.format(
        title=f"PAW_PBE {symbol} 01Jan2000",
        element=element,
        mass=atomic_masses[atomic_numbers[element]],
        zval=valence,
    )


def write_library(root, symbols, potential_set="POT_GGA_PAW_PBE_54"):
    """Write a library as pymatgen lays it out, for PMG_VASP_PSP_DIR.

    Args:
        root: Folder to be made.
        symbols: Symbol of each element, for example {"O": "O_GW"}.
        potential_set: Folder of a set of potentials.
    """
    for element, symbol in symbols.items():
        folder = root / potential_set / symbol
        folder.mkdir(parents=True)
        (folder / "POTCAR").write_text(potcar_text(element, symbol))

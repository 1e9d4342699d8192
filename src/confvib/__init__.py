"""confvib: configurational and vibrational free energies of site-disordered crystals."""

__version__ = "0.1.0"

"""Statistical thermodynamics on NumPy arrays: no files, no JAX, eV per cell."""

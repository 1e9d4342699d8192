"""Density-functional labels by VASP, run under custodian."""

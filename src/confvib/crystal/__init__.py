"""The site-disordered crystal: parent lattice, symmetry and exact enumeration."""

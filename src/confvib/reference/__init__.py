"""Label engines: reference energies and forces behind one protocol."""

"""All that the Snakefile imports: configuration, names, identities; no JAX."""

"""The file contracts: Parquet schemas with units, atomic writes, provenance."""

"""The command ``confvib``: count, export and import configurations."""

"""Force field: neighbours, So3krates, the potential protocol and its checkpoints."""

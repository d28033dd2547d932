"""Statistics: what units, areas and sessions can be told apart by."""

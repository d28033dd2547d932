"""How a network learns a task."""

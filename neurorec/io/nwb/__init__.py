"""NWB: the door through which recorded data come in, and simulated data go out."""

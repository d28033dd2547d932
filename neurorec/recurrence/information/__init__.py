"""Information: what activity says about the class of a trial."""

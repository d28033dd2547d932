"""The classic recurrent systems, each with what its paper shows, measured again."""

from neurorec.study.classics.catalogue import CLASSICS, Classic
from neurorec.study.classics.running import Reproduced, reproduce_classic

__all__ = ["CLASSICS", "Classic", "Reproduced", "reproduce_classic"]

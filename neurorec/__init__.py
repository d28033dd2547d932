"""neurorec: how much of a neuron's activity is explained by the network around it?

Every public name is listed in `__init__.pyi` and loaded on first use, so that ``import neurorec`` is immediate.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("neurorec")
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

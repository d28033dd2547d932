"""Design matrices as operators: in memory, in blocks, side by side, or never made at all."""

from neurorec.glm.designs.blocked import BlockedDesign
from neurorec.glm.designs.dense import DenseDesign
from neurorec.glm.designs.lagged import LaggedDesign, worthwhile
from neurorec.glm.designs.masked import MaskedDesign
from neurorec.glm.designs.protocol import Design, block_bounds_of
from neurorec.glm.designs.reading import as_design, check_finite, column_moments, column_ranges, same_design
from neurorec.glm.designs.stacked import StackedDesign, stack_designs
from neurorec.glm.designs.transformed import TransformedDesign

__all__ = [
    "BlockedDesign",
    "DenseDesign",
    "Design",
    "LaggedDesign",
    "MaskedDesign",
    "StackedDesign",
    "TransformedDesign",
    "as_design",
    "block_bounds_of",
    "check_finite",
    "column_moments",
    "column_ranges",
    "same_design",
    "stack_designs",
    "worthwhile",
]

"""Pictures for the notebooks: each function gives a matplotlib figure and its alternative text; ``show`` shows both.

One style, Okabe and Ito's colours, labels where the lines and bars are, white background also on dark pages.
"""

from helpers.figures.pictures import channels, grid
from helpers.figures.requests import encoded_sizes, fitting, sizes, timeline, timelines
from helpers.figures.scaling import backlog, costs
from helpers.figures.style import Described, Shown, show, styled

__all__ = [
    "Described",
    "Shown",
    "backlog",
    "channels",
    "costs",
    "encoded_sizes",
    "fitting",
    "grid",
    "show",
    "sizes",
    "styled",
    "timeline",
    "timelines",
]

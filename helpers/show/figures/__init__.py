"""Pictures for the notebooks: each function gives a matplotlib figure and its alternative text; ``show`` shows both.

One style, Okabe and Ito's colours, labels where the lines and bars are, white background also on dark pages.
"""

from helpers.show.figures.pictures import channels, grid
from helpers.show.figures.requests import encoded_sizes, fitting, sizes, timeline, timelines
from helpers.show.figures.scaling import backlog, costs
from helpers.show.figures.style import Described, Shown, show, styled

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

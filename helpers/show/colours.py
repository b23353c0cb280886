"""Okabe and Ito's palette, told apart by colour-blind readers; M. Okabe and K. Ito, "Color Universal Design".

Style sheets and scripts repeat what they use of it; tests/helpers/show/test_colours.py compares.
"""

ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE = "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"

"""What people see: tables, checks, checkpoints, questions, figures, galleries, the pixel inspector."""

from helpers.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

"""The workshop's client: what notebooks, commands and builds import, a room for each purpose.

Each room has a face, its ``__init__``: what it offers to others is listed in the ``__init__.pyi`` beside it and loaded
when it is asked for, so that a name costs no more than the modules behind it.
"""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

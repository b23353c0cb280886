"""Models: look-ups in JumpStart, what is inside an artifact, and repackaging for the endpoint."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

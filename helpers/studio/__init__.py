"""The prompt studio: a form, the requests on their way, and a gallery, as widgets."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

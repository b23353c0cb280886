"""Before the first deployment: are this machine and the target ready?"""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

"""Models: look-ups in JumpStart, what is inside an artifact, and repackaging for the endpoint."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

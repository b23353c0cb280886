"""The prompt studio: a form, the requests on their way, and a gallery, as widgets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

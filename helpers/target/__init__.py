"""A target and its clients: the local cloud or AWS, explained errors, the bucket, the handle on a deployed workshop."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

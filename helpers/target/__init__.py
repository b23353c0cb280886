"""A target and its clients: the local cloud or AWS, explained errors, the bucket, the handle on a deployed workshop."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

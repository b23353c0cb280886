"""The prompt studio: a form, the requests on their way, and the pictures, in a notebook or on a page of its own."""

from helpers.studio.studio import Studio

__all__ = ["Studio"]

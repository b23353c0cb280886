"""Prompts and what becomes of them: connection, parameters, jobs, waiting, results, timelines."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

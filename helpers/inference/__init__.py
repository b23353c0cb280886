"""Prompts and what becomes of them: connection, parameters, jobs, waiting, results, timelines."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

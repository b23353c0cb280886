"""A running workshop: logs, metrics, alarms, dead letters, versions, scaling, costs, and its end."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

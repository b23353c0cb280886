"""A running workshop: logs, metrics, alarms, dead letters, versions, scaling, costs, and its end."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

"""JumpStart's artifacts into one model for a SageMaker endpoint."""

from helpers.model.repackage.core import look_up, package, repackage
from helpers.model.repackage.packaged import PackagedModel, Source, Stored

__all__ = ["PackagedModel", "Source", "Stored", "look_up", "package", "repackage"]

"""From a working copy to a deployed workshop: synthesis and the CDK's CLI, pushes, the pipeline, its smoke test."""

from helpers.target.faces import face

__getattr__, __dir__, __all__ = face(__name__, __file__)

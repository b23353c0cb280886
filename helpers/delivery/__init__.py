"""From a working copy to a deployed workshop: synthesis and the CDK's CLI, pushes, the pipeline, its smoke test."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

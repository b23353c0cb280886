"""One run on AWS, recorded, and held against the local cloud: ``make verify-aws`` and ``make replay``."""

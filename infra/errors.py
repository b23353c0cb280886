"""The errors of this package: every one says what was wrong, where, and what to do."""

from __future__ import annotations


class InfraError(Exception):
    """Base of all errors that the CDK app raises on purpose."""


class BundlingError(InfraError):
    """A Lambda function's folder or its requirements cannot be made into a bundle."""

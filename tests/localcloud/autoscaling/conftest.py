"""The same cloud and model as the SageMaker tests."""

from __future__ import annotations

from tests.localcloud.sagemaker.conftest import world

__all__ = ["world"]

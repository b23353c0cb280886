"""The same cloud and model as the SageMaker tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "sagemaker_test_world"
if _NAME not in sys.modules:
    _path = Path(__file__).parents[1] / "sagemaker" / "conftest.py"
    _spec = importlib.util.spec_from_file_location(_NAME, _path)
    assert _spec
    assert _spec.loader
    _module = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _module
    _spec.loader.exec_module(_module)

world = sys.modules[_NAME].world

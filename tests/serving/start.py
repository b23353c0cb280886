"""The entry point of AWS's PyTorch container; its one file outside of the model's folder moves to this one."""

import os

from sagemaker_pytorch_serving_container import serving, torchserve

torchserve.TS_CONFIG_FILE = os.path.join(os.getcwd(), "sagemaker-ts.properties")  # noqa: PTH109, PTH118 - as the toolkit does
serving.main()

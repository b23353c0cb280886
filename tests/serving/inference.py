"""The code of a model that is slow, large or broken on request; both sides load it as code/inference.py."""

import json
import time

try:
    from sagemaker_inference.errors import BaseInferenceToolkitError
except ImportError:

    class BaseInferenceToolkitError(Exception):
        """Stands for the toolkit's where there is none."""

        def __init__(self, status_code, message, phrase):
            super().__init__(status_code, message, phrase)
            self.status_code, self.message, self.phrase = status_code, message, phrase


class Foreign(Exception):
    """Has a status, and is nothing to the toolkit."""

    status_code = 400


def model_fn(model_dir):
    return "loaded"


def input_fn(body, content_type):
    return json.loads(body)


def predict_fn(data, model):
    time.sleep(data.get("sleep", 0))
    if data.get("refuse"):
        raise BaseInferenceToolkitError(422, "width must be a multiple of 8", "Unprocessable Entity")
    if data.get("foreign"):
        raise Foreign("width must be a multiple of 8")
    if data.get("raise"):
        raise ValueError("the model is broken")
    return data.get("fill", 0)


def output_fn(prediction, accept):
    return json.dumps({"fill": "x" * prediction})

"""The inference toolkit's contract (aws/sagemaker-inference-toolkit, ``transformer.py``), without a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from localcloud.sagemaker.container import _forget_project, _name_missing_requirements
from localcloud.sagemaker.handlers import Handler, HandlerError, load_script
from localcloud.sagemaker.process import ContainerSpec

JSON = "application/json"


def module(**functions: Any) -> ModuleType:
    made = ModuleType("inference")
    made.__file__ = "/somewhere/inference.py"
    base: dict[str, Any] = {
        "model_fn": lambda folder: "model",
        "input_fn": lambda body, content_type: body,
        "predict_fn": lambda data, model: data,
        "output_fn": lambda prediction, accept: prediction,
    }
    for name, function in (base | functions).items():
        if function is not None:
            setattr(made, name, function)
    return made


def answer(made: ModuleType, body: bytes = b"{}", **headers: str) -> Any:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Handler(made, Path("/model")).answer(bytearray(body), given)


@pytest.mark.parametrize(("content_type", "kind"), [(JSON, "str"), ("text/csv", "str"), ("image/png", "bytearray")])
def test_json_and_csv_arrive_as_text(content_type: str, kind: str) -> None:
    made = module(output_fn=lambda prediction, accept: type(prediction).__name__)
    assert answer(made, Content_Type=content_type).body == kind.encode()


def test_content_type_of_the_answer_is_what_was_accepted_or_the_handler_says() -> None:
    assert answer(module(), Accept="text/csv").content_type == "text/csv"
    assert answer(module(), Accept="*/*").content_type == JSON
    assert answer(module(output_fn=lambda p, accept: (b"x", "image/png"))).content_type == "image/png"


def test_default_accept_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv")
    assert answer(module()).content_type == "text/csv"


def test_context_is_the_optional_last_argument() -> None:
    def predict(data: Any, model: Any, context: Any) -> str:
        context.set_response_content_type(0, "text/x")
        context.set_response_header(0, "X-Amzn-SageMaker-Custom-Attributes", "trace=1")
        context.set_response_status(code=201)
        return (
            f"{context.get_request_header(0, 'x-amzn-sagemaker-inference-id')} {context.system_properties['model_dir']}"
        )

    got = answer(module(predict_fn=predict), X_Amzn_SageMaker_Inference_Id="id-1")
    assert (got.body, got.content_type, got.custom_attributes, got.status) == (b"id-1 /model", "text/x", "trace=1", 201)


class BaseInferenceToolkitError(Exception):
    """As a model brings it where the toolkit is not installed."""


class Teapot(BaseInferenceToolkitError):
    status_code = 418
    message = "short and stout"


class Odd(Exception):
    status_code = 418  # not the toolkit's class, so nothing to the toolkit


@pytest.mark.parametrize(("error", "status"), [(Teapot(), 418), (ValueError("no"), 500), (Odd("x"), 500)])
def test_exceptions_become_statuses_with_message_and_traceback(error: Exception, status: int) -> None:
    def predict(data: Any, model: Any) -> Any:
        raise error

    got = answer(module(predict_fn=predict))
    assert got.status == status
    first, _, rest = got.body.decode().partition("\n")
    assert first == getattr(error, "message", str(error))
    assert rest.startswith("Traceback")


def test_an_answer_that_is_neither_text_nor_bytes_is_an_error() -> None:
    got = answer(module(output_fn=lambda p, accept: {"a": 1}))
    assert (got.status, b"dict; it must be text or bytes" in got.body) == (500, True)


@pytest.mark.parametrize(
    ("missing", "named"), [("model_fn", "model_fn"), ("input_fn", "input_fn"), ("output_fn", "output_fn")]
)
def test_missing_handlers_are_named(missing: str, named: str) -> None:
    with pytest.raises(HandlerError, match=rf"code/inference\.py has no {named}"):
        Handler(module(**{missing: None}), Path("/model"))


@pytest.fixture
def import_state() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_script_imports_its_neighbours(tmp_path: Path, import_state: None) -> None:
    (tmp_path / "neighbour_of_script.py").write_text("VALUE = 7")
    (tmp_path / "entry_point.py").write_text("from neighbour_of_script import VALUE")
    assert load_script("entry_point.py", tmp_path).VALUE == 7
    with pytest.raises(HandlerError, match=r"has no code/other\.py"):
        load_script("other.py", tmp_path)


def test_requirements_that_are_not_installed_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "requirements.txt").write_text("# comment\nboto3>=1\nno-such-package==1.0\n-r other.txt\n")
    _name_missing_requirements(tmp_path)
    assert capsys.readouterr().err == (
        "code/requirements.txt wants no-such-package==1.0, which is not installed; the local cloud installs nothing\n"
    )


def test_container_paths_and_a_model_s_own_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"PYTHONPATH": "/extra", "A": "/opt/ml/model/code", "B": "/opt/ml/models", "C": "x /opt/ml/model"}
    spec = ContainerSpec(tmp_path, "inference.py", "/opt/ml/model/code", 1, given, tmp_path / "lifeline")
    monkeypatch.setenv("SECRET_OF_THE_HOST", "x")
    got = spec.variables()
    assert got["A"] == got["SAGEMAKER_SUBMIT_DIRECTORY"] == str(tmp_path / "model" / "code")
    assert (got["B"], got["C"]) == ("/opt/ml/models", "x /opt/ml/model")
    assert "SECRET_OF_THE_HOST" not in got
    assert got["PYTHONPATH"] == "/extra"
    monkeypatch.setattr(sys, "path", ["/extra", "/project", "/project/models"])
    _forget_project(["/project", "/project/models"])
    assert sys.path == ["/extra"]

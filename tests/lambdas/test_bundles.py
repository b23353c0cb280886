"""What holds for each function's bundle: whole in itself, and nothing in it that it does not need."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import shared

LAMBDAS = Path(shared.__file__).parents[1]
FUNCTIONS = ["save_status", "extract_images", "expire"]
# In every Python runtime of AWS Lambda: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
RUNTIME = ["boto3", "botocore", "s3transfer", "python-dateutil", "six", "urllib3", "jmespath"]


def requirements(function):
    lines = (LAMBDAS / function / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def names(function):
    return [line.partition("==")[0] for line in requirements(function)]


def link(distributions, folder):
    """Make a folder that holds nothing but these distributions of the environment, as if installed there."""
    for name in distributions:
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            target = folder / top
            if not target.exists():
                target.symlink_to(Path(str(distribution.locate_file(top))))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_requirements_are_pinned_and_whole(function):
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in requirements(function))
    for name in names(function):
        for needed in metadata.requires(name) or []:
            if "extra ==" not in needed:
                assert re.split(r"[^A-Za-z0-9._-]", needed)[0].lower().replace("_", "-") in names(function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_pins_are_the_versions_tested_here(function):
    assert {name: metadata.version(name) for name in names(function)} == dict(
        line.split("==") for line in requirements(function)
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_import_is_declared(function):
    """Also those inside of functions, which importing the handler does not reach."""
    provided = {"boto3", "botocore", function, "shared"}
    shared = LAMBDAS / "shared" if uses_shared(function) else LAMBDAS / "none"
    for package, distributions in metadata.packages_distributions().items():
        if {name.lower().replace("_", "-") for name in distributions} & set(names(function)):
            provided.add(package)
    for path in [*(LAMBDAS / function).glob("**/*.py"), *shared.glob("**/*.py")]:
        tree = ast.parse(path.read_text())
        typing_only = {
            node
            for block in ast.walk(tree)
            if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
            for node in ast.walk(block)
        }
        for node in ast.walk(tree):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name}: relative import"
                modules = [node.module or ""]
            if node not in typing_only:
                tops = {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)
                assert tops <= provided, f"{path.name}:{getattr(node, 'lineno', 0)}"


def uses_shared(function):
    """The shared package is in every bundle; what it needs only in those of functions that import it."""
    return any("from shared" in path.read_text() for path in (LAMBDAS / function).glob("*.py"))


REFUSALS = {"save_status": "MalformedEventError", "extract_images": "MalformedEventError", "expire": "SettingsError"}
"""What each function raises for an event, or an environment, that is not its own."""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_bundle_works_in_an_isolated_interpreter(function, tmp_path):
    """With the package, its requirements and Lambda's own boto3; without this environment's other packages."""
    bundle, runtime = tmp_path / "bundle", tmp_path / "runtime"
    bundle.mkdir()
    runtime.mkdir()
    for package in (function, "shared"):
        (bundle / package).symlink_to(LAMBDAS / package)
    link(names(function), bundle)
    link(RUNTIME, runtime)
    program = f"""
import sys
sys.path[:0] = [{str(bundle)!r}, {str(runtime)!r}]
import {function}.handler
for unwanted in ("PIL", "numpy", "pydantic", "moto"):
    assert unwanted not in sys.modules, unwanted
try:
    {function}.handler.handler({{"Records": []}}, type("Context", (), dict.fromkeys(
        ("function_name", "memory_limit_in_mb", "invoked_function_arn", "aws_request_id"))))
except Exception as error:
    assert type(error).__name__ == {REFUSALS[function]!r}, repr(error)
    print("refused")
"""
    environment = {"POWERTOOLS_METRICS_NAMESPACE": "Workshop", "POWERTOOLS_SERVICE_NAME": function}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert "refused" in done.stdout, done.stderr


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_nothing_of_the_other(function):
    others = "|".join(set(FUNCTIONS) - {function})
    for folder in (function, "shared"):
        for path in (LAMBDAS / folder).glob("**/*.py"):
            assert not re.search(rf"^\s*(from|import) ({others})\b", path.read_text(), re.MULTILINE), path

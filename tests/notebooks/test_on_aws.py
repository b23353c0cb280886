"""Notebooks with target aws, as far as they go without AWS: its clients, its JumpStart and its pace, on a local cloud.

boto3 goes where ``AWS_ENDPOINT_URL`` says; everything else is what a kernel does in an account. No instance starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.commands import notebooks
from helpers.inference import Connection
from tests.clouds import deployed_copy, import_path, private_environment
from tests.jumpstart_as_on_aws import as_on_aws

pytestmark = [pytest.mark.rare, pytest.mark.cloud, pytest.mark.timeout(900)]

MINUTES = 10


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Connection]]:
    folder = tmp_path_factory.mktemp("on-aws") / "workshop"
    with deployed_copy(folder) as connection, as_on_aws(connection):
        yield folder, connection


@pytest.mark.parametrize("name", ["00_start_here", "02_explore_the_model", "04_from_json_to_png"])
def test_notebook(
    deployed: tuple[Path, Connection], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, connection = deployed
    private = private_environment(tmp_path / "home") | {"PYTHONPATH": import_path(folder)}
    for variable, value in {**private, **connection.environment, "WORKSHOP_WORKSHOP_TARGET": "aws"}.items():
        monkeypatch.setenv(variable, value)
    notebooks.execute(folder / "notebooks" / f"{name}.ipynb", tmp_path / f"{name}.ipynb", minutes=MINUTES)

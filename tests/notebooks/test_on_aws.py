"""Notebook 02 with target aws, as far as it goes without AWS: its clients and its JumpStart, on a local cloud.

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
NAME = "02_explore_the_model.ipynb"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Connection]]:
    folder = tmp_path_factory.mktemp("on-aws") / "workshop"
    with deployed_copy(folder) as connection, as_on_aws(connection):
        yield folder, connection


def test_the_model_is_explored_where_jumpstart_lacks_it(
    deployed: tuple[Path, Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, connection = deployed
    private = private_environment(tmp_path / "home") | {"PYTHONPATH": import_path(folder)}
    for variable, value in {**private, **connection.environment, "WORKSHOP_WORKSHOP_TARGET": "aws"}.items():
        monkeypatch.setenv(variable, value)
    notebooks.execute(folder / "notebooks" / NAME, tmp_path / NAME, minutes=MINUTES)

import pytest

from contract.errors import DeploymentError
from helpers import operations
from tests.helpers.operations.deployed.conftest import SMALL

pytestmark = pytest.mark.cloud


def quiet(text: str) -> None:
    pass


def status_of(connection):
    stack = connection.settings.application_stack
    return connection.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]


def keys(connection, bucket):
    return {item["Key"] for item in connection.client("s3").list_objects_v2(Bucket=bucket).get("Contents", ())}


def test_a_bad_version_is_taken_back_and_the_old_one_serves(deployed):
    serving = next(version for version in operations.versions(deployed) if version.state == "serves")
    bucket = serving.model_data.removeprefix("s3://").partition("/")[0]
    before, said = keys(deployed, bucket), []
    bad = operations.try_bad_version(deployed, said.append)
    assert (bad.status, status_of(deployed)) == ("UPDATE_ROLLBACK_COMPLETE",) * 2
    assert bad.unharmed
    assert bad.before == bad.after == serving.config
    assert "broken-on-purpose/" in bad.reasons[0]
    assert "tar.gz" in bad.reasons[0]
    assert "UPDATE_FAILED" in str(bad)
    assert "UPDATE_FAILED" in bad._repr_html_()
    assert any("update failed" in line for line in said)
    assert keys(deployed, bucket) == before, "the broken model is gone again"
    assert deployed.generate("a cloud", seed=7, **SMALL).wait(120).images


def test_after_a_bad_version_the_stack_takes_a_good_one_and_the_history_shows_all(deployed):
    operations.try_bad_version(deployed, quiet)
    serving = next(version for version in operations.versions(deployed) if version.state == "serves")
    bucket = serving.model_data.removeprefix("s3://").partition("/")[0]
    copy = serving.model_key.replace("model.tar.gz", "copy.tar.gz")
    source = {"Bucket": bucket, "Key": serving.model_key}
    deployed.client("s3").copy_object(Bucket=bucket, Key=copy, CopySource=source)

    assert operations.roll_back(deployed, copy, quiet) == "UPDATE_COMPLETE"
    states = {version.model_key: version.state for version in operations.versions(deployed)}
    assert states[copy] == "serves"
    assert operations.roll_back(deployed, serving.model_key, quiet) == "UPDATE_COMPLETE"
    listing = operations.versions(deployed)
    assert listing[0].state == "serves"
    assert listing[0].model_key == serving.model_key
    assert "refused" in {version.state for version in listing}
    assert "deleted" in {version.state for version in listing}
    assert [version.made for version in listing] == sorted((version.made for version in listing), reverse=True)


def test_rolling_back_to_what_is_not_there_is_refused_with_what_is(deployed):
    before = status_of(deployed)
    with pytest.raises(DeploymentError, match=r"models/nothing\.tar\.gz is not there; the bucket holds models/"):
        operations.roll_back(deployed, "models/nothing.tar.gz", quiet)
    assert status_of(deployed) == before


def test_a_change_that_changes_nothing_is_said(deployed):
    serving = next(version for version in operations.versions(deployed) if version.state == "serves")
    with pytest.raises(DeploymentError, match="was not made"):
        operations.roll_back(deployed, serving.model_key, quiet)

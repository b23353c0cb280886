"""AWS Lambda: versions, aliases and layers."""

from __future__ import annotations

import io
import zipfile

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import ONE, active, function
from tests.localcloud.conftest import zipped

API = "lambda/latest/api/"
RECORDED = "localstack:tests/aws/services/lambda_/test_lambda_api.py::"


@behaviour(
    "lambda",
    ("UpdateFunctionCode", "PublishVersion"),
    "A revision that is not the latest is refused",
    RECORDED + "TestLambdaRevisions::test_function_revisions_basic",
)
def test_revision(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    words = "The Revision Id provided does not match the latest Revision Id."
    with aws.refused("PreconditionFailedException", words, status=412):
        client.update_function_code(FunctionName=name, ZipFile=zipped(ONE), RevisionId="other")
    with aws.refused("PreconditionFailedException", words, status=412):
        client.publish_version(FunctionName=name, RevisionId="other")


@behaviour(
    "lambda",
    ("PublishVersion", "CreateAlias", "UpdateAlias", "GetAlias", "Invoke", "ListVersionsByFunction"),
    "An alias runs the version that it points to",
    RECORDED + "TestLambdaAlias::test_alias_lifecycle",
)
def test_versions(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    assert client.publish_version(FunctionName=name)["Version"] == "1"
    client.update_function_code(FunctionName=name, ZipFile=zipped("def handler(event, context): return 2"))
    active(aws, name)
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    listed = client.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    first = client.invoke(FunctionName=name, Qualifier="live")
    assert (first["ExecutedVersion"], first["Payload"].read()) == ("1", b"1")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    second = client.invoke(FunctionName=f"{name}:live")
    assert (second["ExecutedVersion"], second["Payload"].read()) == ("2", b"2")
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"


@behaviour(
    "lambda",
    ("CreateAlias", "DeleteAlias", "GetAlias"),
    "An alias of a version that does not exist, and a name that is taken, are refused; a deleted alias is gone",
    RECORDED + "TestLambdaAlias::test_notfound_and_invalid_routingconfigs",
)
def test_aliases(aws: Account, role: str) -> None:
    name, client = function(aws, role), aws.client("lambda")
    with aws.refused("ResourceNotFoundException", f"Function not found: arn:aws:lambda:{aws.region}:", f":{name}:10"):
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="10")
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    with aws.refused("ResourceConflictException", "Alias already exists: arn:aws:lambda:", f":{name}:live"):
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
    client.delete_alias(FunctionName=name, Name="live")
    with aws.refused("ResourceNotFoundException", f":{name}:live"):
        client.get_alias(FunctionName=name, Name="live")


@behaviour(
    "lambda",
    "GetFunction",
    "A version that does not exist is not found",
    RECORDED + "TestLambdaFunction::test_ops_on_nonexisting_version",
)
def test_unknown_version(aws: Account, role: str) -> None:
    name = function(aws, role)
    with aws.refused("ResourceNotFoundException", f"function:{name}:1221", status=404):
        aws.client("lambda").get_function(FunctionName=name, Qualifier="1221")


@behaviour(
    "lambda",
    "PublishVersion",
    "A version of other code than expected is refused",
    RECORDED + "TestLambdaVersions::test_publish_with_wrong_sha256",
)
def test_digest(aws: Account, role: str) -> None:
    with aws.refused("InvalidParameterValueException", "CodeSHA256 (other) is different from current CodeSHA256"):
        aws.client("lambda").publish_version(FunctionName=function(aws, role), CodeSha256="other")


@behaviour(
    "lambda",
    ("PublishLayerVersion", "UpdateFunctionConfiguration", "Invoke", "GetLayerVersion", "DeleteLayerVersion"),
    "A function can import from a layer",
    "lambda/latest/dg/packaging-layers.html",
)
def test_layer(aws: Account, role: str) -> None:
    client, layer = aws.client("lambda"), aws.name("layer")
    content = _layer("python/from_layer.py", "answer = 42")
    published = client.publish_layer_version(LayerName=layer, Content={"ZipFile": content})
    assert client.get_layer_version(LayerName=layer, VersionNumber=1)["LayerVersionArn"].endswith(f":layer:{layer}:1")
    source = "def handler(event, context):\n    import from_layer\n    return from_layer.answer"
    name = active(aws, aws.function(source, Role=role).split(":")[-1])
    assert client.invoke(FunctionName=name)["FunctionError"] == "Unhandled"
    client.update_function_configuration(FunctionName=name, Layers=[published["LayerVersionArn"]])
    active(aws, name)
    assert client.invoke(FunctionName=name)["Payload"].read() == b"42"
    client.delete_layer_version(LayerName=layer, VersionNumber=1)
    with aws.refused("ResourceNotFoundException", "The resource you requested does not exist."):
        client.get_layer_version(LayerName=layer, VersionNumber=1)


@behaviour(
    "lambda",
    ("CreateFunction", "DeleteLayerVersion"),
    "A layer that does not exist, and two versions of one, are refused",
    RECORDED + "TestLambdaLayer::test_layer_function_exceptions",
)
def test_refused_layers(aws: Account, role: str) -> None:
    arn = f"arn:aws:lambda:{aws.region}:{aws.account}:layer:none"
    with aws.refused("InvalidParameterValueException", f"Layer version {arn}:1 does not exist."):
        aws.function(ONE, Role=role, Layers=[f"{arn}:1"])
    with aws.refused("InvalidParameterValueException", "Two different versions of the same layer are not allowed"):
        aws.function(ONE, Role=role, Layers=[f"{arn}:1", f"{arn}:2"])
    with aws.refused("InvalidParameterValueException", "Cannot reference more than 5 layers."):
        aws.function(ONE, Role=role, Layers=[f"{arn}{number}:1" for number in range(6)])
    aws.client("lambda").delete_layer_version(LayerName="none", VersionNumber=1)


def _layer(path: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(path, text)
    return buffer.getvalue()

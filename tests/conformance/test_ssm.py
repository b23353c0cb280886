"""AWS Systems Manager Parameter Store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account
from tests.conformance.functions import unchecked

API = "systems-manager/latest/APIReference/"
PUT = API + "API_PutParameter.html"
GUIDE = "systems-manager/latest/userguide/"


def parameter(aws: Account, name: str = "", **settings: Any) -> str:
    """A new parameter, deleted after the test; its name."""
    name = name or "/" + aws.name("p")
    given = {"Name": name, "Value": "v", "Type": "String", **settings}
    unchecked(aws, "ssm").put_parameter(**{key: value for key, value in given.items() if value is not None})
    aws.later(aws.client("ssm").delete_parameter, Name=name)
    return name


@behaviour("ssm", ("PutParameter", "GetParameter", "DeleteParameter"), "A parameter is kept until it is deleted", PUT)
def test_life_cycle(aws: Account) -> None:
    ssm, name = aws.client("ssm"), "/" + aws.name("p")
    assert ssm.put_parameter(Name=name, Value="one", Type="String")["Version"] == 1
    found = ssm.get_parameter(Name=name)["Parameter"]
    assert (found["Value"], found["Type"], found["Version"], found["DataType"]) == ("one", "String", 1, "text")
    assert found["ARN"] == f"arn:aws:ssm:{aws.region}:{aws.account}:parameter{name}"
    ssm.delete_parameter(Name=name)
    with aws.refused("ParameterNotFound"):
        ssm.get_parameter(Name=name)
    with aws.refused("ParameterNotFound"):
        ssm.delete_parameter(Name=name)


@behaviour("ssm", "PutParameter", "A parameter that exists is only replaced with Overwrite", PUT)
def test_overwrite(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws)
    with aws.refused("ParameterAlreadyExists", "To overwrite this value, set the overwrite option in the request to"):
        ssm.put_parameter(Name=name, Value="two", Type="String")
    assert ssm.put_parameter(Name=name, Value="two", Overwrite=True)["Version"] == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/b", "Parameter name must be a fully qualified name."),
        ("a b", "each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"),
        ("/a//b", "each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"),
        ("/a@b", "each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_"),
        ("/x/", "slash"),
        ("ssm-x", "can't be prefixed with"),
        ("AWSx", "can't be prefixed with"),
        ("/ssm/x", "can't be prefixed with"),
    ],
)
@behaviour("ssm", "PutParameter", "The name {name} is refused", GUIDE + "sysman-paramstore-su-create.html")
def test_name(aws: Account, name: str, words: str) -> None:
    with aws.refused("ValidationException", words):
        parameter(aws, name)


@behaviour("ssm", "PutParameter", "Names below /aws are AWS's", GUIDE + "sysman-paramstore-su-create.html")
def test_name_of_aws(aws: Account) -> None:
    with aws.refused("AccessDeniedException", "No access to reserved parameter name: aws/x."):
        parameter(aws, "/aws/x")


@behaviour("ssm", "PutParameter", "A hierarchy has 15 levels at most", PUT)
def test_levels(aws: Account) -> None:
    root = "/" + aws.name("p")
    parameter(aws, root + "/x" * 14)
    with aws.refused("HierarchyLevelLimitExceededException"):
        parameter(aws, root + "/x" * 15)


@pytest.mark.parametrize("kind", ["Bogus", "string"])
@behaviour("ssm", "PutParameter", "The type {kind} is refused", PUT)
def test_type(aws: Account, kind: str) -> None:
    with aws.refused("ValidationException", f"Value '{kind}' at 'type' failed to satisfy constraint: Member must sat"):
        parameter(aws, Type=kind)


@behaviour("ssm", "PutParameter", "A new parameter needs a type", PUT)
def test_no_type(aws: Account) -> None:
    with aws.refused("ValidationException", "A parameter type is required when you create a parameter."):
        parameter(aws, Type=None)


@behaviour("ssm", "PutParameter", "An empty value is refused", PUT)
def test_empty(aws: Account) -> None:
    with aws.refused(
        "ValidationException", "Value '' at 'value' failed to satisfy constraint: Member must have length"
    ):
        parameter(aws, Value="")


@pytest.mark.parametrize(("tier", "limit"), [("Standard", 4096), ("Advanced", 8192)])
@behaviour(
    "ssm",
    ("PutParameter", "GetParameter"),
    "A {tier} parameter has {limit} characters at most",
    GUIDE + "parameter-store-advanced-parameters.html",
)
def test_size(aws: Account, tier: str, limit: int) -> None:
    name = parameter(aws, Value="x" * limit, Tier=tier)
    assert len(aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]) == limit
    with aws.refused("ValidationException", f"{tier} tier parameters support a maximum parameter value of {limit}"):
        parameter(aws, Value="x" * (limit + 1), Tier=tier)


@behaviour(
    "ssm",
    "PutParameter",
    "An advanced parameter does not become a standard one",
    GUIDE + "parameter-store-advanced-parameters.html",
)
def test_downgrade(aws: Account) -> None:
    name = parameter(aws, Tier="Advanced")
    with aws.refused("ValidationException", "You can't downgrade a parameter from the advanced-parameter tier"):
        aws.client("ssm").put_parameter(Name=name, Value="x", Tier="Standard", Overwrite=True)


@behaviour("ssm", "PutParameter", "A value must match AllowedPattern", PUT)
def test_pattern(aws: Account) -> None:
    parameter(aws, Value="123", AllowedPattern=r"^\d+$")
    with aws.refused("ParameterPatternMismatchException", "cannot be validated against allowedPattern: ^"):
        parameter(aws, Value="12x", AllowedPattern=r"^\d+$")
    with aws.refused("InvalidAllowedPatternException"):
        parameter(aws, AllowedPattern="(")


@behaviour("ssm", "PutParameter", "A parameter keeps its type", PUT)
def test_type_change(aws: Account) -> None:
    name = parameter(aws)
    with aws.refused("HierarchyTypeMismatchException"):
        aws.client("ssm").put_parameter(Name=name, Value="x", Type="SecureString", Overwrite=True)


@behaviour("ssm", "PutParameter", "Tags and Overwrite exclude each other", PUT)
def test_tags_and_overwrite(aws: Account) -> None:
    with aws.refused("ValidationException", "tags and overwrite can't be used together"):
        parameter(aws, Overwrite=True, Tags=[{"Key": "a", "Value": "b"}])


@pytest.mark.parametrize("kind", ["Text", "integer"])
@behaviour("ssm", "PutParameter", "The data type {kind} is refused", PUT)
def test_data_type(aws: Account, kind: str) -> None:
    with aws.refused("ValidationException", f"The following data type is not supported: {kind}"):
        parameter(aws, DataType=kind)


@pytest.mark.parametrize(
    ("code", "settings"),
    [
        ("InvalidKeyId", {"Type": "SecureString", "KeyId": "alias/own"}),
        ("InvalidPolicyTypeException", {"Tier": "Advanced", "Policies": '[{"Type": "Expiration"}]'}),
    ],
    ids=["keys", "policies"],
)
@behaviour("ssm", "PutParameter", "Keys of one's own and parameter policies are not offered ({code})", PUT, "refused")
def test_not_offered(aws: Account, code: str, settings: dict[str, Any]) -> None:
    with aws.refused(code, "The local cloud has no"):
        parameter(aws, **settings)


@behaviour(
    "ssm",
    ("PutParameter", "GetParameter"),
    "A SecureString is shown with WithDecryption only; here it is not encrypted, only encoded",
    API + "API_GetParameter.html",
    "differs",
)
def test_secure(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws, Value="secret", Type="SecureString")
    assert "secret" not in ssm.get_parameter(Name=name)["Parameter"]["Value"]
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "secret"


@behaviour(
    "ssm",
    ("GetParameter", "LabelParameterVersion", "GetParameterHistory"),
    "Versions are found by number and by label; a label moves",
    GUIDE + "sysman-paramstore-labels.html",
)
def test_versions(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws, Value="one")
    ssm.put_parameter(Name=name, Value="two", Overwrite=True)
    assert ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"] == "one"
    ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["live"])
    assert ssm.get_parameter(Name=f"{name}:live")["Parameter"]["Value"] == "one"
    ssm.label_parameter_version(Name=name, Labels=["live"])
    assert ssm.get_parameter(Name=f"{name}:live")["Parameter"]["Value"] == "two"
    history = ssm.get_parameter_history(Name=name)["Parameters"]
    assert [(each["Version"], each["Value"], each["Labels"]) for each in history] == [
        (1, "one", []),
        (2, "two", ["live"]),
    ]
    with aws.refused("ParameterVersionNotFound"):
        ssm.get_parameter(Name=f"{name}:3")


@behaviour(
    "ssm",
    "LabelParameterVersion",
    "Labels of a wrong form are named, an eleventh is refused",
    GUIDE + "sysman-paramstore-labels.html",
)
def test_labels(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws)
    wrong = ["1st", "aws-x", "SSMx", "a b"]
    assert ssm.label_parameter_version(Name=name, Labels=wrong)["InvalidLabels"] == wrong
    ssm.label_parameter_version(Name=name, Labels=[f"l{number}" for number in range(10)])
    with aws.refused("ParameterVersionLabelLimitExceeded", "A parameter version can have maximum 10 labels"):
        ssm.label_parameter_version(Name=name, Labels=["more"])
    with aws.refused("ParameterVersionNotFound"):
        ssm.label_parameter_version(Name=name, ParameterVersion=9, Labels=["x"])
    with aws.refused("ParameterNotFound"):
        ssm.label_parameter_version(Name="/none", Labels=["x"])


@behaviour(
    "ssm",
    ("PutParameter", "GetParameterHistory"),
    "The hundred latest versions are kept",
    GUIDE + "sysman-paramstore-versions.html",
)
def test_hundred_versions(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws)
    for number in range(2, 102):
        ssm.put_parameter(Name=name, Value=str(number), Overwrite=True)
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
    versions = [each["Version"] for page in pages for each in page["Parameters"]]
    assert versions == list(range(2, 102))


@behaviour("ssm", "GetParameters", "Names that do not exist are told apart", API + "API_GetParameters.html")
def test_get_several(aws: Account) -> None:
    name = parameter(aws)
    answer = aws.client("ssm").get_parameters(Names=[name, "/none"])
    assert [each["Name"] for each in answer["Parameters"]] == [name]
    assert answer["InvalidParameters"] == ["/none"]


@pytest.mark.parametrize("operation", ["get_parameters", "delete_parameters"])
@behaviour("ssm", (), "Eleven names are refused ({operation})", API + "API_GetParameters.html")
def test_eleven_names(aws: Account, operation: str) -> None:
    with aws.refused("ValidationException", "at 'names' failed to satisfy constraint: Member must have length less"):
        getattr(unchecked(aws, "ssm"), operation)(Names=[f"/n{number}" for number in range(11)])


@behaviour(
    "ssm", "DeleteParameters", "What was deleted and what was not there is told", API + "API_DeleteParameters.html"
)
def test_delete_several(aws: Account) -> None:
    name = parameter(aws)
    answer = aws.client("ssm").delete_parameters(Names=[name, "/none"])
    assert (answer["DeletedParameters"], answer["InvalidParameters"]) == ([name], ["/none"])


@behaviour(
    "ssm",
    "GetParametersByPath",
    "A path has its own level, or all with Recursive, in pages",
    API + "API_GetParametersByPath.html",
)
def test_by_path(aws: Account) -> None:
    root, ssm = "/" + aws.name("p"), aws.client("ssm")
    for name in ("/a", "/b", "/deep/c", "/deep/er/d"):
        parameter(aws, root + name)
    parameter(aws, root + "-other/x")

    def found(**settings: Any) -> list[str]:
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path=root, PaginationConfig={"PageSize": 2}, **settings
        )
        return sorted(each["Name"].removeprefix(root) for page in pages for each in page["Parameters"])

    assert found() == ["/a", "/b"]
    assert found(Recursive=True) == ["/a", "/b", "/deep/c", "/deep/er/d"]
    first = ssm.get_parameters_by_path(Path=root, Recursive=True, MaxResults=3)
    assert len(first["Parameters"]) == 3
    assert first["NextToken"]


@pytest.mark.parametrize("path", ["a", "/a//b", "/a b"])
@behaviour("ssm", "GetParametersByPath", "The path {path} is refused", API + "API_GetParametersByPath.html")
def test_path(aws: Account, path: str) -> None:
    with aws.refused("ValidationException", "The parameter doesn't meet the parameter name requirements."):
        aws.client("ssm").get_parameters_by_path(Path=path)


@pytest.mark.parametrize("results", [0, 11])
@behaviour("ssm", "GetParametersByPath", "{results} results a page are refused", API + "API_GetParametersByPath.html")
def test_page_size(aws: Account, results: int) -> None:
    with aws.refused("ValidationException", "at 'maxResults' failed to satisfy constraint"):
        unchecked(aws, "ssm").get_parameters_by_path(Path="/", MaxResults=results)


@behaviour(
    "ssm",
    "DescribeParameters",
    "Parameters are found by name, type and tier, without their values",
    API + "API_DescribeParameters.html",
)
def test_describe(aws: Account) -> None:
    root, ssm = "/" + aws.name("p"), aws.client("ssm")
    parameter(aws, root + "/a", Description="first")
    parameter(aws, root + "/b", Type="StringList", Value="x,y", Tier="Advanced")

    def found(*filters: dict[str, Any]) -> list[str]:
        named = {"Key": "Name", "Option": "BeginsWith", "Values": [root]}
        listed = ssm.describe_parameters(ParameterFilters=[named, *filters])["Parameters"]
        assert all("Value" not in each for each in listed)
        return [each["Name"].removeprefix(root) for each in listed]

    assert found() == ["/a", "/b"]
    assert found({"Key": "Type", "Values": ["StringList"]}) == ["/b"]
    assert found({"Key": "Tier", "Values": ["Standard"]}) == ["/a"]


@behaviour(
    "ssm",
    "DescribeParameters",
    "Filters by tags, labels and paths are not offered",
    API + "API_DescribeParameters.html",
    "refused",
)
def test_other_filters(aws: Account) -> None:
    with aws.refused("InvalidFilterKey", "The local cloud does not filter parameters by tag:a"):
        aws.client("ssm").describe_parameters(ParameterFilters=[{"Key": "tag:a", "Values": ["b"]}])


@behaviour(
    "ssm",
    ("AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource"),
    "A parameter has tags",
    API + "API_AddTagsToResource.html",
)
def test_tags(aws: Account) -> None:
    ssm, name = aws.client("ssm"), parameter(aws, Tags=[{"Key": "a", "Value": "1"}])
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=["a"])
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    assert tags == [{"Key": "b", "Value": "2"}]


@behaviour(
    "ssm",
    ("AddTagsToResource", "ListTagsForResource", "RemoveTagsFromResource"),
    "Tags of a parameter that does not exist are refused",
    API + "API_AddTagsToResource.html",
)
def test_tags_of_nothing(aws: Account) -> None:
    ssm, nothing = aws.client("ssm"), {"ResourceType": "Parameter", "ResourceId": "/none"}
    with aws.refused("InvalidResourceId"):
        ssm.add_tags_to_resource(**nothing, Tags=[{"Key": "a", "Value": "b"}])
    with aws.refused("InvalidResourceId"):
        ssm.list_tags_for_resource(**nothing)
    with aws.refused("InvalidResourceId"):
        ssm.remove_tags_from_resource(**nothing, TagKeys=["a"])


@behaviour(
    "ssm",
    "GetParameter",
    "Public parameters of AWS are not offered",
    GUIDE + "parameter-store-public-parameters.html",
    "refused",
)
def test_public(aws: Account) -> None:
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    with aws.refused("ParameterNotFound", "The local cloud has no public parameters of AWS."):
        aws.client("ssm").get_parameter(Name=name)

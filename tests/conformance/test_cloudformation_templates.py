"""AWS CloudFormation: which templates it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.behaviours import behaviour
from tests.conformance.conftest import Account

ANATOMY = "AWSCloudFormation/latest/UserGuide/template-anatomy.html"
RECORDED = "localstack:tests/aws/services/cloudformation/api"
TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


def refused(aws: Account, template: dict[str, Any] | str, *parts: str, **settings: Any) -> None:
    """CreateStack, CreateChangeSet and, without parameters, ValidateTemplate refuse ``template``."""
    cloudformation = aws.client("cloudformation")
    body = template if isinstance(template, str) else json.dumps(template)
    name = aws.name("stack")
    with aws.refused("ValidationError", *parts):
        cloudformation.create_stack(StackName=name, TemplateBody=body, **settings)
    with aws.refused("ValidationError", f"Stack with id {name} does not exist"):
        cloudformation.describe_stacks(StackName=name)
    with aws.refused("ValidationError", *parts):
        cloudformation.create_change_set(
            StackName=name, ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=body, **settings
        )


@pytest.mark.parametrize(
    ("what", "template", "says"),
    [
        ("no Resources", {"Parameters": {}}, "At least one Resources member must be defined."),
        ("empty Resources", {"Resources": {}}, "At least one Resources member must be defined."),
        ("Resources that are not an object", {"Resources": ""}, "Any Resources member must be an object."),
        (
            "an unknown section",
            {"Resources": {"A": TOPIC}, "Resource": {}},
            "Invalid template property or properties [Resource]",
        ),
        ("a resource without Type", {"Resources": {"A": {"Properties": {}}}}, "must contain a Type member."),
        (
            "an unknown member of a resource",
            {"Resources": {"A": {**TOPIC, "Invalid": 10}}},
            "Invalid template resource property 'Invalid'",
        ),
        ("a resource's name with a hyphen", {"Resources": {"a-b": TOPIC}}, "Resource name a-b is non alphanumeric."),
        (
            "null",
            {"Resources": {"A": TOPIC}, "Outputs": {"O": {"Value": None}}},
            "[/Outputs/O/Value] 'null' values are not allowed in templates",
        ),
        (
            "an output without Value",
            {"Resources": {"A": TOPIC}, "Outputs": {"O": {}}},
            "Every Outputs member must contain a Value object",
        ),
        ("an unknown type", {"Resources": {"A": {"Type": "AWS::SNS::Nope"}}}, "Unrecognized resource types"),
        (
            "another version",
            {"AWSTemplateFormatVersion": "2020-01-01", "Resources": {"A": TOPIC}},
            "AWSTemplateFormatVersion",
        ),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "A template with {what} is refused, and no stack is left",
    f"{RECORDED}/test_validations.py",
)
def test_form(aws: Account, what: str, template: dict[str, Any], says: str) -> None:
    refused(aws, template, says)


@pytest.mark.parametrize(
    ("what", "text", "says"),
    [
        ("JSON", '{"this is invalid JSON"="bobbins"}', "JSON not well-formed. (line 1, column 25)"),
        ("YAML", "Resources:\n  A:\n    Type: x\n   B: y\n", "YAML not well-formed."),
        ("an object (a list)", "- a\n- b\n", "unsupported structure."),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet", "ValidateTemplate"),
    "A text that is not {what} is not a template",
    f"{RECORDED}/test_templates.py::test_validate_invalid_json_template_should_fail",
)
def test_syntax(aws: Account, what: str, text: str, says: str) -> None:
    refused(aws, text, "Template format error", says)
    with aws.refused("ValidationError", says):
        aws.client("cloudformation").validate_template(TemplateBody=text)


def queue(name: Any, **members: Any) -> dict[str, Any]:
    return {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}, **members}}}


@pytest.mark.parametrize(
    ("what", "template", "says"),
    [
        ("Ref", queue({"Ref": "Nope"}), "Unresolved resource dependencies [Nope] in the Resources block"),
        ("Fn::Sub", queue({"Fn::Sub": "x-${Nope}"}), "Unresolved resource dependencies [Nope] in the Resources block"),
        (
            "Fn::GetAtt",
            queue({"Fn::GetAtt": ["Nope", "Arn"]}),
            "instance of Fn::GetAtt references undefined resource Nope",
        ),
        ("DependsOn", queue("x", DependsOn="Nope"), "Unresolved resource dependencies [Nope] in the Resources block"),
        (
            "Ref within Fn::Join",
            queue({"Fn::Join": ["-", ["a", {"Ref": "Nope"}]]}),
            "Unresolved resource dependencies [Nope]",
        ),
        (
            "Ref in an output",
            {"Resources": {"A": TOPIC}, "Outputs": {"O": {"Value": {"Ref": "Nope"}}}},
            "Unresolved resource dependencies [Nope] in the Outputs block of the template",
        ),
        ("Fn::If", queue({"Fn::If": ["Nope", "a", "b"]}), "unresolved condition dependency Nope in Fn::If"),
        ("Condition of a resource", queue("x", Condition="Nope"), "Nope"),
        (
            "Condition of an output",
            {"Resources": {"A": TOPIC}, "Outputs": {"O": {"Value": "x", "Condition": "Nope"}}},
            "Nope",
        ),
        (
            "Ref in a condition",
            {**queue("x"), "Conditions": {"C": {"Fn::Equals": [{"Ref": "Q"}, "x"]}}},
            "Unresolved dependencies [Q]. Cannot reference resources in the Conditions block of the template",
        ),
        ("Fn::FindInMap", queue({"Fn::FindInMap": ["M", "a", "b"]}), "Unable to get mapping for M::a::b"),
    ],
)
@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "{what} of what the template does not have is refused",
    "AWSCloudFormation/latest/UserGuide/troubleshooting.html",
)
def test_references(aws: Account, what: str, template: dict[str, Any], says: str) -> None:
    refused(aws, template, says)


@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "Resources that wait for each other are refused",
    "AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html",
)
def test_circle(aws: Account) -> None:
    resources = {"A": {**TOPIC, "DependsOn": "B"}, "B": {**TOPIC, "DependsOn": ["A"]}}
    refused(aws, {"Resources": resources}, "Circular dependency between resources: [A, B]")


@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "A resource that its condition leaves out is missing for what refers to it, unless Fn::If leaves that out, too",
    "AWSCloudFormation/latest/UserGuide/conditions-section-structure.html",
)
def test_left_out(aws: Account) -> None:
    conditions = {"Never": {"Fn::Equals": ["a", "b"]}}
    resources = {"A": {**TOPIC, "Condition": "Never"}, "B": {**TOPIC, "Properties": {"DisplayName": {"Ref": "A"}}}}
    refused(aws, {"Conditions": conditions, "Resources": resources}, "Unresolved resource dependencies [A]")
    resources["B"] = {**TOPIC, "Properties": {"DisplayName": {"Fn::If": ["Never", {"Ref": "A"}, "none"]}}}
    assert aws.stack({"Conditions": conditions, "Resources": resources})["StackStatus"] == "CREATE_COMPLETE"


@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "An unknown function is refused",
    "AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html",
    verdict="ours",
)
def test_unknown_function(aws: Account) -> None:
    refused(aws, queue({"Fn::Nope": ["a"]}), "Unrecognized function Fn::Nope")


PARAMETERS = "AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"


def with_parameter(**definition: Any) -> dict[str, Any]:
    return {"Parameters": {"P": {"Type": "String", **definition}}, "Resources": {"A": TOPIC}}


@pytest.mark.parametrize(
    ("what", "template", "value", "says"),
    [
        ("without a value", with_parameter(), None, "Parameters: [P] must have values"),
        ("outside AllowedValues", with_parameter(AllowedValues=["a", "b"]), "c", "'P' must be one of AllowedValues"),
        ("against AllowedPattern", with_parameter(AllowedPattern="^[a-z]+$"), "A1", "'P' must match pattern ^[a-z]+$"),
        ("that is too short", with_parameter(MinLength=3), "ab", "'P' must contain at least 3 characters"),
        ("that is too long", with_parameter(MaxLength=3), "abcd", "'P' must contain at most 3 characters"),
        ("that is not a number", with_parameter(Type="Number"), "x", "Parameter 'P' must be a number"),
        ("below MinValue", with_parameter(Type="Number", MinValue=2), "1", "must be a number not less than 2"),
        ("above MaxValue", with_parameter(Type="Number", MaxValue=2), "3", "must be a number not greater than 2"),
        (
            "with a ConstraintDescription",
            with_parameter(AllowedPattern="a", ConstraintDescription="must be an a"),
            "b",
            "must be an a",
        ),
        ("of an unknown type", with_parameter(Type="Text"), "x", "Unrecognized parameter type: Text"),
        ("with an unknown member", with_parameter(Nope=1), "x", "Nope"),
        (
            "that names a parameter in Systems Manager which is not there",
            with_parameter(Type="AWS::SSM::Parameter::Value<String>"),
            "/no/such",
            "Unable to fetch parameters [/no/such] from parameter store for this account.",
        ),
    ],
)
@behaviour("cloudformation", ("CreateStack", "CreateChangeSet"), "A template's parameter {what} is refused", PARAMETERS)
def test_parameters(aws: Account, what: str, template: dict[str, Any], value: str | None, says: str) -> None:
    given = [] if value is None else [{"ParameterKey": "P", "ParameterValue": value}]
    refused(aws, template, says, Parameters=given)


@behaviour(
    "cloudformation",
    ("CreateStack", "CreateChangeSet"),
    "A parameter that the template does not have is refused",
    PARAMETERS,
)
def test_unknown_parameter(aws: Account) -> None:
    given = [{"ParameterKey": "Typo", "ParameterValue": "x"}]
    refused(aws, {"Resources": {"A": TOPIC}}, "Parameters: [Typo] do not exist in the template", Parameters=given)


@behaviour("cloudformation", ("CreateStack", "CreateChangeSet"), "A new stack has no previous values", PARAMETERS)
def test_no_previous_value(aws: Account) -> None:
    given = [{"ParameterKey": "P", "UsePreviousValue": True}]
    refused(aws, with_parameter(), "Cannot specify usePreviousValue as true", Parameters=given)


@behaviour(
    "cloudformation",
    "ValidateTemplate",
    "ValidateTemplate lists parameters, the capabilities and what needs them",
    "AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html",
)
def test_validate(aws: Account) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    template = {**with_parameter(Default="x", NoEcho=True, Description="d"), "Description": "text"}
    template["Resources"] = {"R": role}
    answer = aws.client("cloudformation").validate_template(TemplateBody=json.dumps(template))
    assert answer["Description"] == "text"
    assert answer["Parameters"] == [
        {"ParameterKey": "P", "DefaultValue": "x", "NoEcho": True, "Description": "d"},
    ]
    assert answer["Capabilities"] == ["CAPABILITY_IAM"]
    assert "AWS::IAM::Role" in answer["CapabilitiesReason"]


@behaviour(
    "cloudformation",
    "ValidateTemplate",
    "ValidateTemplate leaves out what a template does not have",
    f"{RECORDED}/test_templates.py::test_validate_template",
)
def test_validate_shape(aws: Account) -> None:
    template = {"Parameters": {"P": {"Type": "String"}}, "Resources": {"A": TOPIC}}
    answer = aws.client("cloudformation").validate_template(TemplateBody=json.dumps(template))
    assert answer.keys() == {"Parameters", "ResponseMetadata"}
    assert answer["Parameters"] == [{"ParameterKey": "P", "NoEcho": False}]


@behaviour(
    "cloudformation",
    "GetTemplateSummary",
    "GetTemplateSummary tells types, parameters and by what resources are identified",
    f"{RECORDED}/test_templates.py::test_get_template_summary_failed_stack",
)
def test_summary(aws: Account) -> None:
    template = {
        "Parameters": {"P": {"Type": "Number", "Default": 1, "AllowedValues": [1, 2]}},
        "Resources": {"A": TOPIC, "B": TOPIC, "C": {"Type": "AWS::SSM::Parameter"}},
    }
    summary = aws.client("cloudformation").get_template_summary(TemplateBody=json.dumps(template))
    assert summary["Version"] == "2010-09-09"
    assert sorted(summary["ResourceTypes"]) == ["AWS::SNS::Topic", "AWS::SSM::Parameter"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["1", "2"]}
    identified = {each["ResourceType"]: each for each in summary["ResourceIdentifierSummaries"]}
    assert identified["AWS::SNS::Topic"]["LogicalResourceIds"] == ["A", "B"]
    assert identified["AWS::SSM::Parameter"]["ResourceIdentifiers"] == ["Name"]
    with aws.refused("ValidationError", "At least one Resources member must be defined."):
        aws.client("cloudformation").get_template_summary(TemplateBody="{}")


def in_bucket(aws: Account) -> tuple[str, str]:
    bucket = aws.bucket()
    body = json.dumps({"Resources": {"A": TOPIC}})
    aws.client("s3").put_object(Bucket=bucket, Key="a/template.json", Body=body.encode())
    return bucket, "a/template.json"


@pytest.mark.parametrize(
    ("form", "url"),
    [
        ("path style", "https://s3.amazonaws.com/{bucket}/{key}"),
        ("virtual-host style", "https://{bucket}.s3.amazonaws.com/{key}"),
        ("virtual-host style with a region", "https://{bucket}.s3.us-east-1.amazonaws.com/{key}"),
    ],
)
@behaviour(
    "cloudformation",
    "ValidateTemplate",
    "A template comes from S3 by a TemplateURL in {form}",
    f"{RECORDED}/test_templates.py::test_create_stack_from_s3_template_url",
)
def test_template_url(aws: Account, form: str, url: str) -> None:
    bucket, key = in_bucket(aws)
    answer = aws.client("cloudformation").validate_template(TemplateURL=url.format(bucket=bucket, key=key))
    assert answer["Parameters"] == []


@pytest.mark.parametrize(
    ("what", "url", "says"),
    [
        ("of the scheme s3", "s3://{bucket}/{key}", "S3 error: Domain name specified in {bucket} is not a valid S3"),
        ("that is not of S3", "https://example.com/dummy.yml", "TemplateURL must be a supported URL."),
        ("of an object that is not there", "https://s3.amazonaws.com/{bucket}/nope", "specified key does not exist."),
        (
            "of a bucket that is not there",
            "https://s3.amazonaws.com/{bucket}-no/nope",
            "The specified bucket does not exist",
        ),
    ],
)
@behaviour(
    "cloudformation",
    "CreateStack",
    "A TemplateURL {what} is refused",
    f"{RECORDED}/test_templates.py::test_create_stack_from_s3_template_url",
)
def test_bad_url(aws: Account, what: str, url: str, says: str) -> None:
    bucket, key = in_bucket(aws)
    with aws.refused("ValidationError", says.format(bucket=bucket)):
        aws.client("cloudformation").create_stack(
            StackName=aws.name("stack"), TemplateURL=url.format(bucket=bucket, key=key)
        )

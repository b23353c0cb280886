"""``contentspec.yaml`` has the form of published workshops, and names what exists.

Nothing public describes the form; the schema holds what the workshops named in the file have in common. A key that it
does not know is refused here, since Workshop Studio may refuse it, too.
"""

import json
import re

import botocore.session
import jsonschema
import pytest
import yaml

from contract.settings import ROOT

LOCALE = {"type": "string", "pattern": "^[a-z]{2}-[A-Z]{2}$"}
REGION = {"type": "string", "pattern": r"^[a-z]{2}-[a-z]+-\d$"}


def strict(properties, *required):
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def many(items):
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


GROUPS = strict(dict.fromkeys(("required", "recommended", "optional"), many(REGION)))
SCHEMA = strict(
    {
        "version": {"const": 2.0},
        "defaultLocaleCode": LOCALE,
        "localeCodes": many(LOCALE),
        "params": {"type": "object"},
        "additionalLinks": many(strict({"title": {"type": "string"}, "link": {"type": "string"}}, "title", "link")),
        "awsAccountConfig": strict(
            {
                "accountSources": many(
                    {"enum": ["workshop_studio", "customer_provided", "WorkshopStudio", "CustomerProvided"]}
                ),
                "serviceLinkedRoles": many({"type": "string", "pattern": r"\.amazonaws\.com$"}),
                "participantRole": strict(
                    {
                        "iamPolicies": many({"type": "string", "pattern": r"^static/.*\.json$"}),
                        "managedPolicies": many({"type": "string", "pattern": "^arn:aws:iam::"}),
                        "trustedPrincipals": strict({"service": many({"type": "string"})}, "service"),
                    }
                ),
                "ec2KeyPair": {"type": "boolean"},
                "regionConfiguration": strict(
                    {
                        "minAccessibleRegions": {"type": "integer", "minimum": 1, "maximum": 3},
                        "maxAccessibleRegions": {"type": "integer", "minimum": 1, "maximum": 3},
                        "accessibleRegions": GROUPS,
                        "deployableRegions": GROUPS,
                    },
                    "minAccessibleRegions",
                    "maxAccessibleRegions",
                ),
            },
            "accountSources",
            "participantRole",
            "regionConfiguration",
        ),
        "infrastructure": strict(
            {
                "cloudformationTemplates": many(
                    strict(
                        {
                            "templateLocation": {"type": "string", "pattern": "^static/"},
                            "label": {"type": "string"},
                            "participantVisibleStackOutputs": many({"type": "string"}),
                            "participantAllStackOutputsVisible": {"type": "boolean"},
                            "parameters": many(
                                strict(
                                    {
                                        "templateParameter": {"type": "string"},
                                        "defaultValue": {"type": "string"},
                                        "userOverridable": {"type": "boolean"},
                                    },
                                    "templateParameter",
                                )
                            ),
                        },
                        "templateLocation",
                        "label",
                    )
                )
            },
            "cloudformationTemplates",
        ),
    },
    "version",
    "defaultLocaleCode",
    "localeCodes",
)
NEEDED = ("codebuild", "codepipeline", "codecommit", "sagemaker", "lambda", "application-autoscaling")


class _Plain(yaml.SafeLoader):
    """CloudFormation's short forms (``!Ref``), of which nothing is needed here, are read as they are."""


_Plain.add_multi_constructor("!", lambda loader, tag, node: None)


@pytest.fixture(scope="module")
def spec():
    return yaml.safe_load((ROOT / "contentspec.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def templates(spec):
    entries = spec["infrastructure"]["cloudformationTemplates"]
    return [(entry, yaml.load((ROOT / entry["templateLocation"]).read_text(), _Plain)) for entry in entries]


def test_it_has_the_form_of_published_workshops(spec):
    jsonschema.validate(spec, SCHEMA)
    assert spec["defaultLocaleCode"] in spec["localeCodes"]


@pytest.mark.parametrize("key", ["iamPolicy", "regions"])
def test_a_key_that_nobody_knows_is_refused(spec, key):
    with pytest.raises(jsonschema.ValidationError, match=key):
        jsonschema.validate({**spec, key: []}, SCHEMA)


def test_policies_are_there(spec):
    for name in spec["awsAccountConfig"]["participantRole"]["iamPolicies"]:
        document = json.loads((ROOT / name).read_text())
        assert document["Version"] == "2012-10-17"
        # Of a managed policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        assert len("".join(json.dumps(document).split())) <= 6144, name


def test_parameters_and_outputs_are_those_of_the_templates(templates):
    for entry, template in templates:
        given = {each["templateParameter"]: each.get("defaultValue") for each in entry.get("parameters", ())}
        wanted = {name for name, each in template["Parameters"].items() if "Default" not in each}
        assert wanted <= given.keys() <= template["Parameters"].keys()
        assert {*entry.get("participantVisibleStackOutputs", ())} <= template["Outputs"].keys()
        for name, value in given.items():
            parameter = template["Parameters"][name]
            if value is not None:
                assert value in parameter.get("AllowedValues", [value])
                assert re.fullmatch(parameter.get("AllowedPattern", ".*"), value)


def test_the_parameter_that_the_cdk_sets_is_set(templates):
    """Without it the template makes a key of its own, which is billed: ``cdk bootstrap`` passes this value, too."""
    (bootstrap,) = [entry for entry, _ in templates if entry["templateLocation"] == "static/bootstrap.yaml"]
    assert {"templateParameter": "FileAssetsBucketKmsKeyId", "defaultValue": "AWS_MANAGED_KEY"} in bootstrap[
        "parameters"
    ]


def test_every_region_has_every_service(spec):
    configuration = spec["awsAccountConfig"]["regionConfiguration"]
    regions = {region for group in configuration["deployableRegions"].values() for region in group}
    session = botocore.session.get_session()
    for service in NEEDED:
        assert regions <= set(session.get_available_regions(service)), service
    assert configuration["minAccessibleRegions"] <= configuration["maxAccessibleRegions"]

"""AWS Systems Manager Parameter Store: what the request alone shows to be wrong, or to have no effect here.

AWS Systems Manager API Reference (docs.aws.amazon.com/systems-manager/latest/APIReference), the page of each
operation; the user guide's "Requirements and constraints for parameter names"
(systems-manager/latest/userguide/sysman-paramstore-su-create.html#sysman-parameter-name-constraints) and "Managing
parameter tiers" (parameter-store-advanced-parameters.html). Wording: what users of AWS reported (boto/boto3#1499,
aws/aws-sdk-php#1952, aws-samples/resource-autotagger#1) and moto's tests (tests/test_ssm/test_ssm_boto3.py).
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.rules import Call, rule
from localcloud.services import ServiceError

STANDARD_CHARACTERS, ADVANCED_CHARACTERS = 4096, 8192
MAX_LEVELS = 15
MAX_NAME = 1011
DEFAULT_KEY = "alias/aws/ssm"
FILTERS = ("DataType", "Name", "Tier", "Type")
"""What DescribeParameters filters by here."""
_NAME_WORDS = (
    'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
    "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 "
    "symbols .-_"
)
_PATH_WORDS = (
    "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "
    '"/". It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must use only letters, numbers, or '
    "the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, "
    'if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.'
)


def invalid(message: str) -> ServiceError:
    """The error that Parameter Store has for almost all parameters."""
    return ServiceError("ValidationException", message)


def check_name(name: str) -> None:
    """The form of a parameter's name; MiniStack refuses the reserved prefixes."""
    if "/" in name and not name.startswith("/"):
        raise invalid("Parameter name must be a fully qualified name.")
    if name.endswith("/"):
        raise invalid("Parameter name must not end with slash.")
    if not re.fullmatch(r"[A-Za-z0-9_.-]+|(/[A-Za-z0-9_.-]+)+", name):
        raise invalid(_NAME_WORDS)
    if name.count("/") > MAX_LEVELS:
        message = f"A parameter name hierarchy must not have more than {MAX_LEVELS} levels."
        raise ServiceError("HierarchyLevelLimitExceededException", message)
    if len(name) > MAX_NAME:
        raise invalid(f"Parameter name must not be longer than {MAX_NAME} characters.")


@rule("ssm", "PutParameter")
def put_parameter(call: Call) -> None:
    """Name, value, pattern, data type and key (API_PutParameter)."""
    given = call.parameters
    check_name(given["Name"])
    value, tier = given["Value"], given.get("Tier", "Standard")
    if not value:
        raise invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length "
            "greater than or equal to 1"
        )
    limit = STANDARD_CHARACTERS if tier == "Standard" else ADVANCED_CHARACTERS
    if len(value) > limit:
        kind = "Standard" if tier == "Standard" else "Advanced"
        raise invalid(
            f"{kind} tier parameters support a maximum parameter value of {limit} characters. To create a larger "
            "parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see "
            "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        )
    _check_pattern(given.get("AllowedPattern"), value, listed=given.get("Type") == "StringList")
    if given.get("DataType", "text") != "text":
        raise invalid(
            f"The following data type is not supported: {given['DataType']} (Data type names are all lowercase.)"
        )
    if given.get("Policies"):
        raise ServiceError("InvalidPolicyTypeException", "The local cloud has no parameter policies: leave them out.")
    key = given.get("KeyId") or DEFAULT_KEY
    if not key.endswith(DEFAULT_KEY):
        raise ServiceError("InvalidKeyId", f"The local cloud has no KMS, so no key {key}: leave KeyId out.")


def _check_pattern(pattern: str | None, value: str, *, listed: bool) -> None:
    if not pattern:
        return
    try:
        allowed = re.compile(pattern)
    except re.error as error:
        message = f"The request doesn't meet the regular expression requirement: {pattern}: {error}"
        raise ServiceError("InvalidAllowedPatternException", message) from None
    if not all(allowed.fullmatch(part) for part in (value.split(",") if listed else [value])):
        message = f"Parameter value, cannot be validated against allowedPattern: {pattern}"
        raise ServiceError("ParameterPatternMismatchException", message)


@rule("ssm", "GetParametersByPath")
def path(call: Call) -> None:
    """A path is absolute (API_GetParametersByPath)."""
    if not re.fullmatch(r"/|(/[A-Za-z0-9_.-]+)+/?", call.parameters["Path"]):
        raise invalid(_PATH_WORDS)
    if call.parameters.get("ParameterFilters"):
        message = "The local cloud does not filter what GetParametersByPath finds: leave ParameterFilters out."
        raise ServiceError("InvalidFilterKey", message)


@rule("ssm", "DescribeParameters")
def filters(call: Call) -> None:
    """Filters that have an effect here (API_DescribeParameters)."""
    given: list[dict[str, Any]] = call.parameters.get("ParameterFilters") or []
    if given and call.parameters.get("Filters"):
        raise invalid("You can use either Filters or ParameterFilters in a single request.")
    for each in (*given, *(call.parameters.get("Filters") or ())):
        key, option = each["Key"], each.get("Option", "Equals")
        if key not in FILTERS:
            message = f"The local cloud does not filter parameters by {key}, only by {', '.join(FILTERS)}."
            raise ServiceError("InvalidFilterKey", message)
        if option not in ("Equals", "BeginsWith", "Contains") or (key != "Name" and option != "Equals"):
            message = f"The following filter option is not valid: {option}. Valid options include: [Equals]."
            raise ServiceError("InvalidFilterOption", message)


@rule("ssm", "AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource")
def resource_type(call: Call) -> None:
    """Only parameters are offered (API_AddTagsToResource)."""
    if call.parameters["ResourceType"] != "Parameter":
        message = f"{call.parameters['ResourceType']} is not a resource type of the local cloud, only Parameter."
        raise ServiceError("InvalidResourceType", message)


def is_label(label: str) -> bool:
    """User guide, "Working with parameter labels in Parameter Store"."""
    return re.fullmatch(r"(?!aws|ssm)[A-Za-z_.-][A-Za-z0-9_.-]{0,99}", label, re.IGNORECASE) is not None

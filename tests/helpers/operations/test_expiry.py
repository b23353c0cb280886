"""The deadline as people see and move it, on both targets' clocks, whatever is deployed."""

import dataclasses
import datetime as dt
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from contract.errors import NotDeployedError, ParameterError
from contract.settings import Safety, Settings, Workshop
from helpers.delivery import expiry as deadlines
from helpers.operations import expires, extend
from helpers.target.explain import Target
from tests.helpers.conftest import refusal

AWS = Settings(workshop=Workshop(target="aws"))
LOCAL = Settings(safety=Safety(expire_hours=6))


class Account:
    """A target with one SSM parameter and one stack; both may be missing."""

    def __init__(self, settings, text=None, stack="CREATE_COMPLETE", error=None):
        self.settings, self.text, self.stack, self.error = settings, text, stack if text else None, error
        name = settings.workshop.target
        self.target = Target(name, "us-east-1" if name == "aws" else "http://127.0.0.1:4566")
        self.exceptions = SimpleNamespace()

    def client(self, service):
        return self

    def get_parameter(self, Name):
        assert Name == "/genai-async/expires-at"
        if self.error:
            raise self.error
        if self.text is None:
            raise refusal("ParameterNotFound")
        return {"Parameter": {"Value": self.text}}

    def put_parameter(self, Name, Value, Type, Overwrite):
        assert (Name, Type, Overwrite) == ("/genai-async/expires-at", "String", True)
        self.text = Value

    def describe_stacks(self, StackName):
        assert StackName == "genai-async-safety"
        if self.stack is None:
            raise refusal("ValidationError", "Stack with id genai-async-safety does not exist")
        return {"Stacks": [{"StackStatus": self.stack}]}


def ahead(hours):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)).isoformat(timespec="seconds")


def test_hours_are_those_of_the_targets_clock():
    assert expires(Account(AWS, ahead(5))).hours_left == pytest.approx(5, abs=0.01)
    six_minutes = expires(Account(LOCAL, ahead(0.1)))
    assert six_minutes.hours_left == pytest.approx(6, abs=0.1)
    assert "5.9 hours" in str(six_minutes) or "6.0 hours" in str(six_minutes)
    assert "minutes" in str(expires(Account(AWS, ahead(0.5))))


def test_a_deadline_that_has_passed_says_what_happens_now():
    said = str(expires(Account(AWS, ahead(-1))))
    assert "is being deleted" in said
    assert "extend" in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [(Settings(), "nothing is billed"), (AWS, "deleted 12 hours later"), (LOCAL, "deleted 6 hours later"),
     (dataclasses.replace(AWS, safety=Safety(expire_hours=0)), "is billed until clean_up")],
)  # fmt: skip
def test_before_anything_is_deployed_it_says_what_will_be(settings, said):
    found = expires(Account(settings))
    assert said in str(found)
    assert (found.deadline, found.hours_left) == (None, None)


@pytest.mark.parametrize(
    "error", [refusal("AccessDeniedException"), EndpointConnectionError(endpoint_url="x"), refusal("ExpiredToken")]
)
def test_looking_is_never_an_error(error):
    assert "could not be read" in str(expires(Account(AWS, "x", error=error)))
    assert "could not be read" in str(expires(Account(AWS, "next Tuesday")))


def test_an_extension_counts_from_the_deadline_and_from_now_once_that_has_passed():
    assert extend(Account(AWS, ahead(2)), 3).hours_left == pytest.approx(5, abs=0.01)
    assert extend(Account(AWS, ahead(-2)), 3).hours_left == pytest.approx(3, abs=0.01)
    assert extend(Account(LOCAL, ahead(0.1)), 6).hours_left == pytest.approx(12, abs=0.1)


@pytest.mark.parametrize("hours", [0, -1, 721, True, "3", None])
def test_hours_that_are_none_are_refused(hours):
    with pytest.raises(ParameterError, match="at most 720"):
        extend(Account(AWS, ahead(2)), hours)


@pytest.mark.parametrize("account", [Account(AWS), Account(AWS, "never"), Account(AWS, ahead(1), "DELETE_IN_PROGRESS")])
def test_what_does_not_expire_cannot_be_extended(account):
    with pytest.raises(NotDeployedError, match="expire_hours"):
        extend(account, 1)


def test_a_first_deployment_gets_its_hours():
    given = deadlines.stack_parameters(Account(AWS))["ExpiresAt"]
    assert deadlines.hours_until(AWS, dt.datetime.fromisoformat(given)) == pytest.approx(12, abs=0.01)


@pytest.mark.parametrize("stack", ["ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS"])
def test_so_does_one_after_a_stack_that_is_none(stack):
    assert "ExpiresAt" in deadlines.stack_parameters(Account(AWS, ahead(4), stack))


def test_deploying_again_leaves_the_deadline_alone():
    account = Account(AWS, moment := ahead(4))
    assert deadlines.stack_parameters(account) == {}
    assert account.text == moment


@pytest.mark.parametrize("hours", [-3, 0.5, None])  # not the moment itself: every worker must name the tests alike
def test_unless_this_deployment_would_be_of_no_use(hours):
    account = Account(AWS, "never" if hours is None else ahead(hours))
    assert deadlines.stack_parameters(account) == {}
    assert expires(account).hours_left == pytest.approx(12, abs=0.01)


def test_expiry_that_is_switched_off_ends_the_countdown():
    account = Account(dataclasses.replace(AWS, safety=Safety(expire_hours=0, notify_email="a@example.com")), ahead(4))
    deadlines.stack_parameters(account)
    assert account.text == "never"


@pytest.mark.parametrize(
    ("safety", "region", "said"),
    [(Safety(), "us-east-1", "notify_email is empty"), (Safety(notify_email="a@example.com"), "eu-north-1", "has none"),
     (Safety(expire_hours=0), "us-east-1", "nothing expires")],
)  # fmt: skip
def test_a_deployment_says_which_limit_is_missing(safety, region, said):
    settings = dataclasses.replace(AWS, safety=safety, workshop=Workshop(target="aws", region=region))
    assert said in "\n".join(deadlines.told(Account(settings)))

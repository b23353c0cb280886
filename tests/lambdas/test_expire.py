"""The function that deletes the workshop: what it starts at each look, whatever it finds."""

import datetime as dt

import pytest
from botocore.exceptions import ClientError
from expire import account, core, handler, settings
from expire.exceptions import NotDeletedError, SettingsError

NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)
PASSED, AHEAD = "2026-11-28T11:59:59+00:00", "2026-11-28T12:00:01Z"
ORDER = ("w-pipeline", "w-app", "w-models", "w-repository")
CHOSEN = settings.Settings(
    "/w/expires-at", ORDER, "w-safety", ("/aws/lambda/w-app-", "/aws/sagemaker/Endpoints/w-app-ml-")
)


class Account:
    """An account with stacks and log groups; what is asked for takes effect at the next look."""

    def __init__(self, monkeypatch, deadline=PASSED, groups=(), refuse=(), **stacks):
        self.text, self.groups, self.refuse = deadline, list(groups), refuse
        self.stacks = {f"w-{name}": status for name, status in {**stacks, "safety": "CREATE_COMPLETE"}.items()}
        self.asked = []
        for name in ("deadline", "stack_status", "delete_stack", "log_groups", "delete_log_group"):
            monkeypatch.setattr(account, name, getattr(self, name))

    def deadline(self, parameter):
        assert parameter == "/w/expires-at"
        return self.text

    def stack_status(self, name):
        return self.stacks.get(name)

    def delete_stack(self, name):
        self.asked.append(name)
        if name in self.refuse:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "termination protection"}}, "DeleteStack"
            )
        self.stacks[name] = "DELETE_IN_PROGRESS"

    def log_groups(self, prefix):
        return [name for name in self.groups if name.startswith(prefix)]

    def delete_log_group(self, name):
        self.groups.remove(name)

    def look(self):
        self.asked.clear()
        return handler.look(CHOSEN, NOW)

    def pass_time(self):
        """What is being deleted is gone."""
        self.stacks = {name: status for name, status in self.stacks.items() if status != "DELETE_IN_PROGRESS"}


COMPLETE = dict.fromkeys(("pipeline", "app", "models", "repository"), "CREATE_COMPLETE")


@pytest.mark.parametrize("deadline", [AHEAD, "never", " never\n"])
def test_before_the_deadline_nothing_is_even_looked_at(monkeypatch, deadline):
    there = Account(monkeypatch, deadline, **COMPLETE)
    monkeypatch.setattr(account, "stack_status", lambda name: pytest.fail("looked"))
    there.look()
    assert there.asked == []


@pytest.mark.parametrize("deadline", ["", "soon", "2026-11-28", "2026-11-28T11:00:00"])
def test_what_is_not_a_moment_deletes_nothing_and_says_so(monkeypatch, deadline):
    there = Account(monkeypatch, deadline, **COMPLETE)
    with pytest.raises(SettingsError, match="2026-11-28T18:00:00Z"):
        there.look()
    assert there.asked == []


def test_one_stack_after_the_other_then_log_groups_then_itself(monkeypatch):
    late = ["/aws/lambda/w-app-Custom", "/aws/sagemaker/Endpoints/w-app-ml-m5-large", "/aws/lambda/other"]
    there, looks = Account(monkeypatch, groups=late, **COMPLETE), []
    for _ in range(20):
        there.look()
        looks.append(list(there.asked))
        there.pass_time()
        if not there.stacks:
            break
    assert looks == [["w-pipeline"], ["w-app"], ["w-models"], ["w-repository"], [], ["w-safety"]]
    assert there.groups == ["/aws/lambda/other"]


def test_a_look_while_something_is_deleted_starts_nothing(monkeypatch):
    there = Account(monkeypatch, **{**COMPLETE, "pipeline": "DELETE_IN_PROGRESS"})
    assert "DELETE_IN_PROGRESS" in there.look()["waiting"]
    assert there.asked == []


@pytest.mark.parametrize(
    "status",
    ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
     "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"],
)  # fmt: skip
def test_an_operation_at_the_moment_of_expiry_is_waited_for(monkeypatch, status):
    there = Account(monkeypatch, app=status, models="CREATE_COMPLETE")
    there.look()
    assert there.asked == []


@pytest.mark.parametrize(
    "status",
    ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_COMPLETE",
     "UPDATE_ROLLBACK_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"],
)  # fmt: skip
def test_a_half_failed_deployment_is_deleted(monkeypatch, status):
    there = Account(monkeypatch, app=status)
    there.look()
    assert there.asked == ["w-app"]


def test_what_cannot_be_deleted_is_tried_again_and_keeps_nothing_else(monkeypatch):
    there = Account(monkeypatch, pipeline="DELETE_FAILED", app="DELETE_FAILED", models="CREATE_COMPLETE")
    for _ in range(3):
        there.look()
        assert there.asked == ["w-pipeline", "w-app", "w-models"]
        there.stacks.update({"w-pipeline": "DELETE_FAILED", "w-app": "DELETE_FAILED", "w-models": "CREATE_COMPLETE"})


def test_a_refusal_keeps_nothing_else_and_counts_as_an_error(monkeypatch):
    there = Account(monkeypatch, refuse=("w-pipeline",), pipeline="DELETE_FAILED", app="CREATE_COMPLETE")
    with pytest.raises(NotDeletedError, match="termination protection"):
        there.look()
    assert there.asked == ["w-pipeline", "w-app"]


def test_it_never_deletes_itself_while_a_stack_is_left(monkeypatch):
    for status in ("DELETE_FAILED", "UPDATE_IN_PROGRESS", "CREATE_COMPLETE"):
        there = Account(monkeypatch, repository=status)
        there.look()
        assert "w-safety" not in there.asked


def test_an_extension_stops_a_deletion_between_two_stacks(monkeypatch):
    there = Account(monkeypatch, **COMPLETE)
    there.look()
    there.pass_time()
    there.text = AHEAD
    there.look()
    assert there.asked == []
    assert "w-app" in there.stacks


def test_every_variable_is_needed():
    whole = {"PARAMETER": "/w/p", "STACKS": "a,b", "OWN_STACK": "c", "LOG_GROUPS": "d"}
    assert settings.Settings.from_environment(whole).stacks == ("a", "b")
    for name in whole:
        with pytest.raises(SettingsError, match=name):
            settings.Settings.from_environment({**whole, name: ""})


def test_the_deadline_is_compared_in_any_time_zone():
    assert core.parse_deadline("2026-11-28T13:00:00+01:00") == NOW


class Refusing:
    """boto3's client of CloudFormation, which answers with an error."""

    def __init__(self, message):
        self.message = message

    def describe_stacks(self, StackName):
        raise ClientError({"Error": {"Code": "ValidationError", "Message": self.message}}, "DescribeStacks")


def test_only_a_stack_that_does_not_exist_counts_as_gone(monkeypatch):
    monkeypatch.setattr(account, "_client", lambda service: Refusing("Stack with id w-app does not exist"))
    assert account.stack_status("w-app") is None
    monkeypatch.setattr(account, "_client", lambda service: Refusing("Rate exceeded"))
    with pytest.raises(ClientError, match="Rate exceeded"):
        account.stack_status("w-app")

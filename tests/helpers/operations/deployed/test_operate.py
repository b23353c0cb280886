import datetime as dt

import pytest

from helpers import operations
from helpers.target.explain import Target
from tests.clouds import until

pytestmark = pytest.mark.cloud


def test_the_log_of_a_request_has_the_lines_of_all_who_worked_on_it(deployed, done):
    until(lambda: len({line.who for line in operations.request_log(deployed, done.id)}) == 4, 30)
    lines = operations.request_log(deployed, done.id)
    assert {line.who for line in lines} == {"platform", "container", "save_status", "extract_images"}
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    platform = next(line.text for line in lines if line.who == "platform")
    assert done.id in platform
    assert "ModelLatency" in platform
    assert not platform.startswith("20"), "the table has a column for the time"
    assert any("images extracted" in line.text for line in lines if line.who == "extract_images")
    assert any("2 steps" in line.text for line in lines if line.who == "container")


def test_another_request_has_lines_of_its_own(deployed, done):
    other = deployed.generate("a green star", seed=2, width=64, height=64, num_inference_steps=3)
    other.wait(120)
    until(lambda: any(line.who == "platform" for line in operations.request_log(deployed, other.id)), 30)
    lines = operations.request_log(deployed, other.id)
    assert not any(done.id in line.text for line in lines)


def test_a_request_that_never_was_has_no_lines(deployed):
    assert len(operations.request_log(deployed, "20261122T204512.345678Z-1a2b3c")) == 0


def test_metrics_tell_of_requests_in_plain_words(deployed, done):
    def measures():
        return {item.name: item for item in operations.metrics(deployed, minutes=30)}

    until(lambda: (measures()["InvocationsProcessed"].total or 0) >= 1, 30)
    found = measures()
    assert found["InvocationsProcessed"].meaning == "requests answered"
    assert 0 < found["ModelLatency"].highest < 60, "seconds, where CloudWatch has microseconds"
    assert found["ExpiredRequests"].total in (None, 0)
    assert "InvocationsPerInstance" not in found, "asynchronous endpoints do not publish it"


def test_a_metric_without_data_shows_dashes(deployed):
    shown = operations.metrics(deployed)
    empty = [item for item in shown if item.latest is None]
    assert empty, "something here has never happened, such as an expired request"
    assert str(shown).count("–") >= len(empty)


def test_alarms_have_state_reason_and_purpose(deployed, done):
    found = {alarm.name: alarm for alarm in operations.alarms(deployed)}
    assert len(found) == 8, list(found)
    dead = found["ExtractImagesDeadLettersWaiting"]
    assert not dead.scales
    assert "dead-letter queue" in dead.meaning
    assert dead.since <= dt.datetime.now(dt.UTC)
    assert found["FollowBacklog low"].scales
    assert found["ScalingBacklogWithoutCapacity"].scales


def test_an_alarm_that_sounds_comes_first_and_is_marked(deployed):
    name = next(
        item["AlarmName"]
        for item in deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
        if "SaveStatusErrors" in item["AlarmName"]
    )
    listings = []

    def sounds():  # the next evaluation, a cloud minute later, quiets it again
        deployed.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by a test")
        listings.append(operations.alarms(deployed))
        return any(alarm.state == "ALARM" and not alarm.scales for alarm in listings[-1])

    until(sounds, 30)
    listing = listings[-1]
    assert (listing[0].name, listing[0].state, listing[0].reason) == ("SaveStatusErrors", "ALARM", "by a test")
    assert listing.states[0] == "fail"
    assert "sounds" in str(listing)


def test_the_dashboard_has_an_address_on_aws_and_an_explanation_here(deployed, monkeypatch):
    here = operations.dashboard(deployed)
    assert here.url == ""
    assert "no console" in str(here)
    monkeypatch.setattr(deployed, "target", Target("aws", "us-east-1"))
    there = operations.dashboard(deployed)
    assert there.url == (
        "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/" + there.name
    )

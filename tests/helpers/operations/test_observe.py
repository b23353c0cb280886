import datetime as dt
import time

import pytest

from contract.errors import JobTimeoutError, NotDeployedError, ResultError
from helpers.inference.records import Activity, Phase, Record, Sample
from helpers.operations.observe import Observation, wait_for_instances


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "not within 20 s"
        time.sleep(0.01)


def seen_by(observation, condition):
    """Wait until a sample fits."""
    until(lambda: any(condition(sample) for sample in list(observation.samples)))


def test_queue_and_instances_are_seen_while_the_block_runs(backend):
    backend.connection.generate("made before, and not counted")
    backend.sagemaker.instances = 0
    with Observation(backend.connection, every=0.01) as seen:
        first, second = backend.connection.generate_many(["a circle", "a star"])
        seen_by(seen, lambda sample: (sample.waiting, sample.instances) == (2, 0))
        backend.sagemaker.instances = 1
        backend.finish(first)
        seen_by(seen, lambda sample: (sample.waiting, sample.done, sample.instances) == (1, 1, 1))
        backend.fail(second)
    assert (seen.samples[-1].waiting, seen.samples[-1].done) == (0, 2)  # one more look at the end
    assert (seen.most_waiting, seen.most_instances, seen.problem) == (2, 1, "")
    assert [sample.seconds for sample in seen.samples] == sorted(sample.seconds for sample in seen.samples)


def test_a_look_that_fails_is_told_and_does_not_end_the_observation(backend, refuse):
    with Observation(backend.connection, every=0.01) as seen:
        seen_by(seen, lambda sample: sample.instances == 1)
        backend.sagemaker.error = refuse("AccessDeniedException")
        until(lambda: seen.problem)
        backend.sagemaker.error, backend.sagemaker.instances = None, 2
        seen_by(seen, lambda sample: sample.instances == 2)
    assert "AccessDeniedException" in seen.problem


def test_what_is_not_deployed_is_said_at_once(backend):
    backend.ssm.delete_parameter(Name="/genai-async/endpoint-name")
    with pytest.raises(NotDeployedError), Observation(backend.connection):
        pass


def test_waiting_for_instances_ends_when_they_run(backend):
    backend.clock.after(30, lambda: setattr(backend.sagemaker, "instances", 0))
    assert 30 <= wait_for_instances(backend.connection, 0, 60) < 31


def test_waiting_for_instances_has_a_deadline(backend):
    with pytest.raises(JobTimeoutError, match=r"after 60 s the endpoint runs 1 instances and should have 1, not 0"):
        wait_for_instances(backend.connection, 0, 60)
    assert backend.clock.time < 1062


# What scaling goes by


def test_metrics_and_alarms_are_noted_with_each_look(backend):
    backend.cloudwatch.values |= {"ApproximateBacklogSize": 7.0, "HasBacklogWithoutCapacity": 1.0}
    backend.cloudwatch.states["wake"] = "ALARM"
    with Observation(backend.connection, every=0.01) as seen:
        seen_by(seen, lambda sample: sample.alarms)
    last = seen.samples[-1]
    assert (last.backlog, last.without_capacity) == (7.0, True)
    assert last.alarms == {"FollowBacklog high": "OK", "FollowBacklog low": "ALARM", "WakeFromZero": "ALARM"}
    assert seen.problem == ""


def test_metrics_are_asked_for_with_the_dimension_that_aws_publishes(backend):
    """SageMaker Developer Guide, "Monitor asynchronous endpoint": EndpointName alone; any other has no data."""
    with Observation(backend.connection, every=0.01):
        until(lambda: backend.cloudwatch.queries)
    for query in backend.cloudwatch.queries:
        assert [item["Name"] for item in query["MetricStat"]["Metric"]["Dimensions"]] == ["EndpointName"]
        assert query["MetricStat"]["Period"] == 1  # a minute of AWS's clock at speed 60


def test_a_metric_without_data_is_unknown_and_not_zero(backend):
    with Observation(backend.connection, every=0.01) as seen:
        seen_by(seen, lambda sample: sample.alarms)
    assert (seen.samples[-1].backlog, seen.samples[-1].without_capacity) == (None, None)


def test_without_permission_for_cloudwatch_the_queue_is_still_seen(backend, refuse):
    with Observation(backend.connection, every=0.01) as seen:
        seen_by(seen, lambda sample: sample.alarms)
        backend.cloudwatch.error = refuse("AccessDeniedException", "no GetMetricData")
        backend.connection.generate("a")
        seen_by(seen, lambda sample: sample.waiting == 1)
    assert "no GetMetricData" in seen.problem
    assert seen.samples[-1].alarms == {}


def test_changes_of_capacity_are_told_with_their_policy(backend):
    now = dt.datetime.now(dt.UTC)
    cause = "monitor alarm wake in state ALARM triggered policy WakeFromZero"
    row = {"Description": "Setting desired instance count to 1.", "Cause": cause, "StatusCode": "Successful"}
    before, after = now - dt.timedelta(hours=1), now + dt.timedelta(seconds=30)
    backend.autoscaling.activities = [row | {"StartTime": after}, row | {"StartTime": before}]
    with Observation(backend.connection, every=0.01) as seen:
        until(lambda: seen.activities)
    (activity,) = seen.activities  # and not what happened before
    assert (activity.policy, activity.what, activity.status) == ("WakeFromZero", row["Description"], "Successful")
    assert 25 < activity.seconds <= 30


# Phases, and what is kept

SAMPLES = [
    Sample(0, 0, 0, 0, 0),
    Sample(1, 5, 0, 0, 0),
    Sample(2, 5, 0, 0, 1),
    Sample(4, 5, 0, 1, 1, 5.0, False, {"WakeFromZero": "OK"}),
    Sample(6, 0, 5, 1, 1),
    Sample(9, 0, 5, 0, 0),
]


def test_phases_follow_one_another():
    assert Record(SAMPLES).phases == [
        Phase("asleep", 0, 1),
        Phase("waking", 1, 4),
        Phase("working", 4, 6),
        Phase("idle", 6, 9),
        Phase("asleep", 9, 9),
    ]
    assert Record().phases == []


def test_a_restarted_kernel_reads_what_was_stored(backend, tmp_path):
    path = tmp_path / "seen.json"
    with Observation(backend.connection, every=0.01, path=path) as seen:
        backend.connection.generate("a")
        until(path.exists)  # while it still runs
        seen_by(seen, lambda sample: sample.waiting == 1)
    found = Record.load(path)
    assert found.samples == seen.samples
    assert (found.speed, found.problem) == (60, "")
    assert [item.name for item in tmp_path.iterdir()] == ["seen.json"]


def test_a_record_comes_back_as_it_was(tmp_path):
    record = Record(SAMPLES, [Activity(2.5, "what", "cause", "Successful")], 60.0, "a problem")
    record.save(tmp_path / "seen.json")
    assert Record.load(tmp_path / "seen.json") == record


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"samples": [{"seconds": 1}], "activities": []}'])
def test_a_file_that_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "seen.json"
    with pytest.raises(ResultError, match="is not there"):
        Record.load(path)
    path.write_text(text)
    with pytest.raises(ResultError, match="is not a stored observation"):
        Record.load(path)

"""save_status on moto's S3: what is in the bucket after which events."""

import itertools
import json
import re

import pytest
from botocore.exceptions import ClientError
from save_status import core, storage
from shared import conditional, exceptions

ID = "20261122T201502-9f2c"
KEY = f"status/{ID}.json"


@pytest.fixture
def save(imported, context):
    module = imported("save_status")
    return lambda event: module.handler(event, context)


def failures(save, event):
    """Run the handler, which must fail, and return its error's message."""
    with pytest.raises(Exception, match="not saved") as raised:
        save(event)
    assert type(raised.value).__name__ == "RecordsFailedError"
    return str(raised.value)


@pytest.mark.parametrize("name", ["completed", "failed"])
def test_the_notification_is_stored_as_received(name, save, events, bucket):
    event = events.load(name)
    # Spelled as no serialiser would spell it again: blanks, escapes, order.
    spelled = events.message(event).replace(",", " ,\n", 1).replace("us-east-1", "us\\u002deast-1", 1)
    event["Records"][0]["Sns"]["Message"] = spelled
    save(event)
    assert bucket() == {KEY: (spelled.encode(), "application/json")}


def test_all_records_of_an_event_are_stored(save, events, bucket):
    save(events.joined(*(events.load("completed", inferenceId=f"id-{n}") for n in range(3))))
    assert set(bucket()) == {f"status/id-{n}.json" for n in range(3)}


def test_the_same_notification_twice_changes_nothing(save, events, bucket, aws):
    save(events.load("completed"))
    before, written = bucket(), aws.head_object(Bucket="workshop-bucket", Key=KEY)["LastModified"]
    save(events.joined(events.load("completed"), events.load("completed")))
    assert bucket() == before
    assert aws.head_object(Bucket="workshop-bucket", Key=KEY)["LastModified"] == written


@pytest.mark.parametrize(
    ("variants", "left"),
    [
        ([("completed", {}), ("failed", {})], 0),
        ([("completed", {}), ("failed", {"eventTime": "2026-11-22T20:15:10.000Z"})], 1),
        ([("completed", {"eventTime": "2026-11-22T20:15:10Z"}), ("failed", {}), ("completed", {})], 0),
        # A later moment, although it is the smaller string: other offset.
        (
            [
                ("completed", {"eventTime": "2026-11-22T20:30:00+00:00"}),
                ("failed", {"eventTime": "2026-11-22T15:45:00-05:00"}),
            ],
            1,
        ),
        ([("failed", {"failureReason": "a"}), ("failed", {"failureReason": "b"})], 1),
        ([("completed", {"eventTime": None}), ("failed", {})], 1),
    ],
    ids=["same time", "failed later", "three", "offsets", "same time and state", "no time"],
)
def test_two_notifications_of_one_id_leave_the_same_one_in_any_order(variants, left, save, events, bucket, aws):
    made = [events.load(name, **changes) for name, changes in variants]
    for order in itertools.permutations(made):
        aws.delete_object(Bucket="workshop-bucket", Key=KEY)
        for event in order:
            save(event)
        assert bucket()[KEY][0].decode() == events.message(made[left])


@pytest.mark.parametrize("stored", [b"", b"not json", b"[]", b'{"eventTime": 5}', b"[" * 100_000, b"\xff"])
def test_what_is_not_a_notification_is_replaced(stored, save, events, bucket, aws):
    aws.put_object(Bucket="workshop-bucket", Key=KEY, Body=stored)
    save(events.load("completed"))
    assert bucket()[KEY][0].decode() == events.message(events.load("completed"))


def test_bad_records_do_not_cost_the_good_ones(save, events, bucket):
    bad = events.load("completed", inferenceId="../../etc")
    broken = events.load("failed")
    broken["Records"][0]["Sns"]["Message"] = "{"
    message = failures(
        save, events.joined(bad, events.load("completed"), broken, events.load("failed", inferenceId="z"))
    )
    assert set(bucket()) == {KEY, "status/z.json"}
    assert message.startswith("2 of 4 records not saved: record 0: InvalidInferenceIdError: ")
    assert re.search(r"; record 2: MalformedNotificationError: the message is not JSON .*'\{'", message)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"inferenceId": "a"}', "`invocationStatus` is None"),
        ('{"inferenceId": "a", "invocationStatus": "InProgress"}', "`invocationStatus` is 'InProgress'"),
        ('{"inferenceId": "a", "invocationStatus": ["Completed"]}', r"`invocationStatus` is \['Completed'\]"),
        ('{"inferenceId": "\ud800", "invocationStatus": "Completed"}', "surrogates not allowed"),
    ],
)
def test_another_message_is_refused(message, reason):
    with pytest.raises(exceptions.MalformedNotificationError, match=reason) as raised:
        core.status_object(message)
    assert len(str(raised.value)) < 500


def test_a_storage_failure_is_raised_and_costs_no_other_record(imported, context, events, bucket, monkeypatch):
    module = imported("save_status")
    real = module._storage()._client.put_object

    def refuse(**arguments):
        if arguments["Key"] == "status/a.json":
            raise ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject")
        return real(**arguments)

    monkeypatch.setattr(module._storage()._client, "put_object", refuse)
    event = events.joined(events.load("completed", inferenceId="a"), events.load("completed", inferenceId="b"))
    message = failures(lambda e: module.handler(e, context), event)
    assert "record 0: StorageError: s3://workshop-bucket/status/a.json could not be written" in message
    assert "SlowDown" in message
    assert set(bucket()) == {"status/b.json"}


def test_a_missing_bucket_is_an_error_not_a_lost_race(aws, events):
    status = core.status_object(events.message(events.load("completed")))
    with pytest.raises(exceptions.StorageError, match="NoSuchBucket"):
        storage.StatusStorage("absent", aws).save(status)


def test_a_writer_in_between_is_not_overwritten(aws, events, bucket, monkeypatch):
    """Between reading the older notification and replacing it, another function stores the newest."""
    old, new, newest = (
        events.message(events.load("completed", eventTime=f"2026-11-22T20:15:0{n}Z")) for n in (1, 2, 3)
    )
    store = storage.StatusStorage("workshop-bucket", aws)
    store.save(core.status_object(old))
    read = store._read

    def read_then_lose(key):
        found = read(key)
        monkeypatch.setattr(store, "_read", read)
        aws.put_object(Bucket="workshop-bucket", Key=KEY, Body=newest.encode())
        return found

    monkeypatch.setattr(store, "_read", read_then_lose)
    assert store.save(core.status_object(new)) is False
    assert bucket()[KEY][0].decode() == newest


def test_endless_races_end_in_an_error(aws, events, monkeypatch):
    store = storage.StatusStorage("workshop-bucket", aws)
    monkeypatch.setattr(conditional, "_put", lambda client, content, **condition: False)
    monkeypatch.setattr(store, "_read", lambda key: (None, ""))
    with pytest.raises(exceptions.StorageError, match="during each of 5 attempts"):
        store.save(core.status_object(events.message(events.load("completed"))))


def test_metrics_and_log(capsys, caplog, save, events):
    save(events.load("failed"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = next(line for line in lines if "_aws" in line and "FailedRequests" in line)
    assert metrics["FailedRequests"] == [1.0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Workshop"
    log = next(record for record in caplog.records if record.message == "status saved")
    assert (log.inference_id, log.state, log.changed) == (ID, "Failed", True)

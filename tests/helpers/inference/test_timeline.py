import datetime as dt

import pytest

from helpers.inference.timeline import Timeline, measure_in, moment_of, read_timeline

BUCKET = "workshop-bucket"
LINE = (
    "2026-11-22T20:45:15.500Z:[sagemaker logs] [{id}] Inference request succeeded. ModelLatency: 2100000 us, "
    "RequestDownloadLatency: 91000 us, ResponseUploadLatency: 67000 us, TimeInBacklog: {backlog}, "
    "TotalProcessingTime: 2410 ms"
)
STREAM = "AllTraffic/i-0123/data-log"


@pytest.fixture
def job(backend):
    return backend.connection.generate("a <red> circle", seed=3)


def utc(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def test_the_timeline_comes_from_notification_log_and_objects(backend, job):
    backend.finish(job)
    backend.logs.events = [(STREAM, LINE.format(id=job.id, backlog="1250 ms"))]
    timeline = job.wait(5).timeline
    assert timeline.queued == utc("2026-11-22T20:45:12.345")
    assert timeline.started == utc("2026-11-22T20:45:13.595")
    assert timeline.generated == utc("2026-11-22T20:45:15.500")
    assert timeline.model == dt.timedelta(seconds=2.1)
    for key, moment in (
        (f"status/{job.id}.json", timeline.notified),
        (f"images/{job.id}/manifest.json", timeline.extracted),
    ):
        assert moment == backend.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"]
        assert moment.tzinfo is dt.UTC
    assert timeline.complete


def test_what_aws_has_not_told_stays_unknown(backend, job):
    backend.answer(job)
    backend.extract(job)
    result = job.wait(5)
    assert (result.timeline.queued, result.timeline.started, result.timeline.generated) == (None, None, None)
    assert result.timeline.notified is None
    assert result.timeline.extracted is not None
    backend.notify(job)  # arrives late, and is seen
    assert result.timeline.queued == utc("2026-11-22T20:45:12.345")
    assert result.timeline.started is None
    assert not result.timeline.complete


def test_a_notification_that_comes_just_after_the_pictures_is_waited_for(backend, job):
    backend.answer(job)
    backend.extract(job)
    backend.clock.after(1.0, lambda: backend.notify(job))
    assert job.wait(5).timeline.queued == utc("2026-11-22T20:45:12.345")
    assert backend.clock.time < 1002


def test_without_an_event_time_the_output_object_tells(backend, job):
    backend.finish(job)
    backend.notify(job, eventTime=None)
    head = backend.s3.head_object(Bucket=BUCKET, Key=f"output/{job.id}-uuid.out")
    assert read_timeline(backend.connection, job.id).generated == head["LastModified"]
    backend.notify(job, eventTime="yesterday", responseParameters={})
    assert read_timeline(backend.connection, job.id).generated is None


def test_a_log_that_may_not_be_read_leaves_started_unknown(backend, job, refuse):
    backend.finish(job)
    backend.logs.error = refuse("AccessDeniedException")
    timeline = job.wait(5).timeline
    assert timeline.started is None
    assert timeline.generated is not None


def test_only_the_data_log_counts(backend, job):
    backend.finish(job)
    backend.logs.events = [("AllTraffic/i-0123", LINE.format(id=job.id, backlog="1250 ms"))]
    assert job.wait(5).timeline.started is None


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (LINE.format(id="job-1", backlog="12 ms"), 0.012),
        (LINE.format(id="job-1", backlog="12000 us"), 0.012),
        (LINE.format(id="job-1", backlog="12000 µs"), 0.012),
        (LINE.format(id="job-1", backlog="1.5 s"), 1.5),
        (LINE.format(id="job-1", backlog="0ms"), 0.0),
        ("job-1 TimeInBacklog=7ms", 0.007),
        ('{"inferenceId": "job-1", "TimeInBacklog": "7 ms"}', 0.007),
        (LINE.format(id="job-1", backlog="12"), None),
        (LINE.format(id="job-10", backlog="12 ms"), None),
        (LINE.format(id="a-job-1", backlog="12 ms"), None),
        ("[job-1] Inference request failed.", None),
        ("", None),
    ],
)
def test_reading_the_data_log(line, seconds):
    expected = None if seconds is None else dt.timedelta(seconds=seconds)
    assert measure_in([line], "job-1", "TimeInBacklog") == expected


def test_the_last_line_with_a_measure_counts():
    lines = [LINE.format(id="x", backlog="1 ms"), LINE.format(id="x", backlog="2 ms"), "[x] stored"]
    assert measure_in(lines, "x", "TimeInBacklog") == dt.timedelta(milliseconds=2)


def test_durations_leave_out_the_unknown_and_are_never_negative():
    start = utc("2026-11-22T20:45:12.400")

    def at(seconds):
        return start + dt.timedelta(seconds=seconds)

    whole = Timeline(at(0), at(1), at(3), at(2.6), at(3.6), dt.timedelta(seconds=2))
    assert {name: span.total_seconds() for name, span in whole.durations().items()} == {
        "started": 1.0,
        "generated": 2.0,
        "notified": 0.0,  # S3's time is in whole seconds
        "extracted": 0.6,  # from "generated"
    }
    assert whole.total == dt.timedelta(seconds=3.6)
    part = Timeline(queued=at(0), generated=at(3))
    assert part.durations() == {"generated": dt.timedelta(seconds=3)}
    assert part.total is None
    assert Timeline().durations() == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T20:45:12.345Z", "2026-11-22T20:45:12.345000+00:00"),
        ("2026-11-22T21:45:12.345678+01:00", "2026-11-22T20:45:12.345678+00:00"),
        ("2026-11-22T20:45:12", "2026-11-22T20:45:12+00:00"),
    ],
)
def test_moments_are_aware(text, expected):
    assert moment_of(text).isoformat() == expected


@pytest.mark.parametrize("text", ["", "now", None, 7])
def test_what_is_no_moment(text):
    assert moment_of(text) is None

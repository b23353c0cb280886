import threading

import pytest
from botocore.exceptions import EndpointConnectionError

from contract.errors import (
    JobFailed,
    JobTimeoutError,
    ResultError,
    TargetError,
)
from helpers.inference.results import Result

BUCKET = "workshop-bucket"


# One


def test_a_wait_tells_each_change_once(backend):
    job = backend.connection.generate("a red circle")
    backend.clock.after(0.3, lambda: backend.answer(job))
    backend.clock.after(0.6, lambda: backend.notify(job))
    backend.clock.after(0.9, lambda: backend.extract(job))
    told = []
    result = job.wait(10, lambda which, state: told.append((which.id, state)))
    assert told == [(job.id, "generated"), (job.id, "notified"), (job.id, "done")]
    assert isinstance(result, Result)
    assert result.manifest["prompt"] == "a red circle"
    assert job.wait(0).id == job.id


def test_intervals_grow_and_start_again_after_a_change(backend):
    job = backend.connection.generate("a")
    backend.clock.after(20.0, lambda: backend.notify(job))
    backend.clock.after(22.0, lambda: backend.extract(job))
    job.wait(60)
    slept, pace = backend.clock.slept, backend.connection.pace
    assert slept[0] == pace.first
    assert max(slept) == pace.longest
    again = slept.index(pace.first, 1)
    assert slept[:again] == sorted(slept[:again])
    assert slept[again + 1] < slept[again - 1]


def test_images_count_even_before_the_notification(backend):
    job = backend.connection.generate("a")
    backend.answer(job)
    backend.extract(job)
    assert job.wait(5).id == job.id


def test_an_endpoint_at_zero_instances_is_waking(backend):
    job, told = backend.connection.generate("a"), []
    backend.sagemaker.instances = 0
    backend.clock.after(5, lambda: setattr(backend.sagemaker, "instances", 1))
    backend.clock.after(9, lambda: backend.finish(job))
    job.wait(60, lambda _, state: told.append(state))
    assert told == ["waking", "queued", "done"]
    assert 2 <= backend.sagemaker.asked <= 10  # rarely, not at each look


def test_a_failure_tells_the_reason_and_what_the_model_said(backend):
    job, told = backend.connection.generate("a"), []
    backend.put(job.failure_key, b'{"error": "width = 12: allowed are multiples of 8"}')
    backend.clock.after(0.2, lambda: backend.fail(job))
    with pytest.raises(JobFailed) as caught:
        job.wait(10, lambda _, state: told.append(state))
    for part in (job.id, "Received client error (400)", "width = 12", job.failure_key, "/aws/sagemaker/Endpoints/"):
        assert part in str(caught.value)
    assert caught.value.reason.startswith("ClientError")
    assert told == ["failed"]
    with pytest.raises(JobFailed):  # and again
        job.wait(0)


def test_a_model_server_s_json_is_told_as_its_message(backend):
    job = backend.connection.generate("a")
    backend.put(job.failure_key, b'{"code": 400, "message": "width = 12\\nTraceback"}')
    backend.fail(job, reason="ClientError")
    with pytest.raises(JobFailed, match=r"the model said: width = 12\nTraceback"):
        job.wait(1)


def test_a_failure_without_a_body_or_a_reason(backend):
    job = backend.connection.generate("a")
    backend.fail(job, reason="")
    with pytest.raises(JobFailed, match="no reason was given"):
        job.wait(1)


def test_a_failure_whose_notification_was_lost(backend):
    job = backend.connection.generate("a")
    backend.put(job.failure_key, b"out of memory")
    with pytest.raises(JobFailed, match="out of memory"):
        job.wait(60)
    assert backend.clock.time < 1000 + 10
    assert job.state == "failed"


def test_a_failure_seen_at_the_deadline_is_no_timeout(backend):
    job = backend.connection.generate("a")
    backend.put(job.failure_key, b"out of memory")
    with pytest.raises(JobFailed, match="out of memory"):
        job.wait(0.1)


@pytest.mark.parametrize(
    ("prepare", "parts"),
    [
        (lambda backend, job: None, ["still 'queued' after 7 s", "InService with 1 instances"]),
        (lambda backend, job: setattr(backend.sagemaker, "instances", 0), ["still 'waking'", "scaled to zero"]),
        (lambda backend, job: backend.answer(job), ["still 'generated'", "save_status and extract_images"]),
        (
            lambda backend, job: (backend.answer(job), backend.notify(job)),
            ["still 'notified'", "never extracted", "dead-letter queue", "extract_images"],
        ),
    ],
)
def test_a_deadline_says_where_the_job_stands(backend, prepare, parts):
    job = backend.connection.generate("a")
    prepare(backend, job)
    with pytest.raises(JobTimeoutError) as caught:
        job.wait(7)
    for part in [*parts, f"resume({job.id!r})"]:
        assert part in str(caught.value)
    assert backend.clock.time == pytest.approx(1007)
    assert isinstance(caught.value, TimeoutError)


def test_a_role_that_may_not_describe_the_endpoint_can_wait(backend, refuse):
    job = backend.connection.generate("a")
    backend.sagemaker.error = refuse("AccessDeniedException", "no DescribeEndpoint")
    with pytest.raises(JobTimeoutError, match="no DescribeEndpoint"):
        job.wait(5)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "is not JSON"),
        (b'{"invocationStatus": "Compl', "is not JSON"),
        (b"[1]", "holds list"),
        (b"{}", "invocationStatus is None"),
        (b'{"invocationStatus": "Maybe"}', "'Maybe'"),
        (b'{"invocationStatus": "Completed", "inferenceId": "another"}', "inferenceId is 'another'"),
        (b'{"invocationStatus": "Completed"}', "inferenceId is None"),
    ],
)
def test_a_malformed_status_is_an_error_that_names_the_key(backend, body, part):
    job = backend.connection.generate("a")
    backend.put(f"status/{job.id}.json", body)
    with pytest.raises(ResultError) as caught:
        job.wait(5)
    assert f"s3://{BUCKET}/status/{job.id}.json" in str(caught.value)
    assert part in str(caught.value)


def test_an_exception_in_on_change_ends_the_wait(backend):
    job = backend.connection.generate("a")
    backend.finish(job)

    def broken(job, state):
        raise ZeroDivisionError(state)

    with pytest.raises(ZeroDivisionError, match="done"):
        job.wait(5, broken)


def test_an_interrupted_wait_can_go_on(backend):
    job = backend.connection.generate("a")

    def interrupt():
        raise KeyboardInterrupt

    backend.clock.after(1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        job.wait(60)
    backend.clock.after(1, lambda: backend.finish(job))
    assert backend.restarted().resume(job.id).wait(60).manifest["prompt"] == "a"
    assert job.wait(60).id == job.id


def test_a_target_that_goes_away_ends_the_wait(backend, monkeypatch):
    job = backend.connection.generate("a")

    def gone(**call):
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    monkeypatch.setattr(backend.s3, "list_objects_v2", gone)
    with pytest.raises(TargetError, match=r"listing s3://.*no answer.*call connect\(\) again"):
        job.wait(5)


def test_in_real_time_with_a_back_end_of_its_own(backend):
    from helpers.target.pace import Timer

    backend.connection.timer = Timer()
    job = backend.connection.generate("a")
    thread = threading.Timer(0.2, lambda: backend.finish(job))
    thread.start()
    try:
        assert job.wait(20).id == job.id
    finally:
        thread.join()


# Many


def test_wait_all_gives_results_in_order_and_tells_each_change(backend):
    made, told = backend.connection.generate_many(["a", "b", "c"]), []
    for seconds, job in zip((3, 1, 2), made, strict=True):
        backend.clock.after(seconds, lambda job=job: backend.finish(job))
    results = backend.connection.wait_all(made, 60, lambda job, state: told.append((job.request["prompt"], state)))
    assert [result.manifest["prompt"] for result in results] == ["a", "b", "c"]
    assert told == [("b", "done"), ("c", "done"), ("a", "done")]


def test_wait_all_lists_instead_of_asking_for_each(backend, monkeypatch):
    made, calls = backend.connection.generate_many(["a"] * 30), []
    for method in ("list_objects_v2", "get_object", "head_object"):
        real = getattr(backend.s3, method)
        monkeypatch.setattr(backend.s3, method, lambda real=real, **call: (calls.append(call), real(**call))[1])
    backend.clock.after(2, lambda: [backend.finish(job) for job in made])
    assert len(backend.connection.wait_all(made, 60)) == 30
    assert len(calls) <= 3 * (len(backend.clock.slept) + 1)


def test_wait_all_collects_errors_in_their_places(backend):
    a, b, c, d, e = backend.connection.generate_many(["a", "b", "c", "d", "e"])
    backend.finish(a)
    backend.fail(b, "the model raised")
    backend.put(f"status/{c.id}.json", b"{")
    backend.put(d.failure_key, b"killed")
    outcomes = backend.connection.wait_all([a, b, c, d, e], 30, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Result, JobFailed, ResultError, JobFailed, JobTimeoutError]
    assert "the model raised" in str(outcomes[1])
    assert "killed" in str(outcomes[3])
    assert [job.state for job in (a, b, c, d, e)] == ["done", "failed", "queued", "failed", "queued"]
    with pytest.raises(JobFailed, match="the model raised") as caught:
        backend.connection.wait_all([a, b, c, d, e], 0)
    assert "4 of 5 jobs have no pictures" in caught.value.__notes__[0]


def test_wait_all_says_notified_when_only_images_are_missing(backend):
    job, told = backend.connection.generate("a"), []
    backend.notify(job)
    with pytest.raises(JobTimeoutError, match="extract_images"):
        backend.connection.wait_all([job], 5, lambda job, state: told.append(state))
    assert told == ["notified"]


def test_wait_all_of_nothing_and_of_the_same_twice(backend):
    assert backend.connection.wait_all([], 1) == []
    job = backend.connection.generate("a")
    backend.finish(job)
    assert [result.id for result in backend.connection.wait_all([job, job], 1)] == [job.id, job.id]


def test_wait_all_finds_ids_of_others_that_begin_alike(backend):
    from helpers.inference.jobs import Job

    made = [Job(backend.connection, name, {"prompt": name}).submit() for name in ("a", "a-b", "a.c", "A", "b")]
    for job in made:
        backend.finish(job)
    assert len(backend.connection.wait_all(made[:3], 0)) == 3

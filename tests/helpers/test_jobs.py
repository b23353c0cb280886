import re
import threading

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from helpers import ids
from helpers.errors import (
    JobFailed,
    JobTimeoutError,
    NotDeployedError,
    ParameterError,
    ResultError,
    SubmissionError,
    TargetError,
)
from helpers.results import Result

BUCKET = "workshop-bucket"


# Ids


def test_ids_sort_by_time_even_within_a_microsecond(monkeypatch):
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_795_380_312_345_678_000)
    made = [ids.new_id() for _ in range(50)]
    assert made == sorted(made)
    assert len(set(made)) == 50
    assert all(re.fullmatch(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{6}", item) for item in made)
    assert all(ids.PATTERN.fullmatch(item) for item in made)


def test_ids_of_several_threads_differ():
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(ids.new_id() for _ in range(100))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({item[:23] for item in made}) == 400


@pytest.mark.parametrize("bad", ["", "a/b", "a b", "x" * 65, "ä", "..", ".", None, 7, "a\n"])
def test_what_is_no_id(bad):
    with pytest.raises(ParameterError, match="inference id = "):
        ids.checked(bad)


# Submitting


def test_generate_uploads_the_request_and_invokes_the_endpoint(backend):
    job = backend.connection.generate("a red circle / ../x", width=64, height=64, seed=3, request_ttl_seconds=60)
    assert backend.keys() == [f"requests/{job.id}.json"]
    assert backend.connection.store.read_json(f"requests/{job.id}.json") == job.request
    assert job.request == {"prompt": "a red circle / ../x", "width": 64, "height": 64, "seed": 3}
    assert backend.runtime.calls == [
        {
            "EndpointName": "genai-async-endpoint",
            "InputLocation": f"s3://{BUCKET}/requests/{job.id}.json",
            "InferenceId": job.id,
            "ContentType": "application/json",
            "Accept": "application/json",
            "RequestTTLSeconds": 60,
        }
    ]
    assert job.state == "queued"
    assert repr(job) == f"<Job {job.id} queued: a red circle / ../x>"


def test_boto3_takes_the_call_as_we_make_it(backend):
    import boto3
    from botocore.stub import Stubber

    runtime = boto3.client("sagemaker-runtime", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    backend.clients["sagemaker-runtime"] = runtime
    with Stubber(runtime) as stub:
        location = f"s3://{BUCKET}/output/8f.out"
        stub.add_response("invoke_endpoint_async", {"InferenceId": "x", "OutputLocation": location})
        job = backend.connection.generate(
            "a", accept="application/json;jpeg", invocation_timeout_seconds=3600, request_ttl_seconds=21_600
        )
        stub.assert_no_pending_responses()
    assert (job.output_key, job.failure_key) == ("output/8f.out", "")


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"request_ttl_seconds": 59}, "request_ttl_seconds = 59: allowed is a whole number of seconds, 60 to 21600"),
        ({"request_ttl_seconds": 60.0}, "request_ttl_seconds = 60.0"),
        ({"invocation_timeout_seconds": 3601}, "invocation_timeout_seconds = 3601"),
        ({"invocation_timeout_seconds": True}, "invocation_timeout_seconds = True"),
        ({"accept": "text/html"}, "accept = 'text/html'"),
        ({"width": 13}, "width = 13"),
        ({"wdith": 16}, "did you mean 'width'"),
    ],
)
def test_nothing_is_uploaded_when_a_parameter_is_bad(backend, options, part):
    with pytest.raises(ParameterError) as caught:
        backend.connection.generate("a red circle", **options)
    assert part in str(caught.value)
    assert backend.keys() == []
    assert backend.runtime.calls == []


def test_a_request_that_the_endpoint_refuses_is_removed_again(backend, refuse):
    original = refuse("ThrottlingException", "slow down")
    backend.runtime.refuse = lambda call: original
    with pytest.raises(TargetError, match=r"invoking endpoint genai-async-endpoint.*slow down") as caught:
        backend.connection.generate("a")
    assert caught.value.__cause__ is original
    assert backend.keys() == []


def test_submit_may_be_called_again_under_the_same_id(backend, refuse):
    from helpers.jobs import Job

    job = Job(backend.connection, ids.new_id(), {"prompt": "a"}, options={"Accept": "application/json"})
    backend.runtime.refuse = lambda call: refuse("InternalFailure") if len(backend.runtime.calls) == 1 else None
    with pytest.raises(TargetError):
        job.submit()
    assert job.state == "created"
    assert job.submit().state == "queued"
    job.submit()
    assert [call["InferenceId"] for call in backend.runtime.calls] == [job.id, job.id]
    assert backend.keys() == [f"requests/{job.id}.json"]


def test_an_endpoint_that_is_gone_says_deploy(backend, refuse):
    backend.runtime.refuse = lambda call: refuse("ValidationError", "Endpoint e of account 1 not found.")
    with pytest.raises(NotDeployedError, match="deploy the stacks"):
        backend.connection.generate("a")


def test_a_removal_that_fails_too_is_noted(backend, refuse, monkeypatch):
    backend.runtime.refuse = lambda call: refuse("InternalFailure")

    def no_deletion(**call):
        raise refuse("AccessDenied")

    monkeypatch.setattr(backend.s3, "delete_object", no_deletion)
    with pytest.raises(TargetError, match="invoking endpoint") as caught:
        backend.connection.generate("a")
    assert "could not be removed" in caught.value.__notes__[0]


# Waiting for one


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
    from helpers.watching import Timer

    backend.connection.timer = Timer()
    job = backend.connection.generate("a")
    thread = threading.Timer(0.2, lambda: backend.finish(job))
    thread.start()
    try:
        assert job.wait(20).id == job.id
    finally:
        thread.join()


# Many


def test_generate_many_keeps_the_order(backend):
    made = backend.connection.generate_many(
        ["a", {"prompt": "b", "seed": 9}, "c"], concurrency=2, width=16, height=16, seed=1
    )
    assert [job.request["prompt"] for job in made] == ["a", "b", "c"]
    assert [job.request["seed"] for job in made] == [1, 9, 1]
    assert [job.id for job in made] == sorted(job.id for job in made)
    assert {job.state for job in made} == {"queued"}
    assert len(backend.keys("requests/")) == 3


def test_generate_many_never_has_more_on_their_way(backend):
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Barrier(2, timeout=10)

    def refuse(call):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait()  # passes only when two are on their way
        with lock:
            now -= 1

    backend.runtime.refuse = refuse
    backend.connection.generate_many(["a"] * 8, concurrency=2)
    assert most == 2


def test_one_bad_prompt_of_many_and_nothing_is_uploaded(backend):
    with pytest.raises(ParameterError, match=r"prompts\[2\]: width = 3"):
        backend.connection.generate_many(["a", "b", {"prompt": "c", "width": 3}])
    with pytest.raises(ParameterError, match=r"prompts\[0\]: prompt = None"):
        backend.connection.generate_many([{"seed": 1}])
    assert backend.keys() == []


@pytest.mark.parametrize("concurrency", [0, 65, 2.0, True])
def test_a_bad_concurrency(backend, concurrency):
    with pytest.raises(ParameterError, match="concurrency = "):
        backend.connection.generate_many(["a"], concurrency=concurrency)


def test_a_single_prompt_is_not_many(backend):
    with pytest.raises(ParameterError, match="allowed is a list of prompts"):
        backend.connection.generate_many("a red circle")


def test_those_that_were_refused_are_told_apart(backend, refuse):
    backend.runtime.refuse = lambda call: (
        refuse("ThrottlingException", "slow down") if len(backend.runtime.calls) == 2 else None
    )
    with pytest.raises(SubmissionError, match=r"1 of 3 requests were not accepted.*slow down") as caught:
        backend.connection.generate_many(["a", "b", "c"], concurrency=1)
    assert [job.request["prompt"] for job in caught.value.refused] == ["b"]
    assert [job.request["prompt"] for job in caught.value.accepted] == ["a", "c"]
    assert len(backend.keys("requests/")) == 2
    assert caught.value.refused[0].submit().state == "queued"


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
    from helpers.jobs import Job

    made = [Job(backend.connection, name, {"prompt": name}).submit() for name in ("a", "a-b", "a.c", "A", "b")]
    for job in made:
        backend.finish(job)
    assert len(backend.connection.wait_all(made[:3], 0)) == 3


# What lies in S3


def test_jobs_lists_the_newest_first_with_their_states(backend):
    a, b, c, d = backend.connection.generate_many(["a", "b", "c", "d"])
    backend.finish(a)
    backend.fail(b)
    backend.notify(c)
    found = backend.restarted().jobs()
    assert [(job.id, job.state) for job in found] == [
        (d.id, "uploaded"),
        (c.id, "notified"),
        (b.id, "failed"),
        (a.id, "done"),
    ]
    assert found[0].request == {"prompt": "d"}
    assert [job.id for job in backend.restarted().jobs(limit=2)] == [d.id, c.id]
    assert repr(backend.restarted().jobs()[0]) == f"<Job {d.id} uploaded>"


def test_jobs_passes_over_what_is_not_a_jobs(backend):
    job = backend.connection.generate("a")
    for key in (
        "requests/",
        "requests/notes.txt",
        "requests/a b.json",
        "requests/old/x.json",
        "status/.json",
        "images/x/0.png",
        "images/x/y/manifest.json",
        "images/manifest.json",
        "other/z.json",
    ):
        backend.put(key, b"")
    assert [found.id for found in backend.connection.jobs()] == [job.id]


def test_jobs_survives_a_broken_status(backend):
    a, b = backend.connection.generate_many(["a", "b"])
    backend.put(f"status/{a.id}.json", b"{")
    assert [(job.id, job.state) for job in backend.connection.jobs()] == [(b.id, "uploaded"), (a.id, "notified")]


def test_jobs_goes_through_all_pages(backend, monkeypatch):
    real = backend.s3.list_objects_v2
    monkeypatch.setattr(backend.s3, "list_objects_v2", lambda **call: real(**{**call, "MaxKeys": 3}))
    for number in range(8):
        backend.put(f"requests/id-{number}.json", b"{}")
    assert [job.id for job in backend.connection.jobs()] == [f"id-{number}" for number in reversed(range(8))]


def test_a_job_whose_request_has_expired(backend):
    job = backend.connection.generate("a")
    backend.finish(job)
    backend.s3.delete_object(Bucket=BUCKET, Key=f"requests/{job.id}.json")
    (found,) = backend.restarted().jobs()
    assert found.wait(0).manifest["prompt"] == "a"
    with pytest.raises(ResultError, match="may have expired"):
        _ = found.request


def test_resume_goes_on_after_a_restart(backend):
    job = backend.connection.generate("a")
    again = backend.restarted().resume(job.id)
    assert again.state == "uploaded"
    backend.clock.after(1, lambda: backend.finish(job))
    assert again.wait(10).manifest["prompt"] == "a"
    assert backend.restarted().resume(job.id).state == "done"


def test_a_resumed_job_can_be_submitted_again_unless_it_is_answered(backend):
    job = backend.connection.generate("a", seed=4)
    assert backend.restarted().resume(job.id).submit().state == "queued"
    assert len(backend.runtime.calls) == 2
    backend.finish(job)
    found = backend.restarted().resume(job.id)
    assert found.submit().state == "done"
    assert len(backend.runtime.calls) == 2


def test_a_resumed_job_that_is_refused_keeps_its_request(backend, refuse):
    job = backend.connection.generate("a")
    backend.runtime.refuse = lambda call: refuse("InternalFailure")
    with pytest.raises(TargetError):
        backend.restarted().resume(job.id).submit()
    assert backend.keys() == [f"requests/{job.id}.json"]


def test_resuming_what_is_not_there(backend):
    with pytest.raises(ResultError, match="no job 'unknown'"):
        backend.connection.resume("unknown")
    with pytest.raises(ParameterError, match=r"inference id = '\.\./x'"):
        backend.connection.resume("../x")


def test_an_answer_that_never_came_is_taken_back(backend):
    backend.runtime.refuse = lambda call: ReadTimeoutError(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(TargetError, match="no answer"):
        backend.connection.generate("a")
    assert backend.keys() == []

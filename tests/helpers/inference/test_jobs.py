import threading

import pytest
from botocore.exceptions import ReadTimeoutError

from contract import ids
from contract.errors import (
    NotDeployedError,
    ParameterError,
    ResultError,
    SubmissionError,
    TargetError,
)

BUCKET = "workshop-bucket"


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
        ({"request_ttl_seconds": 59}, "request_ttl_seconds = 59: must be a whole number of seconds, 60 to 21600"),
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
    from helpers.inference.jobs import Job

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
    with pytest.raises(ParameterError, match="must be a list of prompts"):
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
    job = backend.connection.generate("a", seed=4, accept="application/json;jpeg", request_ttl_seconds=90)
    assert backend.restarted().resume(job.id).submit().state == "queued"
    first, second = backend.runtime.calls
    assert first == second
    assert second["Accept"] == "application/json;jpeg"
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


def test_a_request_that_something_else_has_written_is_sent_as_it_is(backend):
    backend.put("requests/mine.json", {"prompt": "a"})
    assert backend.connection.resume("mine").submit().state == "queued"
    assert "Accept" not in backend.runtime.calls[0]
    backend.s3.put_object(
        Bucket=BUCKET, Key="requests/other.json", Body=b'{"prompt": "a"}', Metadata={"invoke-options": "{"}
    )
    with pytest.raises(ResultError, match=r"requests/other\.json: metadata invoke-options is not JSON"):
        backend.connection.resume("other").submit()


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

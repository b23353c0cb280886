import time

import pytest

from helpers.errors import JobTimeoutError, NotDeployedError
from helpers.observe import Observation, Sample, wait_for_instances


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


def test_instance_seconds_are_added_up_from_look_to_look(backend):
    seen = Observation(backend.connection)
    seen.samples = [Sample(0, 5, 0, 0, 1), Sample(2, 5, 0, 1, 2), Sample(5, 1, 4, 2, 2), Sample(6, 0, 5, 2, 2)]
    assert seen.instance_seconds == 0 * 2 + 1 * 3 + 2 * 1


def test_waiting_for_instances_ends_when_they_run(backend):
    backend.clock.after(30, lambda: setattr(backend.sagemaker, "instances", 0))
    assert 30 <= wait_for_instances(backend.connection, 0, 60) < 31


def test_waiting_for_instances_has_a_deadline(backend):
    with pytest.raises(JobTimeoutError, match=r"after 60 s the endpoint runs 1 instances and shall have 1, not 0"):
        wait_for_instances(backend.connection, 0, 60)
    assert backend.clock.time < 1062

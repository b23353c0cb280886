import datetime as dt
import json

import pytest

from contract import ids
from contract.errors import TargetError
from helpers import operations
from tests.clouds import until
from tests.helpers.operations.deployed.conftest import SMALL

pytestmark = pytest.mark.cloud
EXTRACT = "extract_images"


def count(connection, role=EXTRACT):
    return dict(operations.waiting(connection))[role]


@pytest.fixture(autouse=True)
def empty(deployed):
    yield
    operations.repair(deployed)
    operations.purge(deployed)


def variables(connection, role=EXTRACT):
    (function,) = (item for item in operations.functions(connection) if item.role == role)
    about = connection.client("lambda").get_function_configuration(FunctionName=function.name)
    return about["Environment"]["Variables"]


def test_both_functions_and_their_queues_are_found(deployed):
    assert [function.role for function in operations.functions(deployed)] == ["extract_images", "save_status"]
    assert list(operations.waiting(deployed)) == [("extract_images", 0), ("save_status", 0)]


def test_a_broken_function_leaves_a_letter_that_a_redrive_turns_into_a_picture(deployed):
    before = variables(deployed)
    with operations.broken(deployed) as function:
        assert function.role == EXTRACT
        job = deployed.generate("a blue square", seed=5, **SMALL)
        letters = operations.wait_for_letters(deployed, timeout=120)
    assert variables(deployed) == before
    (letter,) = letters
    assert (letter.role, letter.inference_id) == (EXTRACT, job.id)
    assert "BROKEN_ON_PURPOSE" in letter.why
    assert abs(letter.sent - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
    assert job.id in str(letters)
    assert not deployed.store.exists(ids.manifest_key(job.id))

    assert [sent.inference_id for sent in operations.redrive(deployed)] == [job.id]
    assert len(job.wait(60).images) == 1
    assert count(deployed) == 0
    assert in_flight(deployed) == 0, "a letter that was only received would come back"


def test_listing_leaves_the_letters_where_they_are(deployed):
    send(deployed, {"inferenceId": "a-1"})
    for _ in range(3):
        assert [letter.inference_id for letter in operations.letters(deployed)] == ["a-1"]
    assert count(deployed) == 1


def test_more_letters_than_one_call_to_sqs_gives(deployed):
    for number in range(25):
        send(deployed, {"inferenceId": f"a-{number}"})
    assert len(operations.letters(deployed)) == 25
    assert len(operations.letters(deployed, "save_status")) == 0


def test_a_letter_that_fails_again_comes_back_and_is_sent_only_once_by_one_redrive(deployed):
    send(deployed, {"inferenceId": "never-was", "invocationStatus": "Completed"})
    assert len(operations.redrive(deployed)) == 1
    (again,) = operations.wait_for_letters(deployed, timeout=60)
    assert again.inference_id == "never-was"


def test_what_sns_could_not_deliver_is_a_letter_and_can_be_sent(deployed, done):
    """Amazon SNS Developer Guide, "Amazon SNS dead-letter queues": the body is the notification, without attributes."""
    status = deployed.store.read_json(ids.status_key(done.id))
    deployed.store.delete(ids.manifest_key(done.id))
    notification = {"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": json.dumps(status)}
    deployed.client("sqs").send_message(QueueUrl=queue(deployed), MessageBody=json.dumps(notification))
    (letter,) = operations.letters(deployed)
    assert letter.inference_id == done.id
    assert "SNS" in letter.why
    operations.redrive(deployed)
    until(lambda: deployed.store.exists(ids.manifest_key(done.id)))


def test_a_message_that_is_no_json_is_shown_all_the_same(deployed):
    deployed.client("sqs").send_message(QueueUrl=queue(deployed), MessageBody="hello")
    (letter,) = operations.letters(deployed)
    assert (letter.inference_id, letter.event["Records"][0]["Sns"]) == ("", {"Message": "hello"})


def test_purge_throws_away_and_tells_how_many(deployed):
    for number in range(3):
        send(deployed, {"inferenceId": f"a-{number}"})
    assert operations.purge(deployed, EXTRACT) == 3
    assert count(deployed) == 0


def test_an_exception_inside_the_block_mends_too(deployed):
    before, inside = variables(deployed), []

    def fail_inside():
        with operations.broken(deployed):
            inside.append(variables(deployed)["BUCKET_NAME"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert inside == ["BROKEN_ON_PURPOSE"]
    assert variables(deployed) == before


def test_a_kernel_that_died_inside_the_block_is_mended_by_another(deployed):
    before = variables(deployed)
    block = operations.broken(deployed)
    block.__enter__()  # and never left
    assert variables(deployed) != before
    assert operations.repair(deployed) == [EXTRACT]
    assert variables(deployed) == before
    assert operations.repair(deployed) == []


def test_breaking_twice_keeps_the_true_name(deployed):
    before = variables(deployed)
    operations.broken(deployed).__enter__()
    with operations.broken(deployed):
        pass
    assert variables(deployed) == before


@pytest.mark.rare
def test_save_status_can_be_broken_too(deployed):
    with operations.broken(deployed, "save_status"):
        job = deployed.generate("a sun", seed=6, **SMALL)
        (letter,) = operations.wait_for_letters(deployed, 1, "save_status", 120)
        assert letter.inference_id == job.id
    operations.redrive(deployed, "save_status")
    until(lambda: deployed.store.exists(ids.status_key(job.id)))


def test_an_unknown_role_is_refused_with_those_there_are(deployed):
    with pytest.raises(ValueError, match="must be extract_images or save_status"):
        operations.letters(deployed, "extract")


def test_waiting_for_letters_ends_and_says_what_came(deployed):
    with pytest.raises(TargetError, match=r"0 of 1 dead letters came within 0\.5 s"):
        operations.wait_for_letters(deployed, timeout=0.5)


def queue(connection, role=EXTRACT):
    return next(function.queue for function in operations.functions(connection) if function.role == role)


def in_flight(connection):
    """Letters that somebody has received and not deleted."""
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = connection.client("sqs").get_queue_attributes(QueueUrl=queue(connection), AttributeNames=[name])
    return int(answer["Attributes"][name])


def send(connection, message):
    """Lay an event into the queue, as Lambda does."""
    record = {"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}
    attributes = {"ErrorMessage": {"DataType": "String", "StringValue": "no"}}
    connection.client("sqs").send_message(
        QueueUrl=queue(connection), MessageBody=json.dumps({"Records": [record]}), MessageAttributes=attributes
    )

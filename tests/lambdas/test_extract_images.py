"""extract_images on moto's S3: what is in the bucket after which events."""

import hashlib
import json

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from extract_images import storage
from shared import exceptions

from tests.lambdas.pictures import pixels

ID = "20261122T201502-9f2c"
OUTPUT = "output/0b1f8d7a-6c1e-4f0e-9a43-0d9b54f2a111.out"
RING = [[[1, 2, 3], [4, 5, 6]], [[255, 0, 9], [10, 100, 99]]]
SEA = [[[0, 0, 255]]]
RESPONSE = json.dumps({"generated_images": [RING, SEA], "prompt": "ring and sea"}).encode()


@pytest.fixture
def extract(imported, context):
    module = imported("extract_images")
    return lambda event: module.handler(event, context)


@pytest.fixture
def put(aws):
    return lambda key, body: aws.put_object(Bucket="workshop-bucket", Key=key, Body=body)


def failures(extract, event):
    """Run the handler, which must fail, and return its error's message."""
    with pytest.raises(Exception, match="no pictures from") as raised:
        extract(event)
    assert type(raised.value).__name__ == "RecordsFailedError"
    return str(raised.value)


def made(bucket):
    return {key: body for key, (body, _) in bucket().items() if key.startswith("images/")}


def test_pictures_and_manifest(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    put(f"requests/{ID}.json", b'{"prompt": "ring and sea", "seed": 3}')
    extract(events.load("completed"))
    found = made(bucket)
    assert set(found) == {f"images/{ID}/0.png", f"images/{ID}/1.png", f"images/{ID}/manifest.json"}
    assert pixels(found[f"images/{ID}/0.png"]) == RING
    assert pixels(found[f"images/{ID}/1.png"]) == SEA
    assert b'{"seed": 3}' in found[f"images/{ID}/0.png"]
    assert bucket()[f"images/{ID}/1.png"][1] == "image/png"
    assert bucket()[f"images/{ID}/manifest.json"][1] == "application/json"
    manifest = json.loads(found[f"images/{ID}/manifest.json"])
    assert [entry["key"] for entry in manifest["images"]] == [f"images/{ID}/0.png", f"images/{ID}/1.png"]


def test_the_request_may_be_missing(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    extract(events.load("completed"))
    assert len(made(bucket)) == 3


def test_the_manifest_is_written_last(imported, context, events, put, monkeypatch):
    module = imported("extract_images")
    put(OUTPUT, RESPONSE)
    written = []
    monkeypatch.setattr(module._storage(), "put", lambda item: written.append(item.key))
    module.handler(events.load("completed"), context)
    assert written == [f"images/{ID}/0.png", f"images/{ID}/1.png", f"images/{ID}/manifest.json"]


def test_the_same_notification_again_leaves_the_same_bytes(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    extract(events.load("completed"))
    before = bucket()
    extract(events.joined(events.load("completed"), events.load("completed")))
    assert bucket() == before


def test_two_notifications_in_either_order(extract, events, bucket, put, aws):
    put(OUTPUT, RESPONSE)
    pair = [events.load("completed", inferenceId="a"), events.load("completed", inferenceId="b")]
    extract(events.joined(*pair))
    before = bucket()
    for key in made(bucket):
        aws.delete_object(Bucket="workshop-bucket", Key=key)
    extract(events.joined(*reversed(pair)))
    assert bucket() == before


def test_fewer_pictures_than_before_are_not_mixed_with_the_old_ones(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    extract(events.load("completed"))
    put(OUTPUT, json.dumps({"generated_image": SEA}).encode())
    extract(events.load("completed"))
    manifest = json.loads(made(bucket)[f"images/{ID}/manifest.json"])
    assert [entry["key"] for entry in manifest["images"]] == [f"images/{ID}/0.png"]
    assert pixels(made(bucket)[f"images/{ID}/0.png"]) == SEA


def two_answers(events, **later):
    """Notifications of two answers under one id, of which the second is the later one."""
    places = [f"s3://workshop-bucket/output/{n}.out" for n in (1, 2)]
    times = ["2026-11-22T12:00:00.000Z", later.get("time", "2026-11-22T12:00:05.000Z")]
    return [
        events.load(
            "completed",
            eventTime=time,
            responseParameters={"contentType": "application/json", "outputLocation": place},
        )
        for time, place in zip(times, places, strict=True)
    ]


def metadata(aws, bucket):
    return {key: aws.head_object(Bucket="workshop-bucket", Key=key)["Metadata"] for key in made(bucket)}


@pytest.mark.parametrize(
    ("time", "images"),
    [
        ("2026-11-22T12:00:05.000Z", ([RING], [SEA])),
        ("2026-11-22T12:00:05.000Z", ([RING, SEA], [SEA])),
        ("2026-11-22T12:00:05.000Z", ([SEA], [RING, SEA])),
        ("2026-11-22T07:00:05-05:00", ([RING], [SEA])),  # later, although the smaller string
        ("2026-11-22T12:00:00.000Z", ([RING], [SEA])),  # at the same moment
    ],
)
def test_two_answers_under_one_id_leave_the_same_bucket_in_any_order(
    time, images, extract, imported, context, events, bucket, put, aws
):
    save = imported("save_status").handler
    for number, pictures in enumerate(images, start=1):
        put(f"output/{number}.out", json.dumps({"generated_images": pictures}).encode())
    older, later = two_answers(events, time=time)
    left = []
    for order in ([older, later], [later, older], [later, older, older, later], [older, later, older]):
        for key in [*made(bucket), f"status/{ID}.json"]:
            aws.delete_object(Bucket="workshop-bucket", Key=key)
        for event in order:
            extract(event)
            save(event, context)
        left.append((bucket(), metadata(aws, bucket)))
    assert all(one == left[0] for one in left)
    manifest = json.loads(made(bucket)[f"images/{ID}/manifest.json"])
    status = json.loads(bucket()[f"status/{ID}.json"][0])
    assert manifest["createdAt"] == status["eventTime"]
    assert manifest["source"] == status["responseParameters"]["outputLocation"]
    for entry in manifest["images"]:
        assert hashlib.sha256(made(bucket)[entry["key"]]).hexdigest() == entry["sha256"]


def test_an_older_answer_that_is_extracted_meanwhile_does_not_get_its_pictures_in(
    imported, context, events, bucket, put, monkeypatch
):
    """Both functions run at once: the older one writes its first picture over that of the later one."""
    module = imported("extract_images")
    put("output/1.out", json.dumps({"generated_images": [RING, RING]}).encode())
    put("output/2.out", json.dumps({"generated_images": [SEA, SEA]}).encode())
    older, later = two_answers(events)
    real = module._storage().put
    waiting = [older]

    def interrupted(item):
        changed = real(item)
        if waiting:
            module.handler(waiting.pop(), context)
        return changed

    monkeypatch.setattr(module._storage(), "put", interrupted)
    module.handler(later, context)
    found = made(bucket)
    assert pixels(found[f"images/{ID}/0.png"]) == pixels(found[f"images/{ID}/1.png"]) == SEA
    assert json.loads(found[f"images/{ID}/manifest.json"])["source"].endswith("/2.out")


def test_what_carries_no_rank_is_replaced(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    put(f"images/{ID}/0.png", b"old")
    extract(events.load("completed"))
    assert pixels(made(bucket)[f"images/{ID}/0.png"]) == RING


@pytest.mark.parametrize("end", [0, 1, 25, 60, len(RESPONSE) - 1])
def test_nothing_is_written_of_a_truncated_response(end, extract, events, bucket, put):
    put(OUTPUT, RESPONSE[:end])
    message = failures(extract, events.load("completed"))
    assert "record 0: TruncatedResponseError: the response is" in message
    assert f"{end} bytes" in message
    assert made(bucket) == {}


def test_nothing_is_written_when_a_later_image_is_bad(extract, events, bucket, put):
    put(OUTPUT, json.dumps({"generated_images": [RING, [[[1, 2, 256]]]]}))
    message = failures(extract, events.load("completed"))
    assert "InvalidImageError: image 1, row 0: column 0, channel b: expected an integer 0-255, but found 256" in message
    assert made(bucket) == {}


def test_another_bucket_is_refused_unread(extract, events, bucket, aws):
    aws.create_bucket(Bucket="elsewhere")
    aws.put_object(Bucket="elsewhere", Key=OUTPUT, Body=RESPONSE)
    elsewhere = {"contentType": "application/json", "outputLocation": f"s3://elsewhere/{OUTPUT}"}
    message = failures(extract, events.load("completed", responseParameters=elsewhere))
    assert f"ForeignBucketError: the output 's3://elsewhere/{OUTPUT}' is not in the workshop's bucket" in message
    assert bucket() == {}


def test_a_missing_output_is_a_storage_error(extract, events, bucket):
    message = failures(extract, events.load("completed"))
    assert f"StorageError: s3://workshop-bucket/{OUTPUT} could not be read" in message
    assert "NoSuchKey" in message
    assert bucket() == {}


def test_bad_records_do_not_cost_the_good_ones(extract, events, bucket, put):
    put(OUTPUT, RESPONSE)
    bad = [events.load("failed"), events.load("completed", inferenceId="../x"), {"Records": [{}]}]
    message = failures(extract, events.joined(bad[0], events.load("completed"), *bad[1:]))
    assert message.startswith("no pictures from 3 of 4 records: record 0: MalformedNotificationError: ")
    assert "; record 2: InvalidInferenceIdError: " in message
    assert "; record 3: MalformedEventError: " in message
    assert len(made(bucket)) == 3


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_an_event_without_records_is_refused(extract):
    with pytest.raises(Exception, match="no list `Records`"):
        extract({})


def test_metrics_and_log(capsys, caplog, extract, events, put):
    put(OUTPUT, RESPONSE)
    extract(events.load("completed"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = next(line for line in lines if "ImagesExtracted" in line)
    assert metrics["ImagesExtracted"] == [2.0]
    log = next(record for record in caplog.records if record.message == "images extracted")
    assert (log.inference_id, log.images) == (ID, 2)


def client_error(code):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetObject")


@pytest.mark.parametrize("error", [client_error("SlowDown"), ConnectionClosedError(endpoint_url="https://s3")])
def test_storage_failures_are_its_own_errors(error, aws, monkeypatch):
    def refuse(**_):
        raise error

    store = storage.ImageStorage("workshop-bucket", aws)
    monkeypatch.setattr(aws, "get_object", refuse)
    monkeypatch.setattr(aws, "put_object", refuse)
    with pytest.raises(exceptions.StorageError, match=r"output/x could not be read"):
        list(store.response("output/x"))
    with pytest.raises(exceptions.StorageError, match=r"requests/x\.json could not be read"):
        store.request("x")
    with pytest.raises(exceptions.StorageError, match="k could not be written"):
        store.put(storage.StoredObject("k", b"", "image/png"))


def test_a_request_that_may_not_be_listed_counts_as_missing(aws, monkeypatch):
    """Amazon S3 answers AccessDenied for a missing key when the role lacks s3:ListBucket."""

    def refuse(**_):
        raise client_error("AccessDenied")

    monkeypatch.setattr(aws, "get_object", refuse)
    assert storage.ImageStorage("workshop-bucket", aws).request("x") is None


def test_what_is_larger_than_a_megabyte_is_not_a_request(aws, put):
    store = storage.ImageStorage("workshop-bucket", aws)
    put("requests/a.json", b"x" * 2**20)
    put("requests/b.json", b"x" * (2**20 + 1))
    assert len(store.request("a") or b"") == 2**20
    assert store.request("b") is None


def test_a_connection_that_breaks_is_not_the_end_of_the_response(aws, put, monkeypatch):
    """A complete document may have arrived by then; it still counts as not read."""
    put("output/x", RESPONSE)
    answer = aws.get_object(Bucket="workshop-bucket", Key="output/x")
    answer["Body"]._content_length = len(RESPONSE) + 1
    monkeypatch.setattr(aws, "get_object", lambda **_: answer)
    with pytest.raises(exceptions.StorageError, match="output/x could not be read"):
        list(storage.ImageStorage("workshop-bucket", aws).response("output/x"))

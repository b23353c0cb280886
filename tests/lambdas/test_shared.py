"""What both functions share: how they read events, which ids they take, how they fail."""

import logging
from types import SimpleNamespace

import pytest
from shared import exceptions, notification, settings
from shared.each_record import each_record


@pytest.mark.parametrize(
    "inference_id",
    ["", ".", "..", "a/b", "../requests/x", "a" * 65, "id\n", "é", "a b", None, 7, ["a"], "\ud800"],
)
def test_another_inference_id_is_refused(inference_id):
    with pytest.raises(exceptions.InvalidInferenceIdError) as raised:
        notification.checked_inference_id(inference_id)
    assert "must match [A-Za-z0-9._-]{1,64}" in str(raised.value)
    assert repr(inference_id)[:60] in str(raised.value)


@pytest.mark.parametrize("inference_id", ["a", "A.b_c-9", "...", "-", "x" * 64])
def test_an_allowed_inference_id(inference_id):
    assert notification.checked_inference_id(inference_id) == inference_id


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"EventSource": "aws:s3"},
        {"EventSource": "aws:sns"},
        {"EventSource": "aws:sns", "Sns": {"Message": 5}},
    ],
)
def test_another_record_is_refused(record):
    with pytest.raises(exceptions.MalformedEventError, match=r"EventSource|Sns\.Message"):
        notification.message_of(record)


@pytest.mark.parametrize("event", [{}, {"Records": []}, {"Records": None}, [], None, "x"])
def test_another_event_is_refused(event):
    with pytest.raises(exceptions.MalformedEventError, match="no list `Records` with at least one record"):
        notification.records(event)


@pytest.mark.parametrize("name", ["completed", "failed"])
def test_the_documented_events_are_read(name, events):
    event = events.load(name)
    (record,) = notification.records(event)
    assert notification.message_of(record) == events.message(event)
    assert notification.fields_of(events.message(event))["invocationStatus"].lower() == name


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"inferenceId": "\ud800"}', "surrogates not allowed"),
    ],
)
def test_a_message_that_is_not_a_json_object_is_refused_in_few_words(message, reason):
    with pytest.raises(exceptions.MalformedNotificationError, match=reason) as raised:
        notification.fields_of(message)
    assert len(str(raised.value)) < 500


def test_an_excerpt_says_how_much_it_leaves_out():
    assert notification.excerpt("short") == "'short'"
    assert notification.excerpt("x" * 200, 10) == "'xxxxxxxxx… (202 characters)"


def records(*messages):
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}} for message in messages]}


@pytest.fixture
def run():
    """Run the loop over some messages, of which "bad" ones fail; returns what was handled and counted."""
    handled, counted = [], []

    def handle(message):
        if message.startswith("bad"):
            raise ValueError(message)
        handled.append(message)

    def each(event):
        each_record(
            event,
            handle,
            failed="nothing of {}",
            logger=SimpleNamespace(
                exception=lambda text, record: logging.getLogger("loop").error("%s %s", text, record)
            ),
            metrics=SimpleNamespace(add_metric=lambda name, unit, value: counted.append((name, value))),
        )

    return SimpleNamespace(each=each, handled=handled, counted=counted)


def test_every_record_has_its_turn(run):
    run.each(records("a", "b", "c"))
    assert (run.handled, run.counted) == (["a", "b", "c"], [])


def test_what_failed_is_logged_counted_and_raised_after_all_had_their_turn(run, caplog):
    event = records("bad 1", "a", "bad 2", "b")
    event["Records"].append({})
    with pytest.raises(exceptions.RecordsFailedError) as raised:
        run.each(event)
    assert run.handled == ["a", "b"]
    assert run.counted == [("RecordsFailed", 3)]
    assert caplog.messages == ["nothing of record 0", "nothing of record 2", "nothing of record 4"]
    message = str(raised.value)
    assert message.startswith("nothing of 3 of 5 records: record 0: ValueError: bad 1; record 2: ValueError: bad 2; ")
    assert "record 4: MalformedEventError: the record's `EventSource` is not aws:sns" in message


def test_an_event_without_records_is_refused_at_once(run):
    with pytest.raises(exceptions.MalformedEventError):
        run.each({"Records": []})
    assert (run.handled, run.counted) == ([], [])


def test_settings_name_the_missing_variable():
    with pytest.raises(exceptions.SettingsError, match="BUCKET_NAME is missing"):
        settings.Settings.from_environment({})


def test_settings_are_read_from_the_environment():
    assert settings.Settings.from_environment({"BUCKET_NAME": "b", "OTHER": "c"}).bucket_name == "b"

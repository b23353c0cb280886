"""The studio's actions as programs use them, on a target that the test moves step by step."""

import gc
import json
import threading
import weakref

import pytest

from contract import ids
from contract.errors import JobTimeoutError, NotDeployedError, ParameterError, ResultError
from helpers.studio import Studio

SECONDS = 20


def row(app, job):
    return next((row for row in app.timeline.rows if row["id"] == job.id), {})


def active(app, job):
    return [step["name"] for step in row(app, job).get("steps", []) if step["status"] == "active"]


def test_generate_returns_at_once_and_the_row_follows(app, backend, until):
    gate = threading.Event()
    backend.runtime.refuse = lambda call: gate.wait(SECONDS) and None
    job = app.generate()
    assert job.state != "queued"  # the endpoint has not answered yet, and nobody waited for it
    assert active(app, job) == ["uploaded"]
    gate.set()
    until(lambda: active(app, job) == ["queued"])
    assert backend.runtime.calls[0]["Accept"] == "application/json"
    backend.clock.time += 2
    until(lambda: active(app, job) == ["generating"])
    backend.answer(job)
    until(lambda: active(app, job) == ["notified"])
    backend.notify(job)
    until(lambda: active(app, job) == ["extracted"])
    backend.extract(job)
    assert app.wait(SECONDS) == [job]
    assert app.outcome(job)[0] == "done"
    assert row(app, job)["progress"] == 1.0
    assert [tile.id for tile in app.gallery.tiles] == [job.id]


def test_an_endpoint_without_instances_is_waking(app, backend, until):
    backend.sagemaker.instances = 0
    job = app.generate()
    until(lambda: row(app, job).get("state") == "queued")
    backend.clock.time += 2
    until(lambda: row(app, job).get("state") == "waking")
    assert "start an instance" in row(app, job)["text"]
    assert "on this machine" in row(app, job)["text"]


def test_a_failure_shows_the_reason(app, backend, until):
    job = app.generate()
    until(lambda: job.failure_key)
    backend.put(job.failure_key, b'{"error": "width is 12"}')
    backend.fail(job)
    app.wait(SECONDS)
    outcome, text = app.outcome(job)
    assert outcome == "failed"
    assert "Received client error (400)" in text
    assert "width is 12" in text
    assert text in app.error
    assert "width is 12" in app.gallery.tiles[0].reason  # what the model said, not only the endpoint


def test_a_refused_request_shows_the_reason(app, backend, refuse):
    backend.runtime.refuse = lambda call: refuse("ThrottlingException", "slow down")
    job = app.generate()
    app.wait(SECONDS)
    assert app.outcome(job)[0] == "failed"
    assert "slow down" in app.error
    assert backend.keys("requests/") == []
    backend.runtime.refuse = lambda call: None
    app.generate()
    assert app.error == ""  # the next attempt starts with a clean slate


def test_a_bad_value_is_not_sent(app, backend):
    app.width.value = 12
    assert app.reason == "First fix: Width."
    with pytest.raises(ParameterError, match="width = 12"):
        app.generate()
    assert backend.keys() == []


def test_several_at_once(app, backend, until):
    jobs = [app.generate() for _ in range(12)]  # more than are looked at key by key
    until(lambda: len(backend.runtime.calls) == 12)
    assert app.timeline.more == 4
    for job in jobs:
        backend.finish(job)
    app.wait(SECONDS)
    assert {app.outcome(job)[0] for job in jobs} == {"done"}
    assert len(app.timeline.rows) == 3  # of those that have ended only the latest stay


def test_each_request_has_a_new_seed_unless_that_is_switched_off(app):
    first, second = app.generate(), app.generate()
    assert first.request["seed"] != second.request["seed"]
    app.form.fresh_seed = False
    app.seed.value = 5
    assert [app.generate().request["seed"] for _ in range(2)] == [5, 5]


def test_a_page_generates_what_it_has_typed_last(app, until):
    app.form._handle_custom_msg(
        {"do": "typed", "token": "a-1", "values": {"prompt": "typed", "seed": "5"}, "fresh_seed": True}, []
    )
    app.form._handle_custom_msg({"do": "generate"}, [])
    assert [job.request["prompt"] for job in app.jobs] == ["typed"]
    assert app.jobs[0].request["seed"] == 5
    assert app.seed.value != 5


def test_cancelling_removes_what_the_endpoint_may_not_have_read(app, backend, until):
    job = app.generate()
    until(lambda: job.state == "queued")
    app.cancel(job)
    until(lambda: app.outcome(job)[0] == "cancelled")
    assert backend.keys("requests/") == []
    assert "cannot take back" in app.outcome(job)[1]
    assert row(app, job)["running"] is False
    assert app.jobs == []
    app.dismiss(job)
    assert row(app, job) == {}


def test_cancelling_after_the_answer_keeps_the_request(app, backend, until):
    job = app.generate()
    until(lambda: job.state == "queued")
    backend.answer(job)
    until(lambda: job.state == "generated")
    app.cancel(job)
    until(lambda: app.outcome(job)[0] == "cancelled")
    assert backend.keys("requests/") == [ids.request_key(job.id)]
    assert "all the same" in app.outcome(job)[1]


def test_cancelling_before_it_was_sent_sends_nothing(app, backend, until):
    gate = threading.Event()
    backend.runtime.refuse = lambda call: gate.wait(SECONDS) and None
    app.generate()
    job = app.generate()  # waits behind the first
    app._follower._take_back(app._follower.find(job.id))
    gate.set()
    until(lambda: app._follower._sender.wait(SECONDS))
    assert app.outcome(job) == ("cancelled", "It was not sent yet: nothing is queued, nothing will be generated.")
    assert len(backend.runtime.calls) == 1


def test_a_wait_has_a_deadline(app):
    job = app.generate()
    with pytest.raises(JobTimeoutError, match=job.id):
        app.wait(0.2)


def test_a_new_studio_goes_on_waiting(app, backend, until):
    job = app.generate()
    until(lambda: job.state == "queued")
    app.close(SECONDS)
    later = Studio(backend.restarted())
    try:
        until(lambda: [found.id for found in later.jobs] == [job.id])
        assert "before this studio was opened" in row(later, job)["text"]
        assert row(later, job)["prompt"] == "a red circle"
        backend.finish(job)
        later.wait(SECONDS)
        assert [tile.prompt for tile in later.gallery.tiles] == ["a red circle"]
    finally:
        assert later.close(SECONDS)


def test_s3_out_of_reach_is_said_and_overcome(app, backend, until, refuse):
    job = app.generate()
    until(lambda: job.state == "queued")
    whole = backend.s3.list_objects_v2

    def broken(**arguments):
        raise refuse("SlowDown", "reduce your request rate")

    backend.s3.list_objects_v2 = broken
    try:
        until(lambda: "reduce your request rate" in app.error)
    finally:
        backend.s3.list_objects_v2 = whole
    backend.finish(job)
    app.wait(SECONDS)
    assert app.outcome(job)[0] == "done"


def test_a_studio_that_nobody_holds_ends_its_threads(backend, until):
    before = set(threading.enumerate())
    app = Studio(backend.connection)
    app.prompt.value = "a"
    app.generate()
    assert app._loader.wait(SECONDS)
    assert app._follower._sender.wait(SECONDS)
    own = set(threading.enumerate()) - before
    assert len(own) == 3
    weak = weakref.ref(app)
    del app
    until(lambda: gc.collect() is not None and weak() is None)
    for thread in own:
        thread.join(SECONDS)
        assert not thread.is_alive(), thread.name


def test_a_closed_studio_sends_nothing(app, backend):
    app.close(SECONDS)
    with pytest.raises(ParameterError, match="closed"):
        app.generate()
    assert backend.keys() == []


def test_no_studio_without_a_deployment(backend):
    backend.ssm.delete_parameter(Name="/genai-async/bucket-name")
    before = set(threading.enumerate())
    with pytest.raises(NotDeployedError, match="bucket-name is missing"):
        Studio(backend.restarted())
    assert set(threading.enumerate()) == before


# One request


def test_everything_about_a_request(app, backend, until):
    app.seed.value = 7
    job = app.generate()
    until(lambda: job.state == "queued")
    backend.finish(job)
    app.wait(SECONDS)
    about = app.open(job.id)
    assert ["seed", "7"] in about["parameters"]
    assert [item["name"] for item in about["documents"]] == ["Request", "The model's answer", "Notification"]
    answer = about["documents"][1]
    assert answer["text"].startswith('{"generated_images": [[[')
    assert answer["text"].endswith(" …")
    assert (about["pictures"][0]["width"], about["pictures"][0]["height"]) == (16, 8)
    assert app.gallery.view.chosen == job.id
    app.form.take({"prompt": "something else"})
    app.use_again(job.id)
    assert (app.prompt.value, app.seed.value, app.details.problem) == ("a red circle", 7, "")
    inspector = app.inspect(0)
    assert inspector in app._inspector.children
    with pytest.raises(ResultError, match="picture 1"):
        app.inspect(1)
    app.close_details()
    assert (app.details.about, app._inspector.children) == ({}, ())


def test_what_the_form_cannot_hold_is_named_and_not_dropped_in_silence(app, backend):
    inference_id = ids.new_id()
    backend.put(f"requests/{inference_id}.json", b'{"prompt": "a blue star", "image": "iVBOR", "strength": 0.5}')
    app.use_again(inference_id)
    assert app.prompt.value == "a blue star"
    assert "no field for image, strength" in app.details.problem


def test_what_the_model_ignored_is_shown_with_the_picture(app, backend, until):
    said = "unknown words in the prompt were ignored: <dragon>"
    job = app.generate()
    until(lambda: job.state == "queued")
    backend.answer(job)
    backend.notify(job)
    backend.extract(job, warnings=[said])
    app.wait(SECONDS)
    assert app.open(job.id)["warnings"] == [said]
    assert [row["warnings"] for row in app.gallery.view.tiles] == [[said]]
    assert "⚠ unknown words in the prompt were ignored: &lt;dragon&gt;" in app._repr_mimebundle_()["text/html"]


def test_an_unknown_request_is_no_empty_page(app):
    with pytest.raises(ResultError, match="nothing of it is in"):
        app.open("20200101T000000.000000Z-000000")


def test_a_click_on_a_request_that_is_gone_says_so(app, until):
    app._on_gallery({"do": "open", "id": "20200101T000000.000000Z-000000"})
    until(lambda: "nothing of it is in" in app.details.problem)


# The gallery


def made(backend, count):
    jobs = backend.connection.generate_many([f"prompt {number}" for number in range(count)])
    for job in jobs:
        backend.finish(job)
    return jobs


def test_pages_of_twelve_newest_first(backend):
    made(backend, 14)
    app = Studio(backend.restarted())
    try:
        app.wait(SECONDS)
        assert (app.gallery.number, app.gallery.pages, len(app.gallery.tiles)) == (1, 2, 12)
        assert app.gallery.tiles[0].prompt == "prompt 13"
        assert app.gallery.tiles[0].pictures[0].startswith("data:image/png;base64,")
        assert [tile.prompt for tile in app.gallery.page(2)] == ["prompt 1", "prompt 0"]
        app.gallery.page(99)
        assert app.gallery.number == 2  # the last there is
    finally:
        assert app.close(SECONDS)


def test_failures_of_other_kernels_are_shown_with_their_reason(app, backend):
    job = backend.connection.generate("elsewhere")
    backend.fail(job, reason="ClientError: out of memory")
    app.refresh()
    app.wait(SECONDS)
    tile = app.gallery.tiles[0]
    assert (tile.prompt, tile.state, tile.reason) == ("elsewhere", "failed", "ClientError: out of memory")
    assert not tile.gone


def test_a_failure_without_its_request_was_cancelled_or_expired(app, backend):
    job = backend.connection.generate("elsewhere")
    backend.connection.store.delete(ids.request_key(job.id))
    backend.fail(job, reason="ClientError: no such key")
    app.refresh()
    app.wait(SECONDS)
    assert app.gallery.tiles[0].gone
    assert "no such key" in app.gallery.tiles[0].reason
    assert "was cancelled before the endpoint read it, or it has expired" in app.gallery.tiles[0].reason


def test_a_picture_that_was_changed_is_not_shown(app, backend):
    job = made(backend, 1)[0]
    backend.put(f"{ids.images_prefix(job.id)}0.png", b"something else")
    app.refresh()
    app.wait(SECONDS)
    assert app.gallery.tiles[0].pictures == ()
    assert "the manifest says" in app.gallery.tiles[0].reason


def test_a_static_copy_shows_the_latest_pictures(app, backend):
    made(backend, 1)
    backend.finish(backend.connection.generate("a <b>bold</b> prompt"))
    app.refresh()
    bundle = app._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == app.widget.model_id
    html = bundle["text/html"]
    assert html.count('src="data:image/png;base64,') == 2
    assert 'alt="a &lt;b&gt;bold&lt;/b&gt; prompt, picture 1 of 1"' in html
    assert "<b>" not in html


def test_what_goes_to_the_page_is_json(app, backend):
    job = made(backend, 1)[0]
    app.refresh()
    app.wait(SECONDS)
    app.open(job.id)
    for part in (app.form, app.timeline, app.gallery.view, app.details):
        state = part.get_state()
        json.dumps({name: value for name, value in state.items() if name not in ("layout", "_esm", "_css")})

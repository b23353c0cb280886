"""Downloads over connections that break."""

import random

import botocore.exceptions as boto
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.errors import ModelError, TargetError
from helpers.model.repackage import sources
from helpers.model.repackage.sources import FileArtifact, ObjectArtifact
from tests.helpers.model.repackage.conftest import Client

BODY = random.Random(0).randbytes(300_000)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sources, "RANGE_BYTES", 50_000)
    monkeypatch.setattr(sources, "PIECE_BYTES", 1000)
    monkeypatch.setattr(sources, "PAUSE_SECONDS", 0.0001)


class Breaking:
    """The body of an answer that breaks off after some bytes: with an error, or by ending early."""

    def __init__(self, body, after, error):
        self._body, self._left, self._error = body, after, error

    def read(self, size):
        if self._left <= 0:
            if self._error:
                raise self._error
            return b""
        piece = self._body.read(min(size, self._left))
        self._left -= len(piece)
        return piece

    def close(self):
        self._body.close()


def breaking(s3, cuts):
    """A client whose answers break off as ``cuts`` says: bytes and kind of each; those after them are whole."""
    kinds = {
        "early": None,
        "incomplete": boto.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        "timeout": boto.ReadTimeoutError(endpoint_url="x"),
        "stream": boto.ResponseStreamingError(error="reset"),
        "reset": ConnectionResetError("reset"),
    }
    left, asked = list(cuts), []

    def get_object(**call):
        asked.append(call)
        answer = s3.get_object(**call)
        if left:
            after, kind = left.pop()
            answer["Body"] = Breaking(answer["Body"], after, kinds[kind])
        return answer

    return Client(s3, get_object=get_object), asked


CUT = st.tuples(st.integers(0, 60_000), st.sampled_from(["early", "incomplete", "timeout", "stream", "reset"]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(CUT, max_size=4), first=st.integers(0, 300_000), length=st.integers(0, 300_000))
def test_a_download_goes_on_where_it_broke_off(world, cuts, first, length):
    uri = world.put("x", BODY)
    client, asked = breaking(world.s3, cuts)
    end = min(first + length, len(BODY))
    assert b"".join(ObjectArtifact(client, uri).chunks(first, end)) == BODY[first:end]
    assert all(call["IfMatch"] for call in asked)


def test_a_download_that_breaks_off_again_and_again_is_given_up(world):
    uri = world.put("x", BODY)
    client, asked = breaking(world.s3, [(100, "stream")] * 50)
    with pytest.raises(
        TargetError, match=rf"^truncated download: {uri} broke off 6 times at byte .* of 300,000 \(Resp"
    ):
        b"".join(ObjectArtifact(client, uri).chunks())
    assert asked[1]["Range"].startswith("bytes=")


def test_an_answer_with_other_bytes_than_asked_for_is_not_taken(world):
    uri = world.put("x", BODY)

    def whole(Range, **call):
        return world.s3.get_object(**call)

    with pytest.raises(ModelError, match="S3 answered with other bytes than asked for"):
        b"".join(ObjectArtifact(Client(world.s3, get_object=whole), uri).chunks(10, 20))


def test_a_source_that_changes_meanwhile_is_not_mixed_with_its_successor(world):
    uri = world.put("x", BODY)
    chunks = ObjectArtifact(world.s3, uri).chunks()
    assert next(chunks) == BODY[:1000]
    world.put("x", BODY[::-1])
    with pytest.raises(ModelError, match=rf"^{uri} changed while it was read: .* run this again"):
        b"".join(chunks)


def test_what_is_missing_denied_or_no_uri_is_said_so(world):
    with pytest.raises(ModelError, match=r"^s3://\S+/none is not there, although JumpStart names it: choose another"):
        ObjectArtifact(world.s3, f"s3://{world.jumpstart}/none")
    with pytest.raises(ModelError, match=r"^s3://no-such-bucket-at-all/x is not there"):
        ObjectArtifact(world.s3, "s3://no-such-bucket-at-all/x")

    def denied(**call):
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

    uri = world.put("x", b"")
    with pytest.raises(TargetError, match=rf"^reading {uri} on .*403: Forbidden; your role lacks this permission"):
        ObjectArtifact(Client(world.s3, head_object=denied), uri)
    for wrong in ("https://b/k", "s3://bucket", "s3://", "s3:///k"):
        with pytest.raises(ModelError, match="is not an S3 URI"):
            sources.parse(wrong)


def test_keys_may_hold_what_urls_give_a_meaning():
    assert sources.parse("s3://b/a b/%20?x#y") == ("b", "a b/%20?x#y")


def test_a_file_is_known_by_name_and_content_wherever_it_lies(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "m").write_bytes(BODY)
    one, two = FileArtifact(tmp_path / "one" / "m"), FileArtifact(tmp_path / "two" / "m")
    assert (one.uri, one.etag, one.size) == (two.uri, two.etag, two.size) == ("file:m", one.etag, 300_000)
    assert b"".join(one.chunks(5, 2500)) == BODY[5:2500]

"""Compressing anew: any pieces in, one gzip member out."""

import gzip
import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.model.repackage import compressor
from helpers.model.repackage.compressor import Compressor
from helpers.model.repackage.gzipped import Unpacked

NOISE = random.Random(6).randbytes(3 << 20)


class Target:
    def __init__(self):
        self.body, self.threads = bytearray(), set()

    def write(self, data):
        self.body += data
        self.threads.add(threading.current_thread().name)


def compress(pieces):
    target = Target()
    with Compressor(target) as writer:
        for piece in pieces:
            writer.write(piece)
        writer.finish()
    assert target.threads == {threading.current_thread().name}
    return bytes(target.body)


PIECE = st.tuples(st.integers(0, 600_000), st.sampled_from(["noise", "text", "zeros"]))


def piece(size, kind):
    return {"noise": NOISE[:size], "text": b"a line of text\n" * (size // 15), "zeros": bytes(size)}[kind]


@settings(max_examples=40, deadline=None)
@given(st.lists(PIECE, max_size=8))
def test_what_goes_in_comes_out_as_one_member(pieces):
    data = [piece(*one) for one in pieces]
    packed = compress(data)
    assert gzip.decompress(packed) == b"".join(data)
    unpacked = Unpacked("x", [packed])
    assert b"".join(unpacked) == b"".join(data)
    assert len(unpacked.members) == 1


def test_what_does_not_shrink_hardly_grows_and_the_rest_shrinks():
    assert len(compress([NOISE])) < len(NOISE) * 1.0002
    assert len(compress([b"a line of text\n" * 200_000])) < 100_000


def test_a_thread_that_fails_is_noticed(monkeypatch):
    def fail(data):
        raise MemoryError("too much")

    monkeypatch.setattr(compressor, "compressed", fail)
    with pytest.raises(MemoryError, match="too much"):
        compress([NOISE] * 100)

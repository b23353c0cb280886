import re
import threading

import pytest

from contract import ids
from contract.errors import (
    ParameterError,
)

BUCKET = "workshop-bucket"


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

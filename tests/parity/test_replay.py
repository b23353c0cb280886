"""The recordings of the repository against the local cloud as it is now; ``make mutants`` shows that this can fail."""

import pytest

from helpers.parity import compare, replay, verify
from helpers.parity import recording as recordings

RECORDINGS = sorted(verify.FOLDER.glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_a_recording_agrees_with_itself_and_holds_what_a_replay_compares(path):
    recorded = recordings.load(path)
    assert compare.differences(recorded, recorded) == []
    assert len(recorded.facts) > 100
    assert "tracking.alone_wakes_above_its_target" in recorded.facts


@pytest.mark.rare
@pytest.mark.cloud
def test_the_local_cloud_does_what_was_recorded(capsys):
    """Deploys a workshop into a cloud of its own, and runs the steps at 240 times AWS's pace."""
    assert RECORDINGS, "parity/ holds no recording"
    assert replay.main([]) == 0, capsys.readouterr().out

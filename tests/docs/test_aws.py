"""docs/aws.md has one form, so that a line can be added without thought: what is claimed, how it was checked, where."""

import re

import pytest

from contract.settings import ROOT

PAGE = ROOT / "docs" / "aws.md"
HOW = ("real toolkit", "schema", "policy evaluation", "document", "nothing")
HEAD = ["Claim", "Checked", "Source"]


def rows() -> list[tuple[str, int, list[str]]]:
    """Topic, line number and cells of every row."""
    found, topic, head = [], "", None
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("## "):
            topic = line[3:]
        if not line.startswith("|"):
            head = None
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if head is None:
            head = cells
        elif head == HEAD and set(cells[0]) - set("-"):
            found.append((topic, number, cells))
    return found


def test_it_has_topics_and_claims():
    assert len({topic for topic, _, _ in rows()}) >= 8
    assert len(rows()) >= 60


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"line {row[1]}")
def test_a_claim_says_how_it_was_checked_and_where(row):
    _, number, cells = row
    assert len(cells) == 3, f"line {number}: claim, checked, source"
    claim, checked, source = cells
    assert claim
    assert set(re.split(r", ", checked)) <= set(HOW), f"line {number}: {checked!r} must be of {', '.join(HOW)}"
    assert source, f"line {number}: a source; of what nothing has checked, what would"


def test_what_nothing_has_checked_says_what_would():
    for _, number, (_, checked, source) in rows():
        if checked == "nothing":
            assert "a run" in source or "an account" in source, f"line {number}: only a run on AWS can be the reason"


def test_a_document_is_named():
    """An address, or the name of a page, a repository or a file that holds it."""
    for _, number, (_, checked, source) in rows():
        if "document" in checked:
            assert re.search(r"https://|\w+/[\w.-]+|[A-Z]\w+ \w+", source), f"line {number}: {source!r}"


def test_no_claim_is_made_twice():
    claims = [cells[0] for _, _, cells in rows()]
    assert sorted(set(claims)) == sorted(claims)

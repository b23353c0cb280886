"""Decision pages have one form: number, title, date and status, then context, choice and cost, on one page."""

import re

import pytest

from contract.settings import ROOT

PAGES = sorted((ROOT / "docs" / "decisions").glob("*.md"))
STATUS = r"Date: \d{4}-\d{2}-\d{2} · Status: (accepted|replaced by \d{4})"


def test_they_are_numbered_without_gaps():
    assert [page.name[:4] for page in PAGES] == [f"{number:04}" for number in range(1, len(PAGES) + 1)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name[:4])
def test_date_and_status_stand_under_the_title(page):
    title, blank, status, *_ = page.read_text().splitlines()
    assert re.match(r"# \w", title)
    assert blank == ""
    assert re.fullmatch(STATUS, status), f"{status!r}; expected {STATUS}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name[:4])
def test_context_choice_and_cost_follow_in_this_order(page):
    parts = re.findall(r"^\*\*(Context|Choice|Cost)\.\*\*", page.read_text(), re.MULTILINE)
    assert parts == ["Context", "Choice", "Cost"]
    assert len(page.read_text().splitlines()) <= 80

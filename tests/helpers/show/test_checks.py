import threading

import pytest

from contract.errors import TargetError
from helpers.show.checks import Check, Planned, Report, run


def good():
    return "ok", "fine", ""


def test_a_check_that_raises_hides_no_other():
    def bad():
        raise ZeroDivisionError("oh")

    report = run("t", [Planned("a", good), Planned("b", bad), Planned("c", good)])
    assert [check.name for check in report] == ["a", "b", "c"]
    assert [check.state for check in report] == ["ok", "fail", "ok"]
    assert "ZeroDivisionError: oh" in report["b"].found
    assert not report.ok


def test_an_error_of_ours_is_shown_with_its_words():
    def bad():
        raise TargetError("the login has expired: log in again.")

    assert run("t", [Planned("a", bad)])["a"].found == "the login has expired: log in again."


def test_a_check_that_hangs_is_given_up_and_hides_no_other():
    never = threading.Event()
    report = run("t", [Planned("hangs", never.wait, 0.2), Planned("b", good)])
    never.set()
    assert report["hangs"].state == "warn"
    assert "no answer within 0.2 s" in report["hangs"].found
    assert report["b"].state == "ok"
    assert report.ok, "a check without an answer is a warning"


def test_checks_run_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)

    def meet():
        meeting.wait()
        return "ok", "met", ""

    assert [check.found for check in run("t", [Planned(name, meet) for name in "abc"])] == ["met"] * 3


def test_the_report_says_what_to_do_in_text_and_in_html():
    report = Report("Preflight", (Check("git", "fail", "not there", "Install it."), Check("Node.js", "ok", "v24")))
    for shown in (str(report), report._repr_html_()):
        assert "1 to fix (git)" in shown
        assert "Install it." in shown
        assert "✗" in shown
    assert report.failed == [report["git"]]


def test_asking_for_an_unknown_check_names_those_there_are():
    with pytest.raises(KeyError, match="there are: git"):
        Report("t", (Check("git", "ok", ""),))["got"]

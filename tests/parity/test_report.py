from helpers.parity import behaviours, report
from helpers.parity.recording import Recording

HEADER = {
    "target": "aws", "region": "us-east-1", "began": "2026-11-28 04:00 UTC", "speed": 1, "model": "a-model",
    "instance_type": "ml.m5.large",
}  # fmt: skip
ANSWER = {
    "kind": "answer", "t": 1, "question": "tracking alone wakes above its target", "value": False, "requests": 8,
    "target": 5.0, "waited_below": True, "datapoints": {
        "HasBacklogWithoutCapacity": [["2026-11-28T04:01:00+00:00", 1.0]],
        "ApproximateBacklogSize": [["2026-11-28T04:01:00+00:00", 8.0]],
        "ApproximateBacklogSizePerInstance": [],
    },
}  # fmt: skip


def fact(name: str, value: object) -> dict:
    return {"kind": "fact", "t": 1, "name": name, "value": value}


def met(*lines: dict) -> dict[str, str]:
    return {item.behaviour.text: item.verdict for item in behaviours.judged(Recording(HEADER, lines))}


def test_every_claim_is_about_a_behaviour_of_the_page():
    there = {(row.service, row.text) for row in behaviours.rows()}
    assert [claim["text"] for claim in behaviours.claims() if (claim["service"], claim["text"]) not in there] == []


def test_the_page_is_read_whole():
    text = behaviours.PAGE.read_text()
    total = next(line for line in text.splitlines() if "behaviours**" in line)
    assert f"**{len(behaviours.rows())} behaviours**" in total


def test_a_fact_confirms_contradicts_or_leaves_open():
    text = "At or below its target, target tracking alone lets requests wait at zero"
    assert met(fact("tracking.waits_below_its_target", True))[text] == "confirmed"
    assert met(fact("tracking.waits_below_its_target", False))[text] == "differs"
    assert met()[text] == "not met"


def test_a_conformance_test_confirms_and_contradicts():
    row = next(row for row in behaviours.rows() if row.service == "sqs" and row.kind == "same")
    for outcome, verdict in (("PASSED", "confirmed"), ("FAILED", "differs"), ("SKIPPED", "not met")):
        line = {"kind": "conformance", "t": 1, "test": row.test, "outcome": outcome}
        assert met(line)[row.text] == verdict
    both = [{"kind": "conformance", "t": 1, "test": row.test, "outcome": each} for each in ("PASSED", "FAILED")]
    assert met(*both)[row.text] == "differs"


def test_the_first_question_is_answered_first():
    page = report.page(Recording(HEADER, [ANSWER]), "one.jsonl.gz")
    head = page.split("## ")[1]
    assert head.startswith("Does target tracking alone wake a sleeping endpoint above its target?")
    assert "**No**, on AWS." in head
    assert "| 04:01:00 | 1 | 8 | no data |" in head


def test_without_an_answer_it_says_so():
    step = {
        "kind": "step",
        "t": 1,
        "name": "tracking_wakes",
        "outcome": "failed",
        "problem": "StepError: why",
        "seconds": 1,
    }
    page = report.page(Recording(HEADER, [step]), "one.jsonl.gz")
    assert "**Not answered**: StepError: why." in page


def test_a_rehearsal_says_that_it_is_one():
    page = report.page(Recording(HEADER | {"target": "local", "speed": 60}, []), "local-one.jsonl.gz")
    assert "Nothing on this page was observed on AWS" in page
    assert "Nothing on this page was observed on AWS" not in report.page(Recording(HEADER, []), "one.jsonl.gz")

"""What the timeline says: the steps of a request in words for someone who has never seen AWS."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from contract.settings import Settings

STEPS: Mapping[str, str] = {
    "uploaded": "Uploaded",
    "queued": "Queued",
    "waking": "Waking",
    "generating": "Generating",
    "notified": "Notified",
    "extracted": "Extracted",
}
"""Name and label of each step, in their order."""

LEGEND: Mapping[str, str] = {
    "uploaded": "your request, a small JSON file with prompt and parameters, is in S3, the cloud's file store",
    "queued": "the endpoint, the service that runs the model, has accepted the request and put it into its queue",
    "waking": "only when no computer (an instance) runs for the model, which costs nothing: one is being started",
    "generating": "an instance takes requests from the queue one by one; what the model draws goes to S3 as JSON",
    "notified": "the endpoint sends a message that it has succeeded or failed (through SNS), and a program stores that",
    "extracted": "another small program (a Lambda) has made PNG pictures of the JSON",
}
"""Each step for someone who has never seen AWS."""

ACTIVE: Mapping[str, str] = {
    "created": "uploaded",
    "uploaded": "queued",
    "queued": "queued",
    "waking": "waking",
    "generating": "generating",
    "generated": "notified",
    "notified": "extracted",
}
"""The step that goes on while a request is in a state: one of a job's, or "generating"."""

TEXTS: Mapping[str, str] = {
    "created": "Your request, a small JSON file, is being uploaded to S3, the cloud's file store.",
    "uploaded": "Your request is in S3. Now it is handed to the endpoint, the service that runs the model.",
    "found": "Found in S3, sent before this studio was opened: it may be in the queue or with the model.",
    "queued": "The endpoint has put your request into its queue.",
    "generating": "An instance, that is a computer with the model, is running. Your request waits for its turn "
    "there, or is being drawn just now; AWS says which of the two only afterwards.",
    "generated": "The model has answered: a JSON file full of red, green and blue numbers is in S3. The endpoint now "
    "reports that.",
    "notified": "The endpoint has reported success. A small program (a Lambda) now makes PNG pictures of the JSON.",
    "done": "Done: the pictures are in the gallery below.",
}

CANCELLED_UNREAD = (
    "It is no longer waited for, and its file was removed from S3. SageMaker cannot take back a request that it has "
    "accepted: the queue still has an entry. When its turn comes the endpoint finds no file and reports a failure; had "
    "it read the file already, the picture still appears below."
)
CANCELLED_READ = (
    "No longer waited for. The model had already answered, and nothing can stop what follows: the picture will appear "
    "below all the same."
)
CANCELLED_UNSENT = "It was not sent yet: nothing is queued, nothing will be generated."
UNANSWERED = (
    "No answer, though SageMaker keeps a request for six hours at most. It was probably never accepted, or its "
    "notification was lost: look at the dead-letter queues, or send it again."
)


def waking_text(settings: Settings) -> str:
    """What "waking" says: that an instance is being started, why, and how long that usually takes on this target."""
    start = (
        "No computer is running for the model now: the endpoint has scaled to zero, which costs nothing. Your request "
        "makes it start an instance"
    )
    if settings.workshop.target == "local":
        seconds = (settings.endpoint.alarm_minutes * 60 + settings.local.provision_seconds) / settings.local.speed
        return f"{start}; on this machine that usually takes about {max(1, round(seconds))} to {round(seconds) + 5} s."
    return (
        f"{start}; on AWS that usually takes 5 to 15 minutes: first an alarm must notice the request, then the "
        "computer, the container and the model start. Nothing is lost if you close this page."
    )


@dataclasses.dataclass(frozen=True)
class Step:
    """One step: ``status`` is done, active, todo, skipped or failed; ``seconds`` how long it took, where known."""

    name: str
    label: str
    status: str
    seconds: float | None = None


def steps_of(state: str, seen: Mapping[str, float], failed_in: str = "") -> list[Step]:
    """The steps of a request.

    Parameters
    ----------
    state : str
        A job's state, or "generating".
    seen : mapping
        Seconds from the start at which each state was seen first.
    failed_in : str
        The state before it failed or was cancelled.
    """
    names = list(STEPS)
    current = len(names) if state == "done" else names.index(ACTIVE[failed_in or state])
    ended = seen.get(state) if state == "done" else None
    begun = {ACTIVE[name]: moment for name, moment in sorted(seen.items(), key=lambda item: -item[1]) if name in ACTIVE}
    made = []
    for number, name in enumerate(names):
        if number < current:
            skipped = name == "waking" and name not in begun
            status = "skipped" if skipped else "done"
        elif number == current:
            status = "failed" if failed_in else "active"
        else:
            status = "todo"
        after = [begun[later] for later in names[number + 1 :] if later in begun]
        end = min(after) if after else ended
        took = end - begun[name] if name in begun and end is not None and status == "done" else None
        made.append(Step(name, STEPS[name], status, None if took is None else max(took, 0.0)))
    return made


def progress(steps: list[Step]) -> float:
    """Between 0 and 1: the share of steps that are over; half a step for the one that goes on."""
    return sum({"done": 1.0, "skipped": 1.0, "active": 0.5}.get(step.status, 0.0) for step in steps) / len(steps)


def as_rows(steps: list[Step]) -> list[dict[str, Any]]:
    """For the page."""
    return [dataclasses.asdict(step) for step in steps]

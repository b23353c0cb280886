"""What everything around the model adds to a request: from submit to manifest, less the time in which the model ran.

Peer: the model alone, called in this process. Runs on the local cloud; a first request that is
not counted wakes the endpoint.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from contract.errors import NotDeployedError
from helpers.delivery.deployment import deploy
from helpers.inference.connection import Connection, connect
from helpers.inference.results import Result, wait_for_timelines

REQUEST = {"width": 128, "height": 128}
WAIT_SECONDS = 600
LOG_SECONDS = 20


def busy(results: list[Result]) -> float:
    """Seconds in which the model ran for at least one of the requests: the union of their intervals."""
    spans = []
    for result in results:
        timeline = result.timeline
        if timeline.generated is None or timeline.model is None:
            sys.exit(f"no model time is known of {result.id}: is its line missing in the endpoint's data-log?")
        spans.append((timeline.generated - timeline.model, timeline.generated))
    total, until = 0.0, None
    for begin, end in sorted(spans):
        begin = begin if until is None or begin > until else until
        if end > begin:
            total += (end - begin).total_seconds()
        until = end if until is None or end > until else until
    return total


def run(connection: Connection, count: int) -> tuple[float, float, list[Result]]:
    """Send ``count`` prompts; return seconds from the first submit to the last manifest, and those of the model."""
    began = time.time()
    jobs = connection.generate_many([f"{n} red circles on a blue background" for n in range(count)], **REQUEST)
    results = connection.wait_all(jobs, WAIT_SECONDS)
    wait_for_timelines(results, LOG_SECONDS)
    last = max(result.timeline.extracted.timestamp() for result in results)
    return last - began, busy(results), results


def model_alone(count: int) -> float:
    """Seconds that the model takes in this process, JSON included."""
    from smallworld import bundle, inference

    with tempfile.TemporaryDirectory() as folder:
        for name, content in bundle.model_files().items():
            (Path(folder) / name).write_bytes(content)
        model = inference.model_fn(folder)
    body = json.dumps({"prompt": "a red circle on a blue background", **REQUEST})

    def answer() -> None:
        inference.answer(model, body)

    answer()
    began = time.perf_counter()
    for _ in range(count):
        answer()
    return time.perf_counter() - began


def main() -> None:
    connection = connect()
    try:
        _ = connection.names
    except NotDeployedError:
        deploy(connection)
    run(connection, 1)
    print("requests   submit → manifest   model busy   added   added for each (one: median of 5)")
    singles = [run(connection, 1) for _ in range(5)]
    wall, model = (statistics.median(values) for values in zip(*[single[:2] for single in singles], strict=True))
    print(f"{1:8}   {wall:15.2f} s   {model:8.2f} s   {wall - model:4.2f} s   {(wall - model) * 1000:7.0f} ms")
    wall, model, _ = run(connection, 100)
    print(f"{100:8}   {wall:15.2f} s   {model:8.2f} s   {wall - model:4.2f} s   {(wall - model) * 10:7.0f} ms")
    alone = model_alone(10) * 10
    print(
        f"the model alone, in this process, 100 times: {alone:.2f} s; the whole path is {wall / alone:.2f} times that"
    )


if __name__ == "__main__":
    main()

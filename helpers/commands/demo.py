"""``make demo``: from a bare machine to pictures, through every part that a deployment in AWS has.

Starts the local cloud, deploys the stacks with the CDK's CLI, sends prompts to the asynchronous endpoint, waits for
the Lambdas' PNGs, compares each with the model's JSON pixel for pixel, and leaves a copy of the bucket and a page in
``build/demo/``.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import ResultError, WorkshopError
from contract.settings import ROOT
from helpers.commands.interruption import interruptible
from helpers.delivery.deployment import deploy
from helpers.inference.connection import Connection, connect
from helpers.inference.jobs import Job
from helpers.inference.results import Result, wait_for_timelines
from helpers.show import gallery

FOLDER = ROOT / "build" / "demo"
WAIT_SECONDS = 300
LOG_SECONDS = 10
STOPPED = "demo stopped by you; `make demo` goes on from here."
PROMPTS: tuple[dict[str, Any], ...] = (
    {"prompt": "a red circle on a blue background", "seed": 1},
    {"prompt": "a yellow star on a purple background", "seed": 2},
    {"prompt": "a red triangle above a blue square on a white background", "seed": 3},
    {"prompt": "five pink hearts on a gray background", "seed": 4},
    {"prompt": "a lighthouse on the sea at sunset", "seed": 5, "width": 192, "height": 128},
    {"prompt": "a windmill in a field with a rainbow", "seed": 6, "width": 192, "height": 128},
    {"prompt": "a snowman and a pine tree in the snow", "seed": 7, "width": 192, "height": 128},
    {"prompt": "a city at night in the rain", "seed": 8, "width": 256, "height": 256},
)


class Clock:
    """Says each line with the seconds since the start."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        print(f"{self.seconds():6.1f} s  {text}", flush=True)  # noqa: T201 - a command's output


def copy_bucket(connection: Connection, folder: Path) -> int:
    """Copy every object of the workshop's bucket into ``folder`` and return how many; ResultError for a bad key."""
    s3, bucket, count = connection.client("s3"), connection.names.bucket, 0
    for listing in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in listing.get("Contents", ()):
            path = folder / item["Key"]
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ResultError(f"s3://{bucket}/{item['Key']}: this key leads outside of {folder}; not copied.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
            count += 1
    return count


def compare(result: Result) -> int:
    """Compare each PNG with the model's JSON; return the number of pixels, or raise ResultError when one differs."""
    pixels = 0
    for number, (png, answer) in enumerate(zip(result.arrays, result.output().arrays, strict=True)):
        if not np.array_equal(png, answer):
            raise ResultError(f"picture {number} of {result.manifest['inferenceId']} differs from the model's JSON.")
        pixels += png.shape[0] * png.shape[1]
    return pixels


def write_page(done: list[tuple[Job, Result]], facts: dict[str, str]) -> Path:
    """Write ``build/demo/index.html`` and return its path."""
    pictures = []
    for job, result in done:
        source = result.manifest["source"].removeprefix("s3://").partition("/")[2]
        for number, image in enumerate(result.manifest["images"]):
            png = FOLDER / "bucket" / image["key"]
            files = {
                "request": f"bucket/requests/{job.id}.json",
                "answer": f"bucket/{source}",
                "status": f"bucket/status/{job.id}.json",
                "picture": f"bucket/{image['key']}",
            }
            parameters = {name: value for name, value in job.request.items() if value is not None}
            pictures.append(
                gallery.Picture(
                    prompt=str(job.request["prompt"]),
                    parameters=parameters,
                    png=png.read_bytes(),
                    json_path=f"generated_images[{number}]",
                    timeline=result.timeline,
                    files=files,
                )
            )
    lead = (
        "Each prompt went as JSON to S3, waited in the endpoint's queue, and came back from the model as nested lists "
        "of red, green and blue. A Lambda made the PNG. Point at a picture, or focus it and use the arrow keys: the "
        "JSON beside it is the model's answer at that place."
    )
    path = FOLDER / "index.html"
    path.write_text(gallery.page("From JSON to PNG", lead, facts, pictures), encoding="utf-8")
    return path


def run(clock: Clock) -> None:
    """The whole demonstration."""
    clock.say("connecting to the local cloud (starting it where it does not run)")
    connection = connect()
    deploy(connection, clock.say)
    clock.say(f"endpoint {connection.names.endpoint} is up; sending {len(PROMPTS)} prompts")
    jobs = [connection.generate(**request) for request in PROMPTS]
    first: list[float] = []

    def told(job: Job, state: str) -> None:
        if state == "done" and not first:
            first.append(clock.seconds())
            clock.say(f"first picture: {job.request['prompt']!r}")

    results = connection.wait_all(jobs, WAIT_SECONDS, told)
    clock.say(f"{len(results)} requests done")
    pixels = sum(map(compare, results))
    clock.say(f"PNG = JSON for all {pixels:,} pixels")
    wait_for_timelines(results, LOG_SECONDS)
    shutil.rmtree(FOLDER, ignore_errors=True)
    objects = copy_bucket(connection, FOLDER / "bucket")
    local = connection.settings.local
    facts = {
        "prompts": str(len(jobs)),
        "pixels compared, all equal": f"{pixels:,}",
        "until the first picture": f"{first[0]:.1f} s",
        "in total": f"{clock.seconds():.1f} s",
        "local cloud's clock": f"{local.speed:g} times AWS's",
    }
    path = write_page(list(zip(jobs, results, strict=True)), facts)
    (FOLDER / "times.json").write_text(json.dumps({"first_picture_s": first[0], "all_s": clock.seconds()}))
    clock.say(f"{objects} objects copied to {(FOLDER / 'bucket').relative_to(ROOT)}")
    print(  # noqa: T201 - a command's output
        f"\nOpen {path.relative_to(ROOT)} in a browser.\n"
        "The local cloud is still running: `eval $(.venv/bin/python -m localcloud env)` lets the AWS CLI and boto3 "
        "reach it, `make clean` stops it and removes it."
    )


def main() -> None:
    with interruptible(STOPPED):
        try:
            run(Clock())
        except WorkshopError as problem:
            sys.exit(f"demo stopped: {problem}")


if __name__ == "__main__":
    main()

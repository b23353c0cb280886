"""``python -m helpers.delivery.smoke``: one prompt through the deployed endpoint; the pipeline's last step."""

from __future__ import annotations

import sys
import time

from contract.errors import WorkshopError
from helpers.inference.connection import connect_inside

PROMPT = "a red circle on a blue background"
WAIT_SECONDS = 2400
"""An endpoint at zero instances with a GPU model needs up to twenty minutes on AWS."""


def main() -> None:
    """Exit status 1 and one line when there is no picture."""
    began = time.monotonic()
    try:
        connection = connect_inside()
        job = connection.generate(PROMPT, seed=1)
        print(f"request {job.id}: {PROMPT!r} to {connection.names.endpoint}", flush=True)  # noqa: T201 - a command
        result = job.wait(timeout=WAIT_SECONDS)
        pictures = result.images
    except WorkshopError as problem:
        sys.exit(f"error: {problem}")
    if not pictures:
        sys.exit(f"error: the answer to request {job.id} holds no picture.")
    sizes = ", ".join(f"{picture.width} x {picture.height}" for picture in pictures)
    print(f"{len(pictures)} picture ({sizes}) after {time.monotonic() - began:.1f} s")  # noqa: T201 - a command


if __name__ == "__main__":
    main()

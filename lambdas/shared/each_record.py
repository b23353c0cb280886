"""The loop of both functions: every record has its turn, and what failed is raised at the end."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from shared import notification
from shared.exceptions import RecordsFailedError

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics


def each_record(
    event: object, handle: Callable[[str], None], *, failed: str, logger: "Logger", metrics: "Metrics"
) -> None:
    """Call `handle` with the SNS message of every record of an event.

    Parameters
    ----------
    event
        What Lambda hands to the function.
    handle
        Raises when a message cannot be handled.
    failed
        What is said then, with `{}` for the records: `"{} not saved"`.
    logger, metrics
        The function's own.

    Raises
    ------
    MalformedEventError
        The event has no records.
    RecordsFailedError
        Names each record that failed, after all had their turn. AWS retries the event, and at last hands it to the
        dead-letter queue; a retry does no harm to the records that succeeded.
    """
    failures: list[str] = []
    records = notification.records(event)
    for index, record in enumerate(records):
        try:
            handle(notification.message_of(record))
        except Exception as error:  # one bad record must not cost the others; all are raised below
            logger.exception(failed.format("record"), record=index)
            failures.append(f"record {index}: {type(error).__name__}: {error}")
    if failures:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failures))
        what = failed.format(f"{len(failures)} of {len(records)} records")
        raise RecordsFailedError(f"{what}: " + "; ".join(failures))

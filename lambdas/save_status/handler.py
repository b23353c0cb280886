"""Entry point: subscribed to the Success and the Error topic, stores each notification as the state of its request."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from save_status import core, settings
from save_status.exceptions import RecordsFailedError
from save_status.storage import StatusStorage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()


@cache
def _storage() -> StatusStorage:
    return StatusStorage(settings.load().bucket_name)


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Store every notification of the event.

    Raises
    ------
    RecordsFailedError
        Names each record that was not stored, after all had their turn: AWS then retries the event and at last
        hands it to the dead-letter queue. Records that were stored are not harmed by a retry.
    """
    failures: list[str] = []
    records = core.records(event)
    for index, record in enumerate(records):
        try:
            _save(record)
        except Exception as error:  # one bad record must not cost the others; all are raised below
            logger.exception("record not saved", record=index)
            failures.append(f"record {index}: {type(error).__name__}: {error}")
    if failures:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failures))
        raise RecordsFailedError(f"{len(failures)} of {len(records)} records not saved: " + "; ".join(failures))


def _save(record: object) -> None:
    status = core.status_object(core.message_of(record))
    changed = _storage().save(status)
    metrics.add_metric(f"{status.state}Requests", MetricUnit.Count, 1)
    logger.info("status saved", inference_id=status.inference_id, state=status.state, key=status.key, changed=changed)

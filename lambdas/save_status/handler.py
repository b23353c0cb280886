"""Entry point: subscribed to the Success and the Error topic, stores each notification as the state of its request."""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from shared import settings
from shared.each_record import each_record

from save_status import core
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
    """Store every notification of the event; raises `RecordsFailedError` for those that were not stored."""
    each_record(event, _save, failed="{} not saved", logger=logger, metrics=metrics)


def _save(message: str) -> None:
    status = core.status_object(message)
    changed = _storage().save(status)
    metrics.add_metric(f"{status.state}Requests", MetricUnit.Count, 1)
    logger.info("status saved", inference_id=status.inference_id, state=status.state, key=status.key, changed=changed)

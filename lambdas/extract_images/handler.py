"""Entry point: subscribed to the Success topic, turns each response into pictures.

A notification that comes twice writes the same bytes twice; of two requests with one id, the one handled last stays.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from extract_images import notification, response, results, settings
from extract_images.exceptions import RecordsFailedError
from extract_images.storage import ImageStorage

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
metrics = Metrics()


@cache
def _storage() -> ImageStorage:
    return ImageStorage(settings.load().bucket_name)


@logger.inject_lambda_context
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Extract the pictures of every record of the event.

    Raises
    ------
    RecordsFailedError
        Names each record that came to nothing, after all had their turn. AWS then retries, and dead-letters at last.
    """
    failures: list[str] = []
    records = notification.records(event)
    for index, record in enumerate(records):
        try:
            _extract(record)
        except Exception as error:  # one bad record must not cost the others; all are raised below
            logger.exception("no pictures from record", record=index)
            failures.append(f"record {index}: {type(error).__name__}: {error}")
    if failures:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failures))
        raise RecordsFailedError(f"no pictures from {len(failures)} of {len(records)} records: " + "; ".join(failures))


def _extract(record: object) -> None:
    completed = notification.parse(notification.message_of(record))
    completed.require_bucket(settings.load().bucket_name)
    # The whole response is read and found good before the first object is written.
    answer = response.read(_storage().response(completed.output_key), completed.content_type)
    request = results.Request.parse(_storage().request(completed.inference_id))
    for item in results.objects(answer, request, completed):
        _storage().put(item)
    metrics.add_metric("ImagesExtracted", MetricUnit.Count, len(answer.images))
    logger.info("images extracted", inference_id=completed.inference_id, images=len(answer.images))

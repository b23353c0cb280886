"""Entry point: subscribed to the Success topic, turns each response into pictures.

A notification that comes twice writes the same bytes twice; of two answers under one id the pictures of the later one
are left, as its status is, whatever order the notifications come in.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from shared import settings
from shared.each_record import each_record

from extract_images import notification, response, results
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
    """Extract the pictures of every record of the event; raises `RecordsFailedError` for those without pictures."""
    each_record(event, _extract, failed="no pictures from {}", logger=logger, metrics=metrics)


def _extract(message: str) -> None:
    completed = notification.parse(message)
    completed.require_bucket(settings.load().bucket_name)
    # The whole response is read and found good before the first object is written.
    answer = response.read(_storage().response(completed.output_key), completed.content_type)
    request = results.Request.parse(_storage().request(completed.inference_id))
    for item in results.objects(answer, request, completed):
        _storage().put(item)
    metrics.add_metric("ImagesExtracted", MetricUnit.Count, len(answer.images))
    logger.info("images extracted", inference_id=completed.inference_id, images=len(answer.images))

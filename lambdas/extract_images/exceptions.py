"""What can go wrong while pictures are extracted, besides what can in either function (`shared.exceptions`)."""

from shared.exceptions import FunctionError


class ForeignBucketError(FunctionError):
    """The notification names an output outside the workshop's bucket."""


class ResponseError(FunctionError):
    """Base of everything that is wrong with the model's response; the response itself has to change."""


class MalformedResponseError(ResponseError):
    """The response is not JSON, or not in any of the understood forms."""


class TruncatedResponseError(ResponseError):
    """The response ends too early."""


class InvalidImageError(ResponseError):
    """One image of the response is not a picture: says which image, row, column and value."""


class LimitError(ResponseError):
    """The response holds more, or larger, than this function accepts."""

"""What can go wrong while pictures are extracted."""


class ExtractImagesError(Exception):
    """Base of every error this function raises on purpose."""


class SettingsError(ExtractImagesError):
    """The function's environment lacks a variable."""


class MalformedEventError(ExtractImagesError):
    """The event, or a record of it, is not one that Amazon SNS delivers to a function."""


class MalformedNotificationError(ExtractImagesError):
    """The message is not the notification of a completed inference."""


class InvalidInferenceIdError(ExtractImagesError):
    """The inference id is not one that may become part of a key."""


class ForeignBucketError(ExtractImagesError):
    """The notification names an output outside the workshop's bucket."""


class ResponseError(ExtractImagesError):
    """Base of everything that is wrong with the model's response; the response itself has to change."""


class MalformedResponseError(ResponseError):
    """The response is not JSON, or not in any of the understood forms."""


class TruncatedResponseError(ResponseError):
    """The response ends too early."""


class InvalidImageError(ResponseError):
    """One image of the response is not a picture: says which image, row, column and value."""


class LimitError(ResponseError):
    """The response holds more, or larger, than this function accepts."""


class StorageError(ExtractImagesError):
    """Amazon S3 refused or failed a request; a retry may help."""


class RecordsFailedError(ExtractImagesError):
    """At least one record of the event came to nothing; raised last, after all records had their turn."""

"""What can go wrong in either function."""


class FunctionError(Exception):
    """Base of every error that a function raises on purpose."""


class SettingsError(FunctionError):
    """The function's environment lacks a variable."""


class MalformedEventError(FunctionError):
    """The event, or a record of it, is not one that Amazon SNS delivers to a function."""


class MalformedNotificationError(FunctionError):
    """The message is not a notification of asynchronous inference that this function handles."""


class InvalidInferenceIdError(FunctionError):
    """The inference id is not one that may become part of a key."""


class StorageError(FunctionError):
    """Amazon S3 refused or failed a request, or other writers won every attempt; a retry may help."""


class RecordsFailedError(FunctionError):
    """At least one record of the event failed; raised last, after all records had their turn."""

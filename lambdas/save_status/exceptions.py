"""What can go wrong while a notification is saved."""


class SaveStatusError(Exception):
    """Base of every error this function raises on purpose."""


class SettingsError(SaveStatusError):
    """The function's environment lacks a variable."""


class MalformedEventError(SaveStatusError):
    """The event, or a record of it, is not one that Amazon SNS delivers to a function."""


class MalformedNotificationError(SaveStatusError):
    """The message is not a notification of asynchronous inference."""


class InvalidInferenceIdError(SaveStatusError):
    """The inference id is not one that may become part of a key."""


class StorageError(SaveStatusError):
    """Amazon S3 refused or failed a request, or other writers won every attempt."""


class RecordsFailedError(SaveStatusError):
    """At least one record of the event was not saved; raised last, after all records had their turn."""

"""What this function raises; EventBridge calls it again in a few minutes in any case."""


class SettingsError(Exception):
    """An environment variable is missing, or the deadline is not one."""


class NotDeletedError(Exception):
    """CloudFormation took the deletion of some stacks and refused others; each is tried again."""

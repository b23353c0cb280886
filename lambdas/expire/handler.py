"""EventBridge calls this every few minutes; before the deadline it only looks at the clock."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from expire import account, core, settings
from expire.exceptions import NotDeletedError

logger = logging.getLogger(__name__)
logger.setLevel(logging.INFO)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do what one look can do, and return (and log) what that was.

    Raises
    ------
    SettingsError
        The deadline is not one; nothing was deleted.
    NotDeletedError
        See `look`.
    botocore.exceptions.ClientError
        AWS refused something; what was started before goes on, and the next call tries again.
    """
    done = look(settings.load(), datetime.now(UTC))
    logger.info(json.dumps(done))  # what somebody looks for who misses a stack
    return done


def look(chosen: settings.Settings, now: datetime) -> dict[str, Any]:
    """Delete what can be deleted now.

    Parameters
    ----------
    chosen
        What this function is for.
    now
        The time, in UTC.

    Raises
    ------
    NotDeletedError
        CloudFormation refused to delete some of the stacks; it was asked for all of them before.
    """
    deadline = core.parse_deadline(account.deadline(chosen.parameter))
    if deadline is None or now < deadline:
        return {"expires": deadline.isoformat() if deadline else core.NEVER}
    found = {name: account.stack_status(name) for name in chosen.stacks}
    plan = core.plan(chosen.stacks, {name: status for name, status in found.items() if status})
    refused = {}
    for name in plan.delete:
        try:
            account.delete_stack(name)
        except ClientError as error:  # one that is refused must not keep the others
            refused[name] = str(error)
    if refused:
        raise NotDeletedError(json.dumps(refused))
    done: dict[str, Any] = {"expired": deadline.isoformat(), "deleting": plan.delete, "waiting": plan.waiting}
    if not plan.finished:
        return done
    groups = [name for prefix in chosen.log_groups for name in account.log_groups(prefix)]
    for name in groups:
        account.delete_log_group(name)
    if not groups:  # what a service writes at its very end, or a pipeline that was on its way, shows at the next look
        account.delete_stack(chosen.own_stack)
    return {**done, "log_groups": groups, "deleting": () if groups else (chosen.own_stack,)}

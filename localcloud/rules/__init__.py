"""What AWS refuses although its service models allow it: rules, each with the AWS page that says so.

A rule is a function of one :class:`Call`. It raises :class:`~localcloud.services.ServiceError` to refuse the call,
returns a dictionary to answer it in MiniStack's place, or returns None to let it pass. Rules that need nothing but the
call are in this folder, one module for each service, and register with :func:`rule`; those that look into MiniStack's
state are in :mod:`localcloud.ministack`, and are added to the :class:`Rulebook` there.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an operation that MiniStack answers.

    Attributes
    ----------
    service, operation : str
        botocore's names: ``cloudwatch``, ``PutMetricAlarm``.
    parameters : dict
        As boto3 takes them, already valid by the service model. A streamed body (``PutObject``'s) is left out.
    account, region, access_key : str
        Who calls where. All are empty when CloudFormation makes the call for a resource.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    account: str = ""
    region: str = ""
    access_key: str = ""


Answer = dict[str, Any] | None
Rule = Callable[[Call], Answer | Awaitable[Answer]]

_registered: dict[tuple[str, str], list[Rule]] = defaultdict(list)


def rule(service: str, *operations: str) -> Callable[[Callable[[Call], None]], Callable[[Call], None]]:
    """Apply the decorated function to every call of ``operations`` of ``service``."""

    def register(function: Callable[[Call], None]) -> Callable[[Call], None]:
        for operation in operations:
            _registered[service, operation].append(function)
        return function

    return register


class Rulebook:
    """All rules of a cloud."""

    def __init__(self) -> None:
        """Load every module of this folder."""
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
        self._rules: dict[tuple[str, str], list[Rule]] = defaultdict(list)
        for key, rules in _registered.items():
            self._rules[key] = list(rules)

    def add(self, service: str, operation: str, rule: Rule) -> None:
        """Apply ``rule`` to every call of ``operation``, after the rules that are there.

        It runs on the event loop, in the caller's account and region, so it may look into MiniStack's state; it may be
        a coroutine function.
        """
        self._rules[service, operation].append(rule)

    def of(self, service: str, operation: str) -> list[Rule]:
        """The rules for ``operation``, in their order."""
        return self._rules.get((service, operation), [])

    def check(self, call: Call) -> None:
        """Apply the rules of this folder to what CloudFormation is about to do for a resource.

        Raises
        ------
        ServiceError
            When one of them refuses.
        """
        for each in _registered.get((call.service, call.operation), []):
            each(call)

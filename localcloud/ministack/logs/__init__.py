"""CloudWatch Logs of MiniStack: its records, with the answers, paging and filters of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType

from localcloud.ministack.logs.events import LogEvents
from localcloud.ministack.logs.filters import LogFilters
from localcloud.ministack.logs.groups import LogGroups
from localcloud.ministack.logs.queries import LogQueries
from localcloud.ministack.logs.store import LogStore
from localcloud.rules import Rulebook


class Logs:
    """Answers the calls that MiniStack answers otherwise than AWS."""

    def __init__(self, modules: Mapping[str, ModuleType], rules: Rulebook, measure: Callable[..., None]) -> None:
        """Take over.

        Parameters
        ----------
        modules : mapping
            MiniStack's.
        rules : Rulebook
        measure : callable
            :meth:`localcloud.ministack.metrics.Metrics.measure`, for metric filters.
        """
        store = LogStore(modules)
        LogGroups(store, rules)
        LogEvents(store, rules)
        LogFilters(store, modules, rules, measure)
        LogQueries(store, rules)

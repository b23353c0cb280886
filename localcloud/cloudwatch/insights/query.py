"""The commands of a query, one after another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from localcloud.cloudwatch.insights.reader import MalformedQueryError, Reader, condition
from localcloud.cloudwatch.insights.records import Record, number, shown

_OFFERED = ("fields", "display", "filter", "sort", "limit", "stats")
_AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}
_DEFAULT_FIELDS = ("@timestamp", "@message")
_MOST_ROWS = 10_000

Rows = list[Record]
Command = Callable[[Rows], Rows]


@dataclasses.dataclass
class Query:
    """A query that has been read.

    Attributes
    ----------
    commands : list
        Each makes rows of rows.
    fields : tuple of str
        What a row shows.
    limit : int
        Rows that are shown at most.
    sorted, grouped : bool
        Whether the query says its own order, and whether it has a ``stats`` command.
    """

    commands: list[Command] = dataclasses.field(default_factory=list)
    fields: tuple[str, ...] = _DEFAULT_FIELDS
    limit: int = _MOST_ROWS
    sorted: bool = False
    grouped: bool = False

    def run(self, records: Sequence[Record], limit: int | None = None) -> tuple[list[list[dict[str, str]]], int]:
        """The answer of GetQueryResults, and how many events matched.

        Parameters
        ----------
        records : sequence
        limit : int, optional
            StartQuery's own.
        """
        rows = sorted(records, key=lambda row: -row["@timestamp"])
        matched = len(rows)
        for command in self.commands:
            rows = command(rows)
            if all("@ptr" in row for row in rows):
                matched = len(rows)
        rows = rows[: min(self.limit, limit or _MOST_ROWS)]
        fields = self.fields if self.grouped else (*self.fields, "@ptr")
        return [
            [{"field": field, "value": shown(field, row[field])} for field in dict.fromkeys(fields) if field in row]
            for row in rows
        ], matched


def parse(text: str) -> Query:
    """Read a query; raises :class:`MalformedQueryError`."""
    reader, query = Reader(text), Query()
    while True:
        start = reader.at
        command = reader.word(*_OFFERED)
        if not command:
            reader.at = start
            kind, word = reader.peek()
            if kind == "field":
                raise MalformedQueryError(
                    f"the local cloud's Logs Insights does not offer {word}: it offers {', '.join(_OFFERED)}"
                )
            raise reader.fail()
        _READERS[command](reader, query)
        if reader.peek()[0] == "end":
            return query
        reader.need("|")


def _names(reader: Reader) -> tuple[str, ...]:
    names = [reader.field()]
    while reader.word(","):
        names.append(reader.field())
    if reader.word("as", "(", "*"):
        raise reader.fail("the local cloud's Logs Insights does not offer aliases and functions of fields,")
    return tuple(names)


def _fields(reader: Reader, query: Query) -> None:
    names = _names(reader)
    query.fields = names if query.fields is _DEFAULT_FIELDS else (*query.fields, *names)


def _display(reader: Reader, query: Query) -> None:
    query.fields = _names(reader)


def _filter(reader: Reader, query: Query) -> None:
    holds = condition(reader)
    query.commands.append(lambda rows: [row for row in rows if holds(row)])


def _limit(reader: Reader, query: Query) -> None:
    kind, text = reader.next()
    if kind != "number" or not text.isdigit() or not 1 <= int(text) <= _MOST_ROWS:
        raise MalformedQueryError(f"limit must be 1 to {_MOST_ROWS}, not {text}")
    query.limit = int(text)


def _sort(reader: Reader, query: Query) -> None:
    keys: list[tuple[str, bool]] = []
    while True:
        found = reader.bin()
        name = found[0] if found else _column(reader)
        keys.append((name, reader.word("asc", "desc") == "desc"))
        if not reader.word(","):
            break

    def sort(rows: Rows) -> Rows:
        for name, descending in reversed(keys):
            rows = sorted(rows, key=lambda row, name=name: _rank(row.get(name)), reverse=descending)  # type: ignore[misc]
        return rows

    query.sorted = True
    query.commands.append(sort)


def _rank(value: Any) -> tuple[int, float, str]:
    """Missing values first, then numbers, then text."""
    if value is None:
        return 0, 0.0, ""
    found = number(value)
    return (2, 0.0, str(value)) if found is None else (1, found, "")


def _column(reader: Reader) -> str:
    """The name of a field, or of a column that ``stats`` made: ``count(*)``, ``avg(latency)``."""
    name = reader.field()
    if not reader.word("("):
        return name
    inner = "*" if reader.word("*") else "" if reader.peek()[1] == ")" else reader.field()
    reader.need(")")
    return f"{name}({inner})"


@dataclasses.dataclass(frozen=True)
class _Aggregate:
    function: str
    field: str
    title: str

    def of(self, rows: Rows) -> Any:
        if self.function == "count":
            return sum(self.field in ("", "*") or self.field in row for row in rows)
        found = [row[self.field] for row in rows if self.field in row]
        if self.function == "count_distinct":
            return len(set(map(str, found)))
        values = [value for value in map(number, found) if value is not None]
        return _AGGREGATES[self.function](values) if values else None


def _aggregate(reader: Reader) -> _Aggregate:
    column = _column(reader)
    function, _, rest = column.partition("(")
    if not rest or function.lower() not in ("count", "count_distinct", *_AGGREGATES):
        raise MalformedQueryError(f"the local cloud's Logs Insights does not offer stats {column}")
    title = reader.field() if reader.word("as") else column
    return _Aggregate(function.lower(), rest[:-1], title)


def _stats(reader: Reader, query: Query) -> None:
    if query.grouped:
        raise MalformedQueryError("the local cloud's Logs Insights offers one stats command in a query")
    aggregates = [_aggregate(reader)]
    while reader.word(","):
        aggregates.append(_aggregate(reader))
    keys: list[tuple[str, int]] = []  # a name, and the width of a bin in milliseconds or 0
    while reader.word("by", ","):
        keys.append(reader.bin() or (reader.field(), 0))

    def value(row: Record, key: tuple[str, int]) -> Any:
        name, width = key
        return row["@timestamp"] // width * width if width else row.get(name)

    def group(rows: Rows) -> Rows:
        groups: dict[tuple[Any, ...], Rows] = {}
        for row in rows:
            groups.setdefault(tuple(value(row, key) for key in keys), []).append(row)
        made = []
        for values, members in groups.items():
            row = {name: found for (name, _), found in zip(keys, values, strict=True) if found is not None}
            row.update({each.title: each.of(members) for each in aggregates if each.of(members) is not None})
            made.append(row)
        return made

    query.grouped = True
    query.fields = (*(name for name, _ in keys), *(each.title for each in aggregates))
    query.commands.append(group)


_READERS: dict[str, Callable[[Reader, Query], None]] = {
    "fields": _fields,
    "display": _display,
    "filter": _filter,
    "limit": _limit,
    "sort": _sort,
    "stats": _stats,
}

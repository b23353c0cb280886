"""A part of CloudWatch's metric math: arithmetic, comparisons, and the commonest functions.

CloudWatch User Guide, "Using math expressions with CloudWatch metrics" (AmazonCloudWatch/latest/monitoring/
using-metric-math.html). A function that is not in this part is refused, saying so.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import math
import operator
import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

Series = dict[float, float]
"""Start of a period (epoch seconds) → value."""
Value = float | Series | list[Series]


class MathError(ValueError):
    """The expression is not one, or uses what is not offered here."""


@dataclasses.dataclass(frozen=True)
class Grid:
    """The periods of a request: ``start``, ``start + period``, … before ``end``."""

    start: float
    end: float
    period: int

    def stamps(self) -> list[float]:
        """The start of each period."""
        count = max(0, math.ceil((self.end - self.start) / self.period))
        return [self.start + self.period * number for number in range(count)]


_ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type, Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def pairwise(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """Apply ``operation`` to two numbers, or at each time that both series have; arrays element by element."""
    if isinstance(left, list):
        return [_series(pairwise(operation, each, right)) for each in left]
    if isinstance(right, list):
        return [_series(pairwise(operation, left, each)) for each in right]
    if isinstance(left, dict) or isinstance(right, dict):
        stamps = [
            stamp
            for stamp in (left if isinstance(left, dict) else right)  # type: ignore[union-attr]
            if not isinstance(right, dict) or stamp in right
        ]
        found: Series = {}
        for stamp in stamps:
            one = left[stamp] if isinstance(left, dict) else left
            other = right[stamp] if isinstance(right, dict) else right
            value = _apply(operation, one, other)
            if value is not None:
                found[stamp] = value
        return found
    value = _apply(operation, left, right)
    if value is None:
        raise MathError("the expression divides by zero")
    return value


def _apply(operation: Callable[[float, float], float], one: float, other: float) -> float | None:
    try:
        value = float(operation(one, other))
    except (ZeroDivisionError, OverflowError, TypeError):
        return None  # no datapoint, as on AWS
    return value if math.isfinite(value) else None


def _series(value: Value) -> Series:
    if not isinstance(value, dict):
        raise MathError("a time series is expected")
    return value


def _across(function: Callable[[Sequence[float]], float]) -> Callable[[Value], Value]:
    """Of one series a number; of several, a series (the guide's table of functions)."""

    def apply(value: Value) -> Value:
        if isinstance(value, list):
            stamps = sorted({stamp for series in value for stamp in series})
            return {stamp: function([series[stamp] for series in value if stamp in series]) for stamp in stamps}
        series = _series(value)
        return function(list(series.values())) if series else {}

    return apply


def _each(function: Callable[[float], float]) -> Callable[[Value], Value]:
    return lambda value: pairwise(lambda one, _: function(one), value, 0.0)


def _steps(function: Callable[[float, float, float], float]) -> Callable[[Value], Value]:
    def apply(value: Value) -> Value:
        points = sorted(_series(value).items())
        return {
            stamp: function(found, before, stamp - earlier)
            for (earlier, before), (stamp, found) in itertools.pairwise(points)
        }

    return apply


def _running(value: Value) -> Value:
    total = 0.0
    found: Series = {}
    for stamp, each in sorted(_series(value).items()):
        total += each
        found[stamp] = total
    return found


_FUNCTIONS: dict[str, Callable[[Value], Value]] = {
    "SUM": _across(sum),
    "AVG": _across(statistics.fmean),
    "MIN": _across(min),
    "MAX": _across(max),
    "STDDEV": _across(statistics.pstdev),
    "ABS": _each(abs),
    "CEIL": _each(math.ceil),
    "FLOOR": _each(math.floor),
    "RATE": _steps(lambda value, before, seconds: (value - before) / seconds),
    "DIFF": _steps(lambda value, before, seconds: value - before),
    "RUNNING_SUM": _running,
}
_SPECIAL = ("FILL", "IF", "METRICS", "METRIC_COUNT", "PERIOD")


class Expression:
    """One expression, evaluated among the metrics of a request."""

    def __init__(self, text: str) -> None:
        self.text = text
        python = re.sub(r"\bIF\s*\(", "IF_(", text).replace("^", "**").replace("&&", " and ").replace("||", " or ")
        try:
            self._tree = ast.parse(python.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            raise MathError(f"Error in expression: {text} is not an expression") from None

    def names(self) -> set[str]:
        """The ids that the expression uses."""
        called = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        keywords = ("REPEAT", "LINEAR")
        return {
            node.id
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Name) and id(node) not in called and node.id not in keywords
        }

    def value(self, known: dict[str, Value], metrics: dict[str, Series], grid: Grid) -> Value:
        """Evaluate.

        Parameters
        ----------
        known : dict
            Every id that the expression may use.
        metrics : dict
            Those that ``METRICS()`` gives.
        grid : Grid
        """
        return _Evaluation(known, metrics, grid).of(self._tree)


@dataclasses.dataclass
class _Evaluation:
    known: dict[str, Value]
    metrics: dict[str, Series]
    grid: Grid

    def of(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.Name):
            if node.id not in self.known:
                raise MathError(f"Undefined variable [{node.id}]")
            return self.known[node.id]
        if isinstance(node, ast.List):
            return [_series(self.of(each)) for each in node.elts]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return pairwise(operator.sub, 0.0, self.of(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return pairwise(_ARITHMETIC[type(node.op)], self.of(node.left), self.of(node.right))
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
            return pairwise(_COMPARISONS[type(node.ops[0])], self.of(node.left), self.of(node.comparators[0]))
        if isinstance(node, ast.BoolOp):
            both = isinstance(node.op, ast.And)
            value = self.of(node.values[0])
            for each in node.values[1:]:
                value = pairwise(lambda a, b: bool(a and b) if both else bool(a or b), value, self.of(each))
            return value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id.rstrip("_"), node.args)
        raise MathError(f"the local cloud's metric math does not offer {ast.unparse(node)}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name in _FUNCTIONS and len(arguments) == 1:
            return _FUNCTIONS[name](self.of(arguments[0]))
        if name in ("METRICS", "METRIC_COUNT"):
            return self._metrics(name, arguments)
        if name == "PERIOD" and len(arguments) == 1:
            return float(self.grid.period)
        if name == "IF" and len(arguments) in (2, 3):
            return self._if([self.of(argument) for argument in arguments])
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self.of(arguments[0]), arguments[1])
        offered = ", ".join(sorted((*_FUNCTIONS, *_SPECIAL)))
        raise MathError(
            f"the local cloud's metric math does not offer {name} with {len(arguments)} arguments: {offered}"
        )

    def _metrics(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRIC_COUNT":
            value = self.of(arguments[0]) if len(arguments) == 1 else None
            return float(len(value)) if isinstance(value, list) else 1.0
        part = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else ""
        return [series for identity, series in self.metrics.items() if str(part) in identity]

    def _if(self, values: list[Value]) -> Value:
        test = values[0]
        if not isinstance(test, dict):
            if isinstance(test, list):
                raise MathError("IF takes a time series or a number as its condition")
            return values[1] if test else values[2] if len(values) > 2 else {}
        found: Series = {}
        for stamp, holds in test.items():
            chosen: Any = values[1] if holds else values[2] if len(values) > 2 else {}
            value = chosen.get(stamp) if isinstance(chosen, dict) else chosen
            if value is not None:
                found[stamp] = value
        return found

    def _fill(self, value: Value, filler: ast.expr) -> Value:
        if isinstance(value, list):
            return [_series(self._fill(each, filler)) for each in value]
        series = _series(value)
        repeat = isinstance(filler, ast.Name) and filler.id == "REPEAT"
        if isinstance(filler, ast.Name) and filler.id == "LINEAR":
            raise MathError("the local cloud's metric math does not offer FILL with LINEAR")
        constant = None if repeat else self.of(filler)
        found: Series = {}
        last: float | None = None
        for stamp in self.grid.stamps():
            last = series.get(stamp, last)
            if stamp in series:
                found[stamp] = series[stamp]
            elif repeat and last is not None:
                found[stamp] = last
            elif isinstance(constant, float):
                found[stamp] = constant
            elif isinstance(constant, dict) and stamp in constant:
                found[stamp] = constant[stamp]
        return found

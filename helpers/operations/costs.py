"""What the choices in ``workshop.toml`` cost on AWS, working and idle. Reads prices; starts nothing that costs."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from contract.names import SMALLWORLD_MODELS
from contract.settings import Settings
from helpers.show.tables import html_table, text_table

PRICES = Path(__file__).with_name("prices.toml")
PRICE_LIST_REGION = "us-east-1"
"""AWS Billing User Guide, "Using the AWS Price List API": it answers in a few regions only, for all of them."""
HOURS_A_MONTH = 730
PUTS, GETS, PUBLISHES, INVOCATIONS = 5, 4, 1, 2
"""Of a request with one picture: request, output, status, picture and manifest are written; each is read about once."""
SAVE_STATUS_GB_SECONDS, EXTRACT_SECONDS = 0.25 * 0.3, 1.0
BUILD_MINUTES, ACTION_MINUTES = 12, 20
"""Assumed for one run of the pipeline with Small World, not measured: three builds, and all actions together."""
ALARMS, DASHBOARDS = 8, 1
IDLE_ALARMS, COMPOSITE_ALARMS = 2, 1
"""What ``[safety] idle_hours`` adds: two alarms, and one on both (infra/safety/idle_alarm.py)."""
LOOKS_AN_HOUR, LOOK_GB_SECONDS = 12, 0.25
"""Of the expiry: a function with 256 MB looks every five minutes; assumed: for a second (infra/safety/expiry.py)."""
REQUEST_LOG_GB, RUN_LOG_GB = 20e-6, 1e-3
"""Assumed, not measured: what one request and one run of the pipeline write to CloudWatch Logs."""
MODEL_GB, SMALLWORLD_GB = 10, 0.1
"""Assumed: a packaged model of JumpStart's, and Small World with its wheels."""
COLUMNS = ("What", "Price", "How much of it", "Cost", "Remark")


@dataclasses.dataclass(frozen=True)
class Prices:
    """The table of ``helpers/operations/prices.toml``.

    Attributes
    ----------
    as_of, region, source : str
        When the prices were noted, of which region, and from where.
    instance_hour : mapping
        USD for an hour of an instance type.
    services : mapping
        USD for units of the other services: ``services["s3"]["put"]``.
    sources : mapping
        The page that each service's prices are from.
    """

    as_of: str
    region: str
    source: str
    instance_hour: Mapping[str, float]
    services: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class InstancePrice:
    """What an hour of an instance costs.

    Attributes
    ----------
    usd : float or None
        None when nobody knows it.
    source : str
        Where the number comes from, or how to find it.
    """

    usd: float | None
    source: str


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of an estimate; ``usd`` is None when the price is not known."""

    what: str
    price: str
    quantity: str
    usd: float | None
    remark: str = ""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a stretch of time costs.

    Attributes
    ----------
    rows : tuple of Row
        What makes up ``scaled_to_zero``.
    instance : InstancePrice
        An hour of one instance.
    hours_active, hours_idle : float
        Hours with an instance at work, and hours without requests.
    instances : int
        Instances at work.
    always_on, scaled_to_zero : float or None
        USD for all of it when the instances stay on while idle, and when they go to zero; None when the instance's
        price is not known.
    target : str
    """

    rows: tuple[Row, ...]
    instance: InstancePrice
    hours_active: float
    hours_idle: float
    instances: int
    always_on: float | None
    scaled_to_zero: float | None
    target: str

    @property
    def saved(self) -> float | None:
        """What scaling to zero saves."""
        if self.always_on is None or self.scaled_to_zero is None:
            return None
        return self.always_on - self.scaled_to_zero

    def summary(self) -> str:
        """One or two sentences."""
        hours = f"{self.hours_active:g} hours of work and {self.hours_idle:g} idle hours"
        start = "The local cloud costs nothing. On AWS, " if self.target == "local" else ""
        if self.always_on is None:
            return f"{start}{hours} cannot be priced: {self.instance.source}"
        return (
            f"{start}{hours} cost about {usd(self.scaled_to_zero)} when the endpoint goes to zero instances, and "
            f"{usd(self.always_on)} when it stays on."
        )

    def _cells(self) -> list[tuple[str, ...]]:
        cells = [(row.what, row.price, row.quantity, usd(row.usd), row.remark) for row in self.rows]
        return [
            *cells,
            ("Total, at zero when idle", "", "", usd(self.scaled_to_zero), ""),
            ("Total, always on", "", "", usd(self.always_on), ""),
        ]

    def _note(self) -> str:
        return f"Instance: {self.instance.source} Free tiers, discounts, taxes and the instances' disks are left out."

    def __str__(self) -> str:
        return f"{self.summary()}\n{text_table(COLUMNS, self._cells())}\n{self._note()}"

    def _repr_html_(self) -> str:
        return html_table(self.summary(), COLUMNS, self._cells(), note=self._note())


def usd(amount: float | None) -> str:
    """``12.40 USD``; small amounts with as many digits as they need."""
    if amount is None:
        return "unknown"
    if amount >= 1 or amount == 0:
        return f"{amount:.2f} USD" if amount else "0 USD"
    if amount >= 0.01:
        text = f"{amount:.3f}"
        return f"{text.removesuffix('0')} USD"
    return f"{Decimal(f'{amount:.2g}'):f} USD"


def load_prices(path: Path = PRICES) -> Prices:
    """The dated table in the repository."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    plain = {name: value for name, value in table.items() if isinstance(value, str)}
    others = ("instance_hour", "sources")
    services = {name: value for name, value in table.items() if isinstance(value, dict) and name not in others}
    return Prices(
        plain["as_of"], plain["region"], plain["source"], table["instance_hour"], services, table["sources"]
    )  # fmt: skip


def instance_price(settings: Settings, *, pricing: Any = None, prices: Prices | None = None) -> InstancePrice:
    """What an hour of ``[model] instance_type`` costs: from AWS's Price List API, else from the table, else unknown.

    Parameters
    ----------
    pricing : boto3 client of ``pricing``, optional
        Asked first. By default one is made for the target ``aws``, and none for the local one, which stays offline.
    prices : Prices, optional
        By default the table in the repository.
    """
    kind, region, table = settings.model.instance_type, settings.workshop.region, prices or load_prices()
    said = ""
    if pricing is not None or settings.workshop.target == "aws":
        try:
            found = _from_price_list(pricing or _price_list(), kind, region)
        except (BotoCoreError, ClientError) as error:
            said = f" (The Price List API did not answer: {error}.)"
        else:
            if found is not None:
                return InstancePrice(found, f"{kind} in {region}, from the AWS Price List API just now.")
            said = " (The Price List API does not list it.)"
    if kind in table.instance_hour:
        elsewhere = "" if region == table.region else f" In {region} it is another, most often a higher one."
        source = f"{kind} in {table.region} as known in {table.as_of}, unverified; see {table.source}.{elsewhere}{said}"
        return InstancePrice(table.instance_hour[kind], source)
    return InstancePrice(
        None,
        f"the price of {kind} is not in helpers/operations/prices.toml. Look it up at {table.source} "
        f"(region {region}, Hosting) "
        f"and add it there.{said}",
    )


def _price_list() -> Any:
    config = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
    return boto3.Session().client("pricing", region_name=PRICE_LIST_REGION, config=config)


def _from_price_list(pricing: Any, kind: str, region: str) -> float | None:
    """The on-demand price of an hour of hosting; None when the list has none, or more than one."""
    filters = [
        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": kind},
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": region},
        {"Type": "TERM_MATCH", "Field": "component", "Value": "Hosting"},
    ]
    found: set[float] = set()
    for page in pricing.get_paginator("get_products").paginate(ServiceCode="AmazonSageMaker", Filters=filters):
        for text in page["PriceList"]:
            offer = json.loads(text)
            attributes = offer["product"]["attributes"]
            if attributes.get("instanceName") != kind or attributes.get("component") != "Hosting":
                continue
            for term in offer["terms"].get("OnDemand", {}).values():
                for dimension in term["priceDimensions"].values():
                    amount = float(dimension["pricePerUnit"].get("USD", 0))
                    if dimension.get("unit", "Hrs") == "Hrs" and amount > 0:
                        found.add(amount)
    return found.pop() if len(found) == 1 else None


def per_request(settings: Settings, prices: Prices | None = None) -> float:
    """USD for what surrounds one request with one picture: S3, SNS and both Lambda functions; not the instance."""
    services = (prices or load_prices()).services
    s3, sns, functions = services["s3"], services["sns"], services["lambda"]
    second = functions["gigabyte_second_arm" if settings.functions.architecture == "arm64" else "gigabyte_second"]
    work = SAVE_STATUS_GB_SECONDS + EXTRACT_SECONDS * settings.functions.memory_mb / 1024
    return (
        PUTS * s3["put"]
        + GETS * s3["get"]
        + PUBLISHES * sns["publish"]
        + INVOCATIONS * functions["request"]
        + work * second
    )


def estimate(
    settings: Settings,
    hours_active: float,
    hours_idle: float,
    *,
    requests: int = 100,
    pipeline_runs: int = 1,
    instances: int | None = None,
    pricing: Any = None,
    prices: Prices | None = None,
) -> Estimate:
    """What the workshop costs on AWS for some hours of work and some without any requests.

    Parameters
    ----------
    settings : Settings
        The choices: instance type, region, KMS, memory.
    hours_active, hours_idle : float
        Hours in which instances work, and hours in which the endpoint is asleep (or idles, were it always on).
    requests, pipeline_runs : int
        Prompts sent, and pushes that go through the pipeline.
    instances : int, optional
        Instances at work in the active hours; by default ``[endpoint] initial_instances``.
    pricing, prices
        See :func:`instance_price`.

    Raises
    ------
    ValueError
        A number is negative.
    """
    table, count = prices or load_prices(), settings.endpoint.initial_instances if instances is None else instances
    given = {"hours_active": hours_active, "hours_idle": hours_idle, "requests": requests, "instances": count}
    for name, value in {**given, "pipeline_runs": pipeline_runs}.items():
        if value < 0:
            raise ValueError(f"{name} = {value!r}: must be 0 or more.")
    hour = instance_price(settings, pricing=pricing, prices=table)
    kind, hours = settings.model.instance_type, hours_active + hours_idle
    active = None if hour.usd is None else hour.usd * count * hours_active
    idle = None if hour.usd is None else hour.usd * count * hours_idle
    rows = (
        Row(f"Endpoint, {count} × {kind}", f"{usd(hour.usd)} an hour", f"{hours_active:g} hours", active),
        Row(
            "Endpoint while idle, at zero instances", "0 USD an hour", f"{hours_idle:g} hours", 0.0,
            f"{usd(idle)} if it stayed on",
        ),
        *_around(settings, table, requests),
        *_pipeline(table, pipeline_runs),
        _logs(table, requests, pipeline_runs),
        *_standing(settings, table, hours),
    )  # fmt: skip
    others = sum(row.usd for row in rows[1:] if row.usd is not None)
    zero = None if active is None else active + others
    on = None if zero is None or idle is None else zero + idle
    return Estimate(rows, hour, hours_active, hours_idle, count, on, zero, settings.workshop.target)


def _around(settings: Settings, table: Prices, requests: int) -> list[Row]:
    each = per_request(settings, table)
    return [
        Row("S3, SNS and Lambda for each request", f"{usd(each)} a request", f"{requests} requests", each * requests),
        Row("S3 storage", f"{usd(table.services['s3']['gigabyte_month'])} a GB and month",
            f"{requests * 5 / 1024:.2f} GB", requests * 5 / 1024 * table.services["s3"]["gigabyte_month"],
            "about 5 MB a request, kept for a month"),
    ]  # fmt: skip


def _pipeline(table: Prices, runs: int) -> list[Row]:
    build, action = table.services["codebuild"]["minute"], table.services["codepipeline"]["action_minute"]
    return [
        Row("CodeBuild", f"{usd(build)} a minute", f"{runs * BUILD_MINUTES} minutes", runs * BUILD_MINUTES * build,
            f"assumed: {BUILD_MINUTES} minutes for each push"),
        Row("CodePipeline", f"{usd(action)} an action's minute", f"{runs * ACTION_MINUTES} minutes",
            runs * ACTION_MINUTES * action, f"assumed: {ACTION_MINUTES} minutes a push; 100 minutes a month are free"),
    ]  # fmt: skip


def _logs(table: Prices, requests: int, runs: int) -> Row:
    price, size = table.services["logs"]["gigabyte_written"], requests * REQUEST_LOG_GB + runs * RUN_LOG_GB
    return Row("CloudWatch Logs", f"{usd(price)} a GB", f"{size:.4f} GB", size * price, "assumed: 20 kB a request")


def standing_month(settings: Settings, prices: Prices | None = None) -> float:
    """USD for a month in which the stacks are there, the endpoint is at zero, and nobody asks for anything."""
    return sum(row.usd or 0 for row in _standing(settings, prices or load_prices(), HOURS_A_MONTH))


def _standing(settings: Settings, table: Prices, hours: float) -> list[Row]:
    """What is charged by the month, for as long as the stacks are there; the safety is that of the target aws."""
    months, watch = hours / HOURS_A_MONTH, table.services["cloudwatch"]
    idle, expires = settings.safety_of("idle_hours", "aws"), settings.safety_of("expire_hours", "aws")
    alarms, composite = ALARMS + IDLE_ALARMS * bool(idle), COMPOSITE_ALARMS * bool(idle)
    board = (
        alarms * watch["alarm_month"]
        + composite * watch["composite_alarm_month"]
        + DASHBOARDS * watch["dashboard_month"]
    )
    size = SMALLWORLD_GB if settings.model.id in SMALLWORLD_MODELS else MODEL_GB
    stored, functions = table.services["s3"]["gigabyte_month"], table.services["lambda"]
    look = functions["request"] + LOOK_GB_SECONDS * functions["gigabyte_second"]
    looks = LOOKS_AN_HOUR * HOURS_A_MONTH if expires else 0
    keys = 2 if settings.security.kms else 0  # the application's and the pipeline's
    key = table.services["kms"]["key_month"]
    return [
        Row("CloudWatch: alarms and dashboard", f"{usd(board)} a month",
            f"{alarms} alarms, {composite} on others, {DASHBOARDS} dashboard", board * months,
            "10 alarms and 3 dashboards of an account are free; that is not taken off here"),
        Row("Packaged model in S3", f"{usd(stored)} a GB and month", f"{size:g} GB", size * stored * months, "assumed"),
        Row("Expiry: Lambda", f"{usd(look * looks)} a month", f"{looks} looks a month", look * looks * months,
            "its EventBridge rule is free" if expires else "[safety] expire_hours = 0"),
        Row("AWS Budgets", f"{usd(table.services['budgets']['budget_month'])} a month", "at most 1", 0.0,
            "budgets that only write e-mails are free"),
        Row("KMS keys", f"{usd(key)} a month", f"{keys} keys", keys * key * months,
            "" if keys else "[security] kms = false: AWS's own keys, which are free"),
    ]  # fmt: skip

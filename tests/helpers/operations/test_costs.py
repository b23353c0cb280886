import dataclasses
import json

import pytest
from botocore.exceptions import NoCredentialsError

from contract import settings
from helpers.operations import costs
from helpers.operations.costs import estimate, instance_price, load_prices, per_request, usd
from tests.helpers.conftest import refusal


def changed(**tables):
    chosen = settings.Settings()
    for table, values in tables.items():
        chosen = dataclasses.replace(chosen, **{table: dataclasses.replace(getattr(chosen, table), **values)})
    return chosen


class PriceList:
    """GetProducts of the AWS Price List API, in the form that it answers in: each offer is a JSON text."""

    def __init__(self, *offers, error=None):
        self.offers, self.error, self.filters = offers, error, None

    def get_paginator(self, operation):
        assert operation == "get_products"
        return self

    def paginate(self, ServiceCode, Filters):
        assert ServiceCode == "AmazonSageMaker"
        self.filters = {item["Field"]: item["Value"] for item in Filters}
        if self.error:
            raise self.error
        yield {"PriceList": [json.dumps(offer) for offer in self.offers]}


def offer(price, kind="ml.m5.large", component="Hosting", unit="Hrs"):
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}}
    return {
        "product": {"productFamily": "ML Instance", "attributes": {"instanceName": kind, "component": component}},
        "terms": {"OnDemand": {"a": {"priceDimensions": {"b": dimension}}}},
    }


def test_the_table_is_dated_and_has_the_types_that_the_workshop_names():
    prices = load_prices()
    assert prices.as_of == "2026-11"
    assert prices.source.startswith("https://aws.amazon.com/")
    assert settings.Settings().model.instance_type in prices.instance_hour
    assert "ml.g5.xlarge" in prices.instance_hour
    assert "unverified" in costs.PRICES.read_text()


def test_the_price_list_comes_first():
    answer = PriceList(offer("0.1300000000"), offer("0.5", component="Training"), offer("9", kind="ml.m5.xlarge"))
    price = instance_price(changed(workshop={"target": "aws"}), pricing=answer)
    assert price.usd == 0.13
    assert "Price List API" in price.source
    assert answer.filters == {"instanceName": "ml.m5.large", "regionCode": "us-east-1", "component": "Hosting"}


@pytest.mark.parametrize(
    "answer",
    [
        PriceList(error=refusal("AccessDeniedException")),
        PriceList(error=NoCredentialsError()),
        PriceList(),
        PriceList(offer("0.1"), offer("0.2")),
    ],
    ids=["denied", "no credentials", "not listed", "two prices"],
)
def test_without_an_answer_the_table_stands_in_and_says_so(answer):
    price = instance_price(changed(workshop={"target": "aws"}), pricing=answer)
    assert price.usd == load_prices().instance_hour["ml.m5.large"]
    assert "unverified" in price.source
    assert "Price List API" in price.source


def test_the_local_target_asks_nobody(monkeypatch):
    monkeypatch.setattr(costs, "_price_list", lambda: pytest.fail("asked the network"))
    assert instance_price(settings.Settings()).usd == 0.115


def test_another_region_is_said():
    assert "In eu-west-1 it is another" in instance_price(changed(workshop={"region": "eu-west-1"})).source


def test_an_unknown_type_has_no_price_and_a_way_to_find_it():
    made = estimate(changed(model={"instance_type": "ml.x9.huge"}), 1, 1)
    assert (made.always_on, made.scaled_to_zero, made.saved) == (None, None, None)
    for shown in (str(made), made._repr_html_()):
        assert "ml.x9.huge" in shown
        assert "Look it up at" in shown
        assert "unknown" in shown


def test_idle_hours_cost_only_when_the_endpoint_stays_on():
    short, long = estimate(settings.Settings(), 2, 0), estimate(settings.Settings(), 2, 100)
    assert long.always_on - short.always_on > 100 * 0.115
    standing = 100 / 730 * costs.standing_month(settings.Settings())  # alarms and dashboard, asleep or not
    assert long.scaled_to_zero - short.scaled_to_zero == pytest.approx(standing)
    assert long.saved == pytest.approx(100 * 0.115)
    assert short.saved == 0


def test_rows_make_up_the_total():
    made = estimate(changed(security={"kms": True}), 3, 21, requests=1000, pipeline_runs=2)
    assert sum(row.usd for row in made.rows) == pytest.approx(made.scaled_to_zero)


def test_instances_multiply():
    one = estimate(settings.Settings(), 1, 0, instances=1).rows[0].usd
    assert estimate(settings.Settings(), 1, 0, instances=4).rows[0].usd == pytest.approx(4 * one)


def test_a_customer_managed_key_costs_about_a_dollar_a_month_each():
    with_keys = estimate(changed(security={"kms": True}), 0, 730).scaled_to_zero
    assert with_keys - estimate(settings.Settings(), 0, 730).scaled_to_zero == pytest.approx(2.0)


def test_what_surrounds_a_request_is_small_and_grows_with_memory():
    small, large = per_request(settings.Settings()), per_request(changed(functions={"memory_mb": 4096}))
    assert 0 < small < 0.0001
    assert large > small
    assert per_request(changed(functions={"architecture": "arm64"})) < small


@pytest.mark.parametrize("wrong", [{"hours_active": -1}, {"hours_idle": -0.5}, {"requests": -1}, {"instances": -1}])
def test_negative_numbers_are_refused(wrong):
    name, value = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"{name} = {value}"):
        estimate(settings.Settings(), **{"hours_active": 1, "hours_idle": 1, **wrong})


@pytest.mark.parametrize(
    ("amount", "text"),
    [(None, "unknown"), (0, "0 USD"), (0.115, "0.115 USD"), (0.23, "0.23 USD"), (12, "12.00 USD"),
     (0.000037083, "0.000037 USD"), (0.9999, "1.00 USD")],
)  # fmt: skip
def test_usd(amount, text):
    assert usd(amount) == text


def test_the_local_cloud_is_free_and_says_so():
    assert str(estimate(settings.Settings(), 1, 1)).startswith("The local cloud costs nothing.")
    on_aws = changed(workshop={"target": "aws"})
    assert "costs nothing" not in estimate(on_aws, 1, 1, pricing=PriceList(offer("0.1"))).summary()


@pytest.mark.parametrize(
    ("service", "unit", "times"),
    [("s3", "put", 5), ("s3", "get", 4), ("sns", "publish", 1), ("lambda", "request", 2)],
)
def test_a_request_pays_for_each_thing_that_it_does(service, unit, times):
    """Requests, outputs, status, picture and manifest are written; SNS publishes once and calls two functions."""
    free = {name: dict.fromkeys(units, 0.0) for name, units in load_prices().services.items()}
    free[service][unit] = 1.0
    prices = dataclasses.replace(load_prices(), services=free)
    assert per_request(settings.Settings(), prices) == times


def test_what_stands_is_charged_by_the_month():
    """Ten alarms, one on two of them, a dashboard; a look every five minutes; 0.1 GB of model."""
    looks = 12 * 730 * (0.0000002 + 0.25 * 0.0000166667)
    assert costs.standing_month(settings.Settings()) == pytest.approx(10 * 0.10 + 0.50 + 3.00 + looks + 0.1 * 0.023)


def test_safety_is_priced_as_it_is_on_aws_and_can_be_off():
    off = changed(safety={"idle_hours": 0, "expire_hours": 0})
    assert costs.standing_month(off) == pytest.approx(8 * 0.10 + 3.00 + 0.1 * 0.023)
    assert costs.standing_month(settings.Settings()) > costs.standing_month(off)


def test_each_price_says_where_to_check_it():
    prices = load_prices()
    assert set(prices.sources) == {*prices.services, "instance_hour"}
    assert all(url.startswith("https://aws.amazon.com/") for url in prices.sources.values())


README = (settings.ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_has_the_figures_of_the_table():
    made = settings.Settings()
    flat = " ".join(README.split())
    assert f"{usd(costs.standing_month(made))} a month" in flat
    assert f"{usd(load_prices().instance_hour[made.model.instance_type])} an hour" in flat
    assert f"prices as known in {load_prices().as_of}" in flat

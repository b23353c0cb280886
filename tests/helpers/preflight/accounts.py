"""Accounts on AWS, made of small fakes of AWS's clients."""

import dataclasses

import boto3

from contract import settings
from helpers.inference.connection import Connection
from helpers.preflight.account_checks import Account
from helpers.target.explain import Target
from tests.helpers.conftest import FakeAccess


class Fake:
    """A client whose operations answer what the test says, and which notes every call."""

    def __init__(self, **answers):
        self.answers, self.calls = answers, []

    def __getattr__(self, operation):
        def call(**arguments):
            self.calls.append((operation, arguments))
            answer = self.answers[operation]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def get_paginator(self, operation):
        answer = self.answers[operation]

        class Pages:
            def paginate(pages, **arguments):
                self.calls.append((operation, arguments))
                if isinstance(answer, Exception):
                    raise answer
                yield from answer

        return Pages()


def quotas(**values):
    return [{"Quotas": [{"QuotaName": name, "Value": value, "QuotaCode": "L-1"} for name, value in values.items()]}]


STS = {"get_caller_identity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ada"}}
ML = "ml.m5.large for endpoint usage"


def aws(chosen=None, **clients):
    """An account on AWS made of fakes."""
    chosen = chosen or settings.Settings()
    chosen = dataclasses.replace(chosen, workshop=dataclasses.replace(chosen.workshop, target="aws"))
    clients = {"sts": Fake(**STS), "ssm": Fake(get_parameters_by_path=[]), **clients}
    access = FakeAccess(Target("aws", "us-east-1"), boto3.Session(region_name="us-east-1"), {}, clients=clients)
    return Account(Connection(chosen, access), None)


def changed(**tables):
    chosen = settings.Settings()
    for table, values in tables.items():
        chosen = dataclasses.replace(chosen, **{table: dataclasses.replace(getattr(chosen, table), **values)})
    return chosen

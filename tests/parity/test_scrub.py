"""What is recorded is read by everybody: nothing that opens, names or locates anything may be in it."""

import base64
import gzip
import json
import urllib.parse

import pytest

from helpers.recording.scrub import Scrubber

ACCOUNT = "482913650274"
SECRETS = {
    "access key id": "AKIAQ7XJ5ZL2MN8RTVWB",
    "session key id": "ASIAQ7XJ5ZL2MN8RTVWC",
    "role's unique id": "AROAQ7XJ5ZL2MN8RTVWD",
    "secret key": "kD8fj3/Lq0Zx+Vb72Nn1Rt5Yw9Gc4Hs6Mp0Kd3Xa",
    "session token": "IQoJb3JpZ2luX2VjEJr//////////wEaCXVzLWVhc3QtMSJHMEUCIQDx9fQ7kP2aZ",
    "account": ACCOUNT,
    "account with hyphens": "4829-1365-0274",
    "e-mail": "jane.doe+aws@mail.example.org",
    "IPv4": "203.0.113.77",
    "private IPv4": "10.12.34.56",
    "IPv6": "2001:db8:85a3::8a2e:370:7334",
    "host name": "build-7.corp.example.com",
    "EC2 host name": "ip-10-12-34-56.ec2.internal",
    "MAC": "02:42:ac:11:00:9f",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "signature": "a3f1c07e5d9b2846a3f1c07e5d9b2846a3f1c07e5d9b2846a3f1c07e5d9b2846",
    "UUID": "6f1c9b2e-4d53-4a7b-9e21-0c5d8a7f3b16",
    "bucket": "verify-app-requestsbucket5b1c-x8kq2vwz91ab",
    "VPC": "vpc-0a1b2c3d4e5f60718",
    "subnet": "subnet-0718a1b2",
    "phone": "+49 170 5551234",
    "home": "/home/janedoe/workshop",
    "github token": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "password": "Tr0ub4dor&3xyz",
}
"""All made up; each in every place below."""
WORDS = ["hunter-two-words", "opensesame"]
"""Secrets that look like words: only where something says what they are."""


@pytest.fixture
def scrubber() -> Scrubber:
    return Scrubber(b"k" * 32, {"verify-app-requestsbucket5b1c-x8kq2vwz91ab": "bucket"})


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLACES = {
    "a value": lambda secret: {"Value": secret},
    "a member that says it": lambda secret: {"SecretString": secret},
    "a list": lambda secret: {"Names": ["first", secret]},
    "a key": lambda secret: {secret: "value"},
    "a sentence": lambda secret: f"User {secret} is not authorized to perform this",
    "a sentence's end": lambda secret: f"cannot reach {secret}.",
    "quotes": lambda secret: f"no such thing: '{secret}', try again",
    "a URL's query": lambda secret: f"https://example.com/a?X-Amz-Signature={urllib.parse.quote(secret, safe='')}&x=1",
    "a URL's user": lambda secret: f"https://me:{urllib.parse.quote(secret, safe='')}@example.com/x",
    "JSON in a text": lambda secret: json.dumps({"a": {"b": [secret]}}),
    "JSON in JSON": lambda secret: json.dumps({"a": json.dumps({"b": json.dumps({"c": secret})})}),
    "JSON in a log line": lambda secret: (
        f"2026-11-28T04:50:49.123Z INFO {json.dumps({'level': 'x', 'who': secret})} end"
    ),
    "escaped JSON in a log line": lambda secret: f"INFO {json.dumps(json.dumps({'who': secret}))} end",
    "base64": lambda secret: b64(f"value={secret};"),
    "base64 of JSON": lambda secret: {"Data": b64(json.dumps({"token": secret}))},
    "base64 of base64": lambda secret: b64(b64(f"password={secret}")),
    "base64 in a URL": lambda secret: f"https://example.com/{b64('user: ' + secret).replace('/', '_')}/x",
    "percent-encoded": lambda secret: urllib.parse.quote(f"who is {secret}", safe=""),
    "percent-encoded twice": lambda secret: urllib.parse.quote(urllib.parse.quote(f"x {secret}", safe=""), safe=""),
    "a header": lambda secret: f"Authorization: AWS4-HMAC-SHA256 Credential={secret}/20261128, Signature={secret}",
    "a cookie": lambda secret: f"GET / HTTP/1.1\r\nCookie: session={secret}; a=b\r\nHost: x",
    "a tag": lambda secret: {"Tags": [{"Key": "password", "Value": secret}]},
    "a log line": lambda secret: f"[04:50:49] connect: password={secret} retries=3",
    "an error": lambda secret: {"message": f"Access denied for {secret} (request 17)"},
    "an environment": lambda secret: {"Environment": {"Variables": {"DB_PASSWORD": secret}}},
    "an ARN": lambda secret: f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/{secret}",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_survives(scrubber: Scrubber, kind: str, place: str):
    secret = SECRETS[kind]
    if kind == "home":
        secret, needle = secret, "janedoe"
    else:
        needle = secret
    clean = json.dumps(scrubber.data(PLACES[place](secret)), ensure_ascii=False)
    for form in (needle, b64(needle), urllib.parse.quote(needle, safe=""), json.dumps(needle)[1:-1]):
        assert form.lower() not in clean.lower(), clean
    # nor a part of it that is long enough to matter
    assert not any(needle[start : start + 12].lower() in clean.lower() for start in range(len(needle) - 11)), clean


@pytest.mark.parametrize("secret", WORDS)
@pytest.mark.parametrize(
    "text",
    [
        'password="{}"', "password: {}", '{{"password": "{}"}}', "secret_key={}", "the password is {}", "token => {}",
        "https://user:{}@example.com/x", "Authorization: Basic {}", "Cookie: sid={}", "https://e.com/?token={}",
        '"{{\\"apiKey\\": \\"{}\\"}}"', "aws_secret_access_key = {}", "PASSWORD='{}'",
    ],
)  # fmt: skip
def test_a_word_that_is_called_a_secret_does_not_survive(scrubber: Scrubber, text: str, secret: str):
    clean = scrubber.text(text.format(secret))
    assert secret not in clean


def test_known_values_go_wherever_they_are(scrubber: Scrubber):
    scrubber.know({"jane": "user", "plainword": "secret"})
    clean = json.dumps(scrubber.data({"a": "jane wrote plainword", "b": b64("by jane: x"), "plainword": [1]}))
    assert "jane" not in clean
    assert "plainword" not in clean
    assert b64("by jane: x") not in clean


def test_bytes_streams_and_private_keys_are_not_kept(scrubber: Scrubber):
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"
    clean = json.dumps(scrubber.data({"Body": b"secret bytes", "Zip": gzip.compress(b"x"), "Text": f"key: {pem}"}))
    for part in ("secret bytes", "MIIEowIBAAKCAQEA", "PRIVATE"):
        assert part not in clean


def test_relations_survive(scrubber: Scrubber):
    """The same value has the same pseudonym in an ARN, a URL, a number and a text."""
    texts = [
        f"arn:aws:sns:us-east-1:{ACCOUNT}:topic", f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/queue",
        f"account {ACCOUNT}", int(ACCOUNT),
    ]  # fmt: skip
    account = scrubber.pseudonym("account", ACCOUNT)
    assert all(account in str(scrubber.data(text)) for text in texts)
    assert scrubber.pseudonym("account", ACCOUNT) != Scrubber(b"l" * 32).pseudonym("account", ACCOUNT)


def test_what_is_compared_is_kept(scrubber: Scrubber):
    kept = [
        "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more "
        "information.",
        "2026-11-28T04:50:49.123Z", "ml.m5.large", "us-east-1", "Setting desired instance count to 2.", "InService",
        "ApproximateBacklogSizePerInstance", "HasBacklogWithoutCapacity", "application/json",
        "model-txt2img-smallworld",
        "Invocation4XXErrors", "AWS/SageMaker", "AllTraffic", "UPDATE_ROLLBACK_COMPLETE", "ValidationException",
        "Cannot update in-progress endpoint", "sagemaker:variant:DesiredInstanceCount", "AWS::SNS::Topic",
    ]  # fmt: skip
    assert [scrubber.text(text) for text in kept] == kept
    assert scrubber.data({"Count": 3, "Value": 0.5, "Flag": True, "None": None}) == {
        "Count": 3, "Value": 0.5, "Flag": True, "None": None,
    }  # fmt: skip


def test_twice_is_once(scrubber: Scrubber):
    for secret in SECRETS.values():
        once = scrubber.text(f"who is {secret}?")
        assert scrubber.text(once) == once

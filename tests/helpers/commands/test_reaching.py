"""URLs and server options, inside of SageMaker Studio and outside."""

import pytest

from helpers.commands import lab, reaching, studio_page
from helpers.commands.reaching import Reach
from helpers.target.space import Space

HERE = Space("d-1", "mine", "eu-west-1")
HOST = "abc.studio.eu-west-1.sagemaker.aws"
KNOWN = Reach(8866, HERE, f"https://{HOST}")
UNKNOWN = Reach(8866, HERE)
BASE = "/jupyterlab/default/proxy/absolute/8866/"


def test_outside_nothing_changes() -> None:
    assert Reach(8866).options() == []
    assert Reach(8866).note() == ""
    assert Reach(8866).url("lab", "secret") == "http://127.0.0.1:8866/lab?token=secret"


def test_inside_the_url_is_the_spaces_and_the_token_stays() -> None:
    assert KNOWN.url("lab", "secret") == f"https://{HOST}{BASE}lab?token=secret"
    assert KNOWN.note() == ""
    assert UNKNOWN.url("lab", "secret") == f"https://<this space's host>{BASE}lab?token=secret"
    assert "only your browser knows" in UNKNOWN.note()


def test_a_host_that_is_known_is_the_only_one_that_is_allowed_besides() -> None:
    assert KNOWN.options() == [
        f"--ServerApp.base_url={BASE}",
        "--ServerApp.local_hostnames=localhost",
        f"--ServerApp.local_hostnames={HOST}",
        f"--ServerApp.allow_origin=https://{HOST}",
    ]


def test_a_host_that_nobody_knows_opens_no_origin() -> None:
    options = UNKNOWN.options()
    assert "--ServerApp.allow_remote_access=True" in options
    assert not any("allow_origin" in option for option in options)


def test_neither_server_listens_elsewhere_or_loses_its_token(tmp_path) -> None:
    for reach in (KNOWN, UNKNOWN):
        for options in (studio_page.command(tmp_path, 8866, reach), lab.options("secret", tmp_path, reach)):
            assert [option for option in options if option.startswith(("--ip", "--ServerApp.ip"))] == ["--ip=127.0.0.1"]
            assert not any("token=''" in option or option.endswith("token=") for option in options)
            assert f"--ServerApp.base_url={BASE}" in options
    assert "--IdentityProvider.token=secret" in lab.options("secret", tmp_path, KNOWN)


@pytest.mark.parametrize("given", [["--port=9123", "--x"], ["--port", "9123", "--x"], ["--ServerApp.port=9123", "--x"]])
def test_in_a_space_the_labs_port_is_in_its_urls(given: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "reach", lambda port: Reach(port, HERE, f"https://{HOST}"))
    behind, options = lab.placed(given)
    assert behind == Reach(9123, HERE, f"https://{HOST}")
    assert options == ["--port=9123", "--ServerApp.port_retries=0", "--x"]
    monkeypatch.setattr(lab, "reach", Reach)
    assert lab.placed(given) == (None, given)


def test_elsewhere_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching.space, "find", lambda: None)
    monkeypatch.setattr(reaching.space, "origin", lambda _: pytest.fail("asked"))
    assert reaching.reach(1) == Reach(1)
    monkeypatch.setattr(reaching.space, "find", lambda: HERE)
    monkeypatch.setattr(reaching.space, "origin", lambda space: f"https://{HOST}")
    assert reaching.reach(1) == Reach(1, HERE, f"https://{HOST}")

import socket

import nbformat

from helpers.commands import studio_page
from helpers.inference.connection import Connection


def test_the_token_is_in_no_argument_and_the_server_listens_here_only(tmp_path):
    command = studio_page.command(tmp_path, 1234)
    assert command[1:3] == ["-m", "jupyter_server"]  # this Python's, not the first on the PATH
    assert "--ip=127.0.0.1" in command
    assert not any(".token" in part for part in command)
    environment = studio_page.environment("secret", {"JUPYTER_PATH": "/elsewhere"})
    assert environment["JUPYTER_TOKEN"] == "secret"
    assert environment["JUPYTER_PATH"].endswith(":/elsewhere")
    assert studio_page.address(1234, "secret") == "http://127.0.0.1:1234/voila/render/prompt-studio.ipynb?token=secret"


def test_the_notebook_is_valid_and_has_a_title(tmp_path):
    notebook = nbformat.read(studio_page.write_notebook(tmp_path / "new", tmp_path / "state"), 4)
    nbformat.validate(notebook)
    assert notebook.metadata.title == "Prompt studio"
    assert str(tmp_path / "state") in notebook.cells[0].source


def test_the_page_says_why_there_is_no_studio(backend, monkeypatch):
    backend.ssm.delete_parameter(Name="/genai-async/bucket-name")
    fresh: Connection = backend.restarted()
    monkeypatch.setattr(studio_page, "connect", lambda state: fresh)
    shown = studio_page.shown("anywhere")
    assert "is not deployed" in shown.value
    assert 'role="alert"' in shown.value


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert studio_page.free_port(port) not in (0, port)

"""The lifecycle script: short enough for AWS, back at once, and what it starts sets a clone up once."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.errors import InfraError
from infra.workshop import lifecycle

NAME = "genai-async"
STUDIO = """#!/usr/bin/env bash
echo "studio.sh got: $*"
[ ! -e "$HOME/broken" ] || { echo "the set-up did not finish"; exit 3; }
while [ -e "$HOME/wait" ]; do sleep 0.02; done
mkdir -p .venv/bin
ln -sf "$PYTHON_OF_TESTS" .venv/bin/python
"""
SETTINGS = "from pathlib import Path\nROOT = Path.cwd()\n"
EDIT = "class edit_settings:\n    change = staticmethod(lambda path, workshop: path.write_text(str(workshop)))\n"


def git(*arguments, cwd):
    identity = ["-c", "user.name=Tests", "-c", "user.email=tests@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository whose scripts/studio.sh says how it was called, with two commits."""
    place = tmp_path / "repository"
    for name, text in {
        "scripts/studio.sh": STUDIO, "contract/__init__.py": "", "contract/settings.py": SETTINGS,
        "helpers/__init__.py": "", "helpers/delivery.py": EDIT, "workshop.toml": "",
    }.items():  # fmt: skip
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    git("init", "--quiet", "--initial-branch", "main", cwd=place)
    for message in ("one", "two"):
        git("add", ".", cwd=place)
        git("commit", "--quiet", "--allow-empty", "-m", message, cwd=place)
    return place


class Space:
    """A home in which the script runs as it does when a space starts."""

    def __init__(self, folder, repository, space=NAME, branch="main"):
        self.home = folder / "home"
        self.home.mkdir()
        metadata = folder / "metadata.json"
        metadata.write_text(json.dumps({"AppType": "JupyterLab", "SpaceName": space, "DomainId": "d-x"}, indent=2))
        values = {"REPOSITORY": f"file://{repository}", "BRANCH": branch, "TARGET": "aws", "NAME": NAME}
        self.script = folder / "lifecycle.sh"
        self.script.write_text(lifecycle.script(values))
        self.environment = {
            "HOME": str(self.home), "PATH": os.environ["PATH"], "WORKSHOP_METADATA": str(metadata),
            "WORKSHOP_RETRY_SECONDS": "0", "PYTHON_OF_TESTS": sys.executable,
        }  # fmt: skip

    @property
    def log(self):
        path = self.home / "workshop-setup.log"
        return path.read_text() if path.exists() else ""

    def run(self):
        """What SageMaker does: run the script, and wait for it, not for what it leaves behind."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["bash", self.script], env=self.environment, check=True, timeout=30, **quiet)

    def wait_for(self, *words, before=0):
        deadline = time.monotonic() + 30
        while not any(word in self.log[before:] for word in words):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def start(self):
        """Start the space; return the log of this set-up when it has ended."""
        before = len(self.log)
        self.run()
        self.wait_for("READY after", "FAILED (", before=before)
        time.sleep(0.1)  # the last line has more than that word
        return self.log[before:]

    @property
    def clone(self):
        return self.home / "async-genai-workshop"


def test_a_space_is_set_up_in_the_background(tmp_path, repository):
    space = Space(tmp_path, repository)
    log = space.start()
    assert "studio.sh got: --target aws" in log
    assert "READY after" in log
    assert "00_start_here.ipynb" in log
    assert (space.clone / "workshop.toml").read_text() == f"{{'name': '{NAME}'}}"


def test_the_script_is_back_before_the_set_up_has_ended(tmp_path, repository):
    space = Space(tmp_path, repository)
    (space.home / "wait").touch()  # as long as this is there, scripts/studio.sh goes on
    space.run()
    space.run()  # a second start meanwhile leaves the first one alone
    space.wait_for("running already")
    assert "READY" not in space.log
    (space.home / "wait").unlink()
    space.wait_for("READY after")
    assert space.log.count("studio.sh got") == 1


def test_a_second_start_does_not_write_into_what_the_first_one_reads(tmp_path, repository):
    """A shell reads a script as it goes: one that is overwritten meanwhile ends anywhere."""
    space = Space(tmp_path, repository)
    (space.home / "wait").touch()
    space.run()
    read = (space.home / ".workshop" / "setup.sh").stat().st_ino
    space.run()
    assert (space.home / ".workshop" / "setup.sh").stat().st_ino != read
    (space.home / "wait").unlink()
    space.wait_for("READY after")
    assert not list((space.home / ".workshop").glob("setup.sh.*"))


def test_the_clone_is_whole(tmp_path, repository):
    space = Space(tmp_path, repository)
    space.start()
    asked = ["git", "rev-parse", "--is-shallow-repository"]
    assert subprocess.run(asked, cwd=space.clone, capture_output=True, text=True).stdout.strip() == "false"


def test_a_second_start_changes_nothing_of_the_participants(tmp_path, repository):
    space = Space(tmp_path, repository)
    space.start()
    (space.clone / "workshop.toml").write_text("mine")
    log = space.start()
    assert "cloned" not in log
    assert "studio.sh got: \n" in log  # no target: theirs stays
    assert "READY after" in log
    assert (space.clone / "workshop.toml").read_text() == "mine"


@pytest.mark.parametrize("name", [f"{NAME}-07", f"{NAME}-99"])
def test_a_space_of_a_shared_account_names_the_workshop(tmp_path, repository, name):
    space = Space(tmp_path, repository, space=name)
    space.start()
    assert (space.clone / "workshop.toml").read_text() == f"{{'name': '{name}'}}"


@pytest.mark.parametrize("name", ["my-space", f"{NAME}-1", f"{NAME}-007", f"x{NAME}"])
def test_a_space_of_ones_own_does_not(tmp_path, repository, name):
    space = Space(tmp_path, repository, space=name)
    log = space.start()
    assert "READY after" in log
    assert (space.clone / "workshop.toml").read_text() == ""


def test_what_fails_says_so_last_and_can_be_repeated(tmp_path, repository):
    space = Space(tmp_path, repository)
    (space.home / "broken").touch()
    log = space.start()
    assert log.index("the set-up did not finish") < log.index("FAILED (exit status 3)")
    assert "bash ~/.workshop/setup.sh" in log.splitlines()[-1]
    (space.home / "broken").unlink()
    log = space.start()
    assert "--target aws" in log  # what had failed was not done
    assert "READY after" in log


def test_a_repository_that_cannot_be_cloned(tmp_path, repository):
    space = Space(tmp_path, repository, branch="no-such-branch")
    log = space.start()
    assert "could not be cloned (branch no-such-branch)" in log
    assert "FAILED (exit status 1)" in log
    assert not space.clone.exists()


def test_aws_takes_it_with_the_longest_parameters():
    longest = dict.fromkeys(lifecycle.PLACEHOLDERS, "x" * lifecycle.LONGEST)
    assert lifecycle.encoded_length(lifecycle.script(longest)) <= lifecycle.LIMIT


def test_a_script_that_is_too_long_is_refused(monkeypatch, tmp_path):
    long = tmp_path / "lifecycle.sh"
    long.write_text(lifecycle.SCRIPT.read_text() + "#" * lifecycle.LIMIT)
    monkeypatch.setattr(lifecycle, "SCRIPT", long)
    with pytest.raises(InfraError, match=r"characters in base64, at most 16384"):
        lifecycle.for_sub(NAME)


@pytest.mark.parametrize("value", ["a'; rm -rf ~; '", "two\nlines"])
def test_a_value_cannot_end_its_quotes(value):
    with pytest.raises(InfraError, match="BRANCH must not hold a quote or a line end"):
        lifecycle.script({"REPOSITORY": "https://x", "BRANCH": value, "TARGET": "aws", "NAME": NAME})


def test_bash_reads_it():
    assert subprocess.run(["bash", "-n", lifecycle.SCRIPT], capture_output=True).returncode == 0
    inner = lifecycle.SCRIPT.read_text().split("<< 'END_OF_SETUP'\n")[1].split("\nEND_OF_SETUP")[0]
    assert subprocess.run(["bash", "-n"], input=inner.encode(), capture_output=True).returncode == 0


def test_it_is_called_with_the_script_that_there_is():
    assert "bash scripts/studio.sh" in lifecycle.SCRIPT.read_text()
    assert (Path(__file__).parents[3] / "scripts" / "studio.sh").exists()

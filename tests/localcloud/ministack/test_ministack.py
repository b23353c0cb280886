"""The check for MiniStack's internals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import localcloud.ministack
from localcloud.ministack.sns.fanout import Fanout, Message
from localcloud.ministack.sqs.messages import Messages

ROOT = Path(localcloud.ministack.__file__).resolve().parents[2]


def check_after(folder: Path, change: str) -> str:
    """What ``check`` complains of after ``change``; in a process of its own, as MiniStack changes its importers."""
    script = (
        "import importlib.metadata\n"
        "from localcloud.ministack import check, internals, IncompatibleMiniStackError\n"
        f"{change}\n"
        "try:\n    check()\nexcept IncompatibleMiniStackError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "STATE_DIR": str(folder)},  # MiniStack writes a key there as soon as it is imported
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_the_installed_ministack_has_every_part(tmp_path: Path) -> None:
    assert check_after(tmp_path, "") == ""


def test_another_version_is_named(tmp_path: Path) -> None:
    said = check_after(tmp_path, "importlib.metadata.version = lambda name: '9.9.9'")
    assert f"written for MiniStack {localcloud.ministack.VERSION}, but 9.9.9 is installed. Install" in said


def test_a_part_that_is_gone_is_named(tmp_path: Path) -> None:
    said = check_after(tmp_path, "internals.INTERNALS['ministack.services.sns'] = ('_deliver_by_pigeon',)")
    assert "missing: ministack.services.sns._deliver_by_pigeon" in said


def test_nothing_else_touches_ministack() -> None:
    others = [path for path in (ROOT / "localcloud").rglob("*.py") if path.parent.name != "ministack"]
    assert others
    for path in others:
        assert not re.search(r"^\s*(import|from) ministack", path.read_text(), re.MULTILINE), path


def test_a_notification_is_written_down_before_publish_answers() -> None:
    """A kill after Publish has answered must not lose the notification: no thread may be started for a delivery."""
    ran_in: list[threading.Thread] = []

    def notify(*delivery: object) -> None:
        assert delivery[0] == "function"
        ran_in.append(threading.current_thread())

    sns: Any = ModuleType("sns")
    sns._HOST, sns._PORT = "127.0.0.1", "1"
    fanout = Fanout({"sns": sns}, Messages.__new__(Messages), notify)
    subscription = {"arn": "subscription", "protocol": "lambda", "endpoint": "function", "confirmed": True}
    topic = {"arn": "topic", "attributes": {}, "subscriptions": [subscription]}
    fanout.deliver(topic, Message("id", {"Message": "hello"}))
    assert ran_in == [threading.current_thread()]

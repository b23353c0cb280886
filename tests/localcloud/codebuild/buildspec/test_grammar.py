"""Buildspecs that are not right, each with its message; the shapes that are.

AWS CodeBuild User Guide, "Build specification reference for CodeBuild".
"""

from __future__ import annotations

import pytest

from localcloud.codebuild.buildspec.grammar import Buildspec
from localcloud.codebuild.failures import PhaseFailed

PHASES = "phases: {build: {commands: [ls]}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "YAML file is empty"),
        ("version: 0.2\nphases: [", "expected the node content, but found '<stream end>' at line 2"),
        ("a: b: c", "mapping values are not allowed here at line 1"),
        ("- version", "Expected the buildspec to be a mapping at line 1"),
        (PHASES, "Buildspec version is missing"),
        (f"version: 0.1\n{PHASES}", "does not offer buildspec version 0.1"),
        (f"version: 7\n{PHASES}", "Unknown buildspec version 7 at line 1"),
        ("version: 0.2\n", "Buildspec has no phases"),
        (f"version: 0.2\nversion: 0.2\n{PHASES}", 'mapping key "version" already defined at line 1'),
        (f"version: 0.2\nartefacts: {{}}\n{PHASES}", "Unknown key 'artefacts' in the buildspec at line 2. Expecting: "),
        (f"version: 0.2\nbatch: {{fast-fail: true}}\n{PHASES}", "does not offer 'batch' (line 2)"),
        (f"version: 0.2\nproxy: {{logs: yes}}\n{PHASES}", "does not offer 'proxy' (line 2)"),
        (
            f"version: 0.2\nrun-as: nobody-here\n{PHASES}",
            "run-as: nobody-here at line 2: the local cloud runs builds as",
        ),
        (f"version: 0.2\nenv: {{shell: zsh}}\n{PHASES}", "Unknown shell 'zsh' at line 2. Expecting: bash, /bin/sh"),
        (f"version: 0.2\nenv: {{exported-variables: [a-b]}}\n{PHASES}", "'a-b' is not the name of a variable"),
        (
            "version: 0.2\nphases: {postbuild: {commands: [ls]}}\n",
            "Invalid buildspec phase name: POSTBUILD. Expecting: BUILD,INSTALL,POST_BUILD,PRE_BUILD",
        ),
        ("version: 0.2\nphases: {build: {}}\n", "phases/build has no commands"),
        ("version: 0.2\nphases: {build: {commands: ls}}\n", "Expected Commands to be a sequence at line 2"),
        (
            'version: 0.2\nphases:\n  build:\n    commands:\n      - echo "Hello: world"\n',
            "Expected Commands[0] to be of string type: found subkeys instead at line 5, "
            "value of the key tag on line 4 might be empty",
        ),
        (
            "version: 0.2\nphases:\n  build:\n    commands:\n      -\n",
            "Expected Commands[0] to be of string type: found an empty value",
        ),
        (
            "version: 0.2\nphases: {build: {on-failure: GO, commands: [ls]}}\n",
            "on-failure is 'GO'. Expecting: ABORT, CON",
        ),
        ("version: 0.2\nphases: {build: {on-failure: RETRY-2, commands: [ls]}}\n", "does not offer on-failure: RETRY"),
        (
            "version: 0.2\nphases: {build: {runtime-versions: {python: 3.12}, commands: [ls]}}\n",
            "runtime-versions at line 2 belong in the install phase",
        ),
        (
            "version: 0.2\nphases: {install: {runtime-versions: {docker: 20}}}\n",
            "Unknown runtime named 'docker'. This build image has the following runtimes: ",
        ),
        (f"version: 0.2\nartifacts: {{name: x}}\n{PHASES}", "artifacts has no files"),
        (
            f"version: 0.2\nartifacts: {{files: [x], discard-paths: perhaps}}\n{PHASES}",
            "Expected artifacts/discard-paths to be yes or no at line 2, not 'perhaps'",
        ),
        (f"version: 0.2\ncache: {{key: x, paths: [a]}}\n{PHASES}", "does not offer cache/key (line 2)"),
        (
            f"version: 0.2\nreports: {{r: {{files: [x], file-format: CUCUMBERJSON}}}}\n{PHASES}",
            "reports/r: the local cloud reads JUNITXML only, not CUCUMBERJSON",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(PhaseFailed) as caught:
        Buildspec.parse(text)
    assert caught.value.status_code == "YAML_FILE_ERROR"
    assert message in caught.value.message


def test_scalars_keep_their_text() -> None:
    text = "version: 0.2\nenv: {variables: {A: yes, B: 1.10, C: , D: 007}}\nphases: {build: {commands: [true]}}\n"
    found = Buildspec.parse(text)
    assert found.variables == {"A": "yes", "B": "1.10", "C": "", "D": "007"}
    assert found.phases["build"].commands == ("true",)


def test_json_is_yaml() -> None:
    """What the CDK makes of ``BuildSpec.from_object``."""
    found = Buildspec.parse('{\n  "version": "0.2",\n  "phases": {"build": {"commands": ["ls"]}}\n}')
    assert found.phases["build"].commands == ("ls",)


def test_secondary_artifacts_alone_and_one_excluded_path() -> None:
    text = (
        "version: 0.2\nphases: {build: {commands: [ls]}}\n"
        "artifacts: {secondary-artifacts: {one: {files: ['**/*'], exclude-paths: 'a/**/*'}}}\n"
    )
    found = Buildspec.parse(text)
    assert found.artifacts is None
    assert found.secondary_artifacts["one"].exclude_paths == ("a/**/*",)

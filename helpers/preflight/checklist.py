"""Before the first deployment: are this machine and the target ready? Looks only; changes nothing, costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from contract import kernel
from contract.settings import ROOT, Settings
from helpers.show.checks import Check, Planned, Report, run

if TYPE_CHECKING:  # a kernel that lacks what this imports gets a report that says so
    from helpers.inference.connection import Connection

__all__ = ["Check", "Report", "preflight"]

STATE = ROOT / ".localcloud"


def preflight(connection_or_settings: Connection | Settings, *, state: Path = STATE) -> Report:
    """Check everything that the workshop needs, side by side; what is wrong is in the report and never raised.

    Parameters
    ----------
    connection_or_settings : Connection or Settings
        With settings alone, credentials are looked for, and a local cloud that does not run is not started.
    state : Path
        Where the local cloud keeps its state.

    Returns
    -------
    Report
        ``report.ok`` when nothing stands in the way; shown as a table in a notebook.
    """
    settings = (
        connection_or_settings if isinstance(connection_or_settings, Settings) else connection_or_settings.settings
    )
    target = "the local cloud" if settings.workshop.target == "local" else f"AWS in {settings.workshop.region}"
    try:
        from helpers.preflight import account_checks, first_day_checks, machine_checks
    except ImportError as error:
        missing = str(kernel.translated(error)).partition("\n")[0]
        return Report(f"Preflight for {target}", (Check("Kernel", "fail", missing, " ".join(kernel.advice())),))
    account = account_checks.Account(connection_or_settings, state)
    planned = [
        Planned("Python", machine_checks.python),
        Planned("Packages", machine_checks.packages),
        Planned("Node.js and CDK", machine_checks.node_and_cdk, 60),
        Planned("git", machine_checks.git),
        Planned("Free disk", machine_checks.disk),
        Planned("SageMaker Studio", lambda: machine_checks.studio(account)),
    ]
    if settings.workshop.target == "local":
        planned += [
            Planned("Local cloud", lambda: machine_checks.local_cloud(settings, account, state)),
            Planned("Clock", lambda: machine_checks.clock(settings, state, account)),
        ]
    planned += [
        Planned("Credentials", account.credentials),
        Planned("Time of day", lambda: first_day_checks.time_of_day(account)),
        Planned("Region", account.region),
        Planned("Services", lambda: first_day_checks.services(account)),
        Planned("CDK bootstrap", account.bootstrap),
        Planned("CDK roles", lambda: first_day_checks.roles(account)),
        Planned("Instance quota", account.quota, 90),
        Planned("JumpStart model", account.model, 150),
        Planned("Git provider", account.git_provider),
        Planned("Builds", lambda: first_day_checks.builds(account), 90),
    ]
    return run(f"Preflight for {target}", planned)

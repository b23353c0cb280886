"""What no conformance test verifies is refused: MiniStack's half is offered operation by operation.

``localcloud/verified.json`` has the operations for which a test of ``tests/conformance`` shows what they do;
``make fidelity`` writes it. With ``unverified`` the others are passed on to MiniStack, and remembered.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from localcloud.services import ServiceError

logger = logging.getLogger(__name__)

ENFORCED = True
"""Whether an operation that no test verifies is refused. False: it is passed on and logged, whatever was asked for."""

LOG_VARIABLE = "LOCALCLOUD_UNVERIFIED_LOG"
"""Environment variable of ``localcloud.start``'s process: a file to which ``service.Operation`` is added for each
operation that was used and that no test verifies, a line each, by every cloud that is started."""

_VERIFIED = Path(__file__).parent.parent / "verified.json"
_WAY_OUT = (
    "To let MiniStack answer it all the same, start the local cloud with `python -m localcloud start --unverified`, or "
    "with [local] unverified = true in workshop.toml; what it answers then is MiniStack's and may differ from AWS."
)


def verified_operations() -> dict[str, list[str]]:
    """The operations of each service of MiniStack's half that a conformance test verifies."""
    operations: dict[str, list[str]] = json.loads(_VERIFIED.read_text(encoding="utf-8"))
    return operations


class Strict:
    """Decides whether MiniStack may be asked.

    Attributes
    ----------
    unverified : bool
        Whether operations that no test verifies are passed on.
    passed_on : list of str
        Those that were, as ``s3.GetBucketLogging``, in the order of their first use.
    """

    def __init__(self, verified: Mapping[str, Collection[str]], *, unverified: bool, log: Path | None = None) -> None:
        self.unverified = unverified
        self.passed_on: list[str] = []
        self._verified = {service: frozenset(operations) for service, operations in verified.items()}
        self._log = log

    @classmethod
    def of_this_cloud(cls, *, unverified: bool) -> Strict:
        """With the verified operations of this package, and the log that the environment names."""
        log = os.environ.get(LOG_VARIABLE)
        return cls(verified_operations(), unverified=unverified or not ENFORCED, log=Path(log) if log else None)

    def check(self, service: str, operation: str) -> None:
        """Raise :class:`ServiceError` when ``operation`` is not verified, unless that does not matter."""
        if operation in self._verified.get(service, ()):
            return
        self._refuse_or_note(
            f"{service}.{operation}",
            f"The local cloud does not offer {operation} of {service}: no conformance test verifies that it does what "
            f"it does on AWS (docs/fidelity.md lists the operations that are verified). {_WAY_OUT}",
        )

    def check_service(self, signed_for: str, offered: Collection[str]) -> None:
        """Raise :class:`ServiceError` for a service that this cloud does not have, unless that does not matter."""
        self._refuse_or_note(
            signed_for,
            f"The local cloud does not offer the service {signed_for}, or not in this form. It offers: "
            f"{', '.join(sorted(offered))}. {_WAY_OUT}",
        )

    def check_resource_type(self, name: str) -> None:
        """Raise :class:`ServiceError` for a type of CloudFormation's that nothing checks, unless that does not matter.

        Parameters
        ----------
        name : str
            ``AWS::DynamoDB::Table``.
        """
        self._refuse_or_note(
            name,
            f"The local cloud does not offer {name} in templates: it has no schema of its properties and no test of "
            f"what becomes of them. {_WAY_OUT}",
        )

    def _refuse_or_note(self, name: str, message: str) -> None:
        if name not in self.passed_on and self.unverified:
            self.passed_on.append(name)
            logger.warning("unverified: %s", name)
            if self._log is not None:
                with self._log.open("a", encoding="utf-8") as file:  # one write: clouds may share the file
                    file.write(f"{name}\n")
        if not self.unverified:
            raise ServiceError("UnsupportedOperation", message)

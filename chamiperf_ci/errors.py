"""What can go wrong, and the exit code it ends in.

    ToolkitError
    ├── ConfigurationError          2   what was given cannot be used
    │   ├── LoadNotAllowed              the target's host is not listed in chamiperf.toml
    │   ├── CredentialRefused           the stack does not take the credential
    │   └── CertificateRefused          TLS: one side does not trust the other's certificate
    ├── InvalidMeasurement          3   there is no number to judge
    │   ├── StackUnreachable            the stack does not answer
    │   ├── UnexpectedAnswer            the stack answers, but not as the contract says
    │   ├── StackLocked                 somebody else is measuring on the stack
    │   ├── GeneratorFailed             k6 could not run, or died
    │   └── Interrupted                 Ctrl-C or SIGTERM; what was measured is kept
    ├── OutsideServiceError         4   somebody else's service (GitHub, Prometheus) said no
    └── InternalError               70  a fault of this toolkit

A regression, a missed target and a failed smoke test (exit code 1) are results, not errors: commands return them.
`docs/exit-codes.md` has the same table for users.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of every command; nothing else leaves a command of ours."""

    OK = 0
    VERDICT_NO = 1
    CONFIGURATION = 2
    INVALID = 3
    OUTSIDE_SERVICE = 4
    INTERNAL = 70


class ToolkitError(Exception):
    """Something a user can act on: what is wrong, where, what to do.

    Args:
        wrong: What is wrong, as a sentence without a full stop.
        where: The file, URL, option or variable it was found in.
        remedy: What to do about it, as a sentence with a full stop.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(self, wrong: str, *, where: str, remedy: str) -> None:
        super().__init__(f"{wrong} ({where}). {remedy}")
        self.wrong = wrong
        self.where = where
        self.remedy = remedy


class ConfigurationError(ToolkitError):
    """What was given (an option, a file, a variable, the machine's limits) cannot be used."""

    exit_code = ExitCode.CONFIGURATION


class LoadNotAllowed(ConfigurationError):
    """Load was asked for on a host that `chamiperf.toml` does not list."""


class CredentialRefused(ConfigurationError):
    """The stack does not take the credential: 401, 403, or no token for it."""


class CertificateRefused(ConfigurationError):
    """TLS failed: the services' certificate is not trusted, or they want another one of ours."""


class InvalidMeasurement(ToolkitError):
    """There is no number to judge."""

    exit_code = ExitCode.INVALID


class StackUnreachable(InvalidMeasurement):
    """The stack did not answer where a measurement was to start."""


class UnexpectedAnswer(InvalidMeasurement):
    """The stack answered with a status or a body that the contract does not have."""


class StackLocked(InvalidMeasurement):
    """Another run holds the stack's lock; two loads at once measure each other."""


class GeneratorFailed(InvalidMeasurement):
    """The load generator could not run to its end."""


class Interrupted(InvalidMeasurement):
    """The user or the runner asked us to stop; what was measured is kept, marked incomplete."""


class OutsideServiceError(ToolkitError):
    """A service that is not under test, such as GitHub or Prometheus, failed."""

    exit_code = ExitCode.OUTSIDE_SERVICE


class InternalError(ToolkitError):
    """A fault of this toolkit; the details are in the log file that the message names."""

    exit_code = ExitCode.INTERNAL

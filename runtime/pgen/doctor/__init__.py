"""Diagnoses an installation: ``pgen doctor``, from Python.

    >>> from pgen.doctor import examine, healthy
    >>> healthy(examine())
    True

Any package may be missing or broken: each is tried, and a failure becomes a finding.
"""

from pathlib import Path

from pgen.doctor.finding import Finding, without_pip
from pgen.doctor.hardware import devices, machine
from pgen.doctor.software import packages
from pgen.doctor.storage import caches, health

__all__ = ["Finding", "examine", "healthy"]


def examine(bundle: Path | None = None) -> list[Finding]:
    """Check packages, processor and GPU, devices, the bundle (default: the embedded one) and caches."""
    return [*map(without_pip, (*packages(), *machine(), *devices(), *health(bundle), *caches()))]


def healthy(findings: list[Finding]) -> bool:
    """Return whether no finding is wrong."""
    return all(finding.state != "wrong" for finding in findings)

"""What is wrong with an installation, and what to do about it: ``pgen doctor``, from Python.

    >>> from pgen.doctor import examine, healthy
    >>> healthy(examine())
    True

Nothing here may assume that a package is there: each is tried, and what fails is a finding.
"""

from pathlib import Path

from pgen.doctor.finding import Finding, without_pip
from pgen.doctor.hardware import devices, machine
from pgen.doctor.software import packages
from pgen.doctor.storage import caches, health

__all__ = ["Finding", "examine", "healthy"]


def examine(bundle: Path | None = None) -> list[Finding]:
    """Look at packages, processor and GPU, devices, the bundle (default: the embedded one) and caches."""
    return [*map(without_pip, (*packages(), *machine(), *devices(), *health(bundle), *caches()))]


def healthy(findings: list[Finding]) -> bool:
    """Is nothing wrong?"""
    return all(finding.state != "wrong" for finding in findings)

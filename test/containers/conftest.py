"""conftest.py - shows what the containers have said and how they are when a test fails: they are gone afterwards."""
import subprocess

LINES = 25


def said(*command):
    return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace").stdout


def pytest_exception_interact(report):
    """For setups, too."""
    names = said("podman", "ps", "--all", "--format", "{{.Names}}").split()
    report.sections.append(("podman ps", said("podman", "ps", "--all")))
    for name in names:
        lines = [line[:500] for line in said("podman", "logs", "--tail", str(LINES), name).splitlines()]
        report.sections.append((name, "\n".join(lines)))

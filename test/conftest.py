"""conftest.py - what every pytest suite has."""
import signal


def pytest_configure():
    """SIGTERM ends a run like Ctrl-C: the servers that it has started go with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

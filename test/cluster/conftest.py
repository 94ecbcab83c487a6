"""conftest.py - clusters of RabbitMQ and MongoDB, on this machine.

    pytest test/cluster                                        each fault once, and five at random
    CLUSTER_SHORT=yes pytest test/cluster                      the most telling ones
    CLUSTER_ROUNDS=30 CLUSTER_SEED=7 pytest test/cluster       as many at random, chosen by the seed

Where network namespaces may not be had, everything is skipped, with the reason.
"""
import os
import random

import pytest

from cluster import Cluster
from cluster_stack import PACE, ClusterStack
from network import NoNetwork

SHORT = bool(os.environ.get("CLUSTER_SHORT"))
ROUNDS = int(os.environ.get("CLUSTER_ROUNDS") or 5)
SEED = int(os.environ.get("CLUSTER_SEED") or random.SystemRandom().randrange(1, 10 ** 6))


def pytest_collection_modifyitems(config, items):
    """The short form has what is marked so."""
    if SHORT:
        left_out = [item for item in items if item.get_closest_marker("short") is None]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def cluster():
    try:
        running = Cluster()
    except NoNetwork as reason:
        pytest.skip(f"no network of its own: {reason}")
    try:
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def stack(cluster):
    running = ClusterStack.before(cluster)
    try:
        with running.settings(**PACE):
            # The queues are declared when all nodes are there, whatever test comes first.
            with running.clients_on():
                pass
            yield running
    finally:
        running.down()

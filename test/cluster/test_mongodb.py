"""test_mongodb.py - a replica set of three: its primary is killed, stands still, or is cut off with the
consumer on its side.

What a primary has taken and no majority knows is rolled back: afterwards it is stored all the same, once.
"""
import time

import pytest

from cluster_stack import Load
from waiting import wait_until

ELECTED_S = 60


def another_primary(cluster, old):
    return wait_until("another one is elected", lambda: cluster.primary(without=[old]), ELECTED_S)


def kill(cluster, primary):
    primary.part("kill", "mongod")
    another_primary(cluster, primary)


def revive(_cluster, primary):
    primary.part("start", "mongod")


def cut_off(cluster, primary):
    """The consumer still reaches it; its writes with majority concern cannot be acknowledged there."""
    cluster.network.isolate(primary.host)
    another_primary(cluster, primary)


def heal(cluster, _primary):
    cluster.network.heal()


@pytest.mark.parametrize("begin, end", [
    pytest.param(kill, revive, id="killed"), pytest.param(cut_off, heal, marks=pytest.mark.short, id="cut off")])
def test_primary_is_lost(stack, cluster, begin, end):
    """R8.3: another primary is elected, and the consumer goes on with that."""
    primary = cluster.primary()
    with stack.clients_on():
        load = Load(stack)
        load.wait_for(0.1)
        lost = time.monotonic()
        begin(cluster, primary)
        try:
            load.wait_for_more()
            print(f"it goes on after {time.monotonic() - lost:.1f} s")
        finally:
            end(cluster, primary)
        load.finish()
        cluster.settle()


def test_primary_stands_still(stack, cluster):
    """R8.3: it says nothing, with its connections open, and is there again when another one was elected."""
    primary = cluster.primary()
    with stack.clients_on():
        load = Load(stack)
        load.wait_for(0.1)
        stopped = time.monotonic()
        with primary.frozen("mongod"):
            another_primary(cluster, primary)
        load.wait_for_more()
        print(f"it goes on after {time.monotonic() - stopped:.1f} s")
        load.finish()
        cluster.settle()

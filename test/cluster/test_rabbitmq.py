"""test_rabbitmq.py - three nodes of RabbitMQ in one cluster: what leads is killed, or cut off.

Afterwards each accepted message is stored once and in order, and what RabbitMQ had confirmed it had.
"""
import time

import pytest

from cluster_stack import MOVES_S, Load
from stack import DEAD, QUEUES
from waiting import assert_stays, wait_until


@pytest.mark.short
def test_queues_are_on_all_nodes(stack, cluster):
    """R8.3: the queues that our programs declare have a member on each node."""
    with stack.clients_on():
        queues = cluster.queues()
    assert set(queues) == {*QUEUES, DEAD}
    for queue in queues.values():
        assert len(queue["members"]) == len(queue["online"]) == len(cluster.members), queue


@pytest.mark.parametrize("clients", [pytest.param("leader", marks=pytest.mark.short), "follower"])
def test_leader_is_killed(stack, cluster, clients):
    """R8.3: kill -9 of the node that leads, in mid-run, whether the programs are connected to it or not."""
    leader = cluster.leader(QUEUES[0])
    first = leader if clients == "leader" else next(one for one in cluster.members if one is not leader)
    with stack.clients_on(first):
        load = Load(stack)
        load.wait_for(0.1)
        leader.part("kill", "rabbitmq")
        killed = time.monotonic()
        load.wait_for_more()
        print(f"it goes on after {time.monotonic() - killed:.1f} s")
        leader.part("start", "rabbitmq")
        load.finish()
        cluster.settle()


@pytest.mark.parametrize("reached", [pytest.param(True, marks=pytest.mark.short, id="clients reach it"),
                                     pytest.param(False, id="clients do not")])
def test_node_is_cut_off(stack, cluster, reached):
    """R8.3: the node that the programs are connected to loses the others. There nothing is confirmed,
    and the programs go on through the others."""
    first = cluster.leader(QUEUES[0])
    with stack.clients_on(first):
        load = Load(stack)
        load.wait_for(0.1)
        cluster.network.isolate(first.host, clients=not reached)
        cut = time.monotonic()
        try:
            load.wait_for_more()
            print(f"it goes on after {time.monotonic() - cut:.1f} s")
        finally:
            cluster.network.heal()
        load.finish()
        cluster.settle()


def test_nothing_is_confirmed_without_the_others(stack, cluster):
    """R8.3: the only node in the URL has lost the others: `published` stands still, health says why, and
    when they are back it goes on."""
    first = cluster.leader(QUEUES[0])
    with stack.clients_on(first, only=True):
        load = Load(stack)
        load.wait_for(0.1)
        cluster.network.isolate(first.host)
        try:
            wait_until("it is named", lambda: load.reason("confirms nothing"), MOVES_S)
            before = load.published()
            assert_stays("nothing is confirmed", lambda: load.published() == before, 5)
        finally:
            cluster.network.heal()
        load.finish()
        cluster.settle()

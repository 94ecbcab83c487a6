"""test_mix.py - a seeded series of kills, stops, freezes and partitions of the hosts, one in each round, under load.

    CLUSTER_ROUNDS=30 CLUSTER_SEED=7 pytest test/cluster/test_mix.py
"""
import contextlib
import functools
import random

from cluster_stack import Load
from conftest import ROUNDS, SEED


@contextlib.contextmanager
def ended(how, _cluster, member, part):
    member.part(how, part)
    try:
        yield
    finally:
        member.part("start", part)


@contextlib.contextmanager
def frozen(_cluster, member, part):
    with member.frozen(part):
        yield


@contextlib.contextmanager
def cut_off(clients, cluster, member, _part):
    """Both servers of this host; clients: the programs do not reach it either."""
    cluster.network.isolate(member.host, clients=clients)
    try:
        yield
    finally:
        cluster.network.heal()


FAULTS = {
    "killed": functools.partial(ended, "kill"), "stopped": functools.partial(ended, "stop"), "frozen": frozen,
    "isolated": functools.partial(cut_off, False), "lost": functools.partial(cut_off, True)}
PARTS = ("rabbitmq", "mongod")


def test_faults_at_random(stack, cluster):
    """R8.3: whatever fails, wherever, whenever: it goes on without it, and all is stored once, in order."""
    print(f"CLUSTER_SEED={SEED} CLUSTER_ROUNDS={ROUNDS}")
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        fault, part = chance.choice(list(FAULTS)), chance.choice(PARTS)
        member, first = chance.choice(cluster.members), chance.choice(cluster.members)
        share = chance.random() / 2
        print(f"{number}: {fault} {part} of {member.name} at {share:.0%}, the programs on {first.name}")
        with stack.clients_on(first):
            load = Load(stack)
            load.wait_for(share)
            with FAULTS[fault](cluster, member, part):
                load.wait_for_more(complete=True)
            load.finish()
            cluster.settle()

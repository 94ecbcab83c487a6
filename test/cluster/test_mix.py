"""test_mix.py - a seeded series of kills, stops, freezes and partitions of the hosts, one in each round, under load.

    CLUSTER_ROUNDS=30 CLUSTER_SEED=7 pytest test/cluster/test_mix.py
"""
import contextlib
import random

from cluster_stack import Load
from conftest import ROUNDS, SEED


@contextlib.contextmanager
def killed(_cluster, member, part):
    member.part("kill", part)
    try:
        yield
    finally:
        member.part("start", part)


@contextlib.contextmanager
def stopped(_cluster, member, part):
    member.part("stop", part)
    try:
        yield
    finally:
        member.part("start", part)


@contextlib.contextmanager
def frozen(_cluster, member, part):
    with member.frozen(part):
        yield


@contextlib.contextmanager
def isolated(cluster, member, _part):
    """Both servers of this host; the programs still reach it."""
    cluster.network.isolate(member.host)
    try:
        yield
    finally:
        cluster.network.heal()


@contextlib.contextmanager
def lost(cluster, member, _part):
    """Both servers of this host, for everybody."""
    cluster.network.isolate(member.host, clients=True)
    try:
        yield
    finally:
        cluster.network.heal()


FAULTS = (killed, stopped, frozen, isolated, lost)
PARTS = ("rabbitmq", "mongod")


def test_faults_at_random(stack, cluster):
    """R8.3: whatever fails, wherever, whenever: it goes on without it, and all is stored once, in order."""
    print(f"CLUSTER_SEED={SEED} CLUSTER_ROUNDS={ROUNDS}")
    chance = random.Random(SEED)
    for number in range(ROUNDS):
        fault, part = chance.choice(FAULTS), chance.choice(PARTS)
        member, first = chance.choice(cluster.members), chance.choice(cluster.members)
        share = chance.random() / 2
        print(f"{number}: {fault.__name__} {part} of {member.name} at {share:.0%}, the programs on {first.name}")
        with stack.clients_on(first):
            load = Load(stack)
            load.wait_for(share)
            with fault(cluster, member, part):
                load.wait_for_more(complete=True)
            load.finish()
            cluster.settle()

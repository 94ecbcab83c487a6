"""test_rolling.py - the nodes of each cluster are restarted one after the other, as for an upgrade."""
import pytest

from cluster_stack import Load


@pytest.mark.parametrize("part", ["rabbitmq", "mongod"])
def test_rolling_restart(stack, cluster, part):
    """R8.3: node by node, under load, each when the one before is back."""
    with stack.clients_on():
        for member in cluster.members:
            load = Load(stack)
            load.wait_for(0.1)
            member.part("stop", part)
            member.part("start", part)
            load.finish()
            cluster.settle()

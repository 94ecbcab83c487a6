"""test_senders_session.py - the session of PostgreSQL that a sender's claims live by: how soon its end is noticed, what
must not end it, and who waits for it."""
import os
import pathlib

import pytest

import campaigns
from campaigns import make_numbers, wait_for_status
from senders import SLOW, assert_fates_agree, claims, proxied, sender, wait_for_claims, with_a_way_to_rabbitmq
from waiting import wait_until

TICKS = os.sysconf("SC_CLK_TCK")
KEEPALIVE = 2

pytestmark = pytest.mark.usefixtures("no_store")


def timers(port):
    """Of the server's sockets on a port, by the port of the client: the kind of the timer that runs, and its seconds."""
    found = {}
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, remote, _, _, timer, *_ = line.split()
        if int(local.split(":")[1], 16) == port:
            kind, ticks = timer.split(":")
            found[int(remote.split(":")[1], 16)] = int(kind, 16), int(ticks, 16) / TICKS
    return found


def test_a_vanished_sender_is_noticed_soon(stack):
    """R5.3: a machine that vanishes says no goodbye: the server asks a sender that is silent after ten seconds whether it
    is still there, not after two hours, for so long others would wait for its claims."""
    with sender(stack):
        backends = wait_until("all lanes are senders", lambda: (rows := stack.sql(
            "SELECT a.client_port FROM campaign.senders s JOIN pg_stat_activity a USING (pid)"
            " WHERE campaign.sender_lives(s)")) and len(rows) == 5 and rows)
        port = stack.one("SELECT inet_server_port()")

        def kept_alive():
            running = timers(port)
            return all(running[client][0] == KEEPALIVE and running[client][1] <= 10 for client, in backends)
        wait_until("each is asked within ten seconds", kept_alive, timeout=5)


def test_a_session_is_not_ended_for_being_idle(stack):
    """R5.3: results wait for MongoDB, and another sender for this one, longer than sessions of its role may be idle: its
    session lives on, and no result is unknown."""
    with stack.role_setting("campaign_consumer", "idle_session_timeout", "700ms"), \
            proxied(stack, CAMPAIGN_MEAN="300", CAMPAIGN_IN_FLIGHT="4") as (first, proxy):
        first.wait_for_line("registered as a sender")
        campaign_id = campaigns.send(stack, make_numbers(4, seed=24), ordered=False)
        first.wait_for_line("begun")
        proxy.cut()
        first.wait_for_line("without the queue: results")
        with sender(stack, CAMPAIGN_HOLD="1") as second:
            second.wait_for_line("waits for another sender")
            proxy.mend()
            wait_for_status(stack, campaign_id, "sent")
            assert assert_fates_agree(stack, campaign_id, 4)["sent"] == 4


def test_who_waits_says_so(stack):
    """R5.3: a sender that has waited for another one for CAMPAIGN_HOLD says for which, once."""
    with with_a_way_to_rabbitmq(stack, **SLOW) as (first, proxy):
        campaign_id = campaigns.send(stack, make_numbers(4, seed=25), ordered=False)
        wait_for_claims(stack, campaign_id, 4)
        (of,) = set(claims(stack, campaign_id).values())
        proxy.cut()
        with sender(stack, CAMPAIGN_HOLD="1") as second:
            (line,) = second.wait_for_line("waits for another sender")
            assert (line["sender"], line["queue"]) == (of[:24], campaigns.QUEUES[-1])
            first.process.kill()
            wait_for_status(stack, campaign_id, "sent")
            assert assert_fates_agree(stack, campaign_id, 4)["unknown"] == 4
            assert len(second.lines("waits for another sender")) == 1

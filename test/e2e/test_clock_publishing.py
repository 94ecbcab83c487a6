"""test_clock_publishing.py - the clock of the server's machine is set back, or forward, while the
worker publishes, waits for its next look, for a scheduled campaign, or for a broker that is away."""
import campaigns
from campaigns import make_numbers, wait_for_status
from clock_fixtures import _clean, _clock, _server  # noqa: F401  pylint: disable=unused-import
from waiting import wait_until
from wall_clock import PATIENCE_S

PARTS = ["mongod", "consumer", "smtp", "mailer", "postgrest", "nginx"]
SETTINGS = ["campaign.poll_interval=2s", "campaign.stall_timeout=2s"]
FIVE = make_numbers(5, seed=170)
DUE_S = 6   # later than a turn of the worker on a busy machine


def wait_until_looked(server):
    """Until the worker has looked, from beginning to end, at what is committed now."""
    committed = server.one("SELECT clock_timestamp()")
    wait_until("the worker has looked", lambda: server.one(
        "SELECT query LIKE '%%outbox_active%%' AND state = 'idle' AND query_start > %s"
        " FROM pg_stat_activity WHERE pid = %s", committed, server.worker_pid()))


def test_dispatch(server, clock):
    """R0.14: what is dispatched is published, though the worker has looked in the future."""
    wait_for_status(server, campaigns.send(server, FIVE), "published")
    clock.set_back(server)
    for _ in range(3):
        wait_for_status(server, campaigns.send(server, FIVE), "published", timeout=PATIENCE_S)


def schedule(server, after):
    campaign_id = campaigns.create(server, FIVE)
    server.one("SELECT campaign_schedule(%s, clock_timestamp() + %s::interval)", campaign_id, after)
    return campaign_id


def test_schedule_and_a_clock_that_is_set_forward(server, clock):
    """R3.6: what is due by the clock is dispatched with the next look, however long it was to wait."""
    campaign_id = schedule(server, "1 hour")
    wait_until_looked(server)
    clock.set_forward(server, 2 * 3600)
    wait_for_status(server, campaign_id, "published", timeout=PATIENCE_S)


def test_schedule_and_a_clock_that_is_set_back(server, clock):
    """R3.6: what is not due any more waits until it is."""
    campaign_id = schedule(server, f"{DUE_S} seconds")
    wait_until_looked(server)
    clock.set_back(server)
    set_back = server.one("SELECT clock_timestamp()")
    wait_until("its seconds are over", lambda: server.one(
        "SELECT clock_timestamp() > %s + %s * interval '1 second'", set_back, DUE_S + 0.5))
    wait_until_looked(server)
    assert campaigns.status(server, campaign_id)["status"] == "scheduled"
    clock.set_forward(server, 120)
    wait_for_status(server, campaign_id, "published", timeout=PATIENCE_S)


def test_broker_that_was_away(server, clock):
    """R0.16: the next attempt to connect comes when it is time."""
    mark = server.log_mark("postgres")
    server.part("stop", "rabbitmq")
    try:
        wait_until("the worker has noticed",
                   lambda: "no connection to RabbitMQ" in server.log_since("postgres", mark))
        campaign_id = campaigns.send(server, FIVE)
        # A campaign that is new to it makes the worker connect at once.
        wait_until_looked(server)
        clock.set_back(server)
    finally:
        server.part("start", "rabbitmq")
    wait_for_status(server, campaign_id, "published", timeout=PATIENCE_S)

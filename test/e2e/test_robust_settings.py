"""test_robust_settings.py - settings that are wrong in a way that is easy to get wrong, and two
databases of one server that share nothing."""
import contextlib
import re

import psycopg2
import pytest
from psycopg2 import sql as names

import campaigns
from campaigns import make_numbers, wait_for_status
from consumers import Consumer, consumer_output, environment
from stack import execute
from test_consumer import nowhere, other
from test_databases import database, make_draft
from waiting import wait_until

FIVE = make_numbers(5, seed=60)
# A password of two halves: a parser that stops at the first '@' takes the second for the host.
HALVES = ("fr0nthalf", "b4ckhalf")
PASSWORD = "@".join(HALVES)
BROKEN = [
    ("AMQP_URL", f"amqp://someone:{PASSWORD}@127.0.0.1:9/%2F"),
    ("MONGODB_URI", f"mongodb://someone:{PASSWORD}@127.0.0.1:9/campaign?replicaSet=rs0"),
    ("DATABASE_URL", f"postgresql://someone:{PASSWORD}@127.0.0.1:9/campaign"),
    ("MONGODB_URI", f"mongodb://someone:{HALVES[0]}%{HALVES[1]}@127.0.0.1:9/campaign"),
    ("MONGODB_URI", f"mongodb://someone:{HALVES[0]}:{HALVES[1]}@127.0.0.1:9/campaign"),
    ("MONGODB_URI", f"mongodb://someone:{HALVES[0]}@127.0.0.1:{HALVES[1]}/campaign"),
    ("MONGODB_URI", f"mongodb://someone:{HALVES[0]}@"),
    ("DATABASE_URL", f"postgresql://someone:{HALVES[0]}/{HALVES[1]}@127.0.0.1:9/campaign"),
]


@pytest.mark.parametrize("how", ["environment", "file", "--check"])
@pytest.mark.parametrize("name, url", BROKEN)
def test_url_that_is_not_encoded(tmp_path, how, name, url):
    """R0.16: exit code 78 and one line that names the setting, with no part of the password: not
    even where it would be taken for a host that cannot be found."""
    changes = {name: url}
    if how == "file":
        (tmp_path / "url").write_text(url + "\n", encoding="utf-8")
        changes = {name: None, f"{name}_FILE": str(tmp_path / "url")}
    arguments = ["--check"] if how == "--check" else []
    code, out, err = consumer_output(*arguments, variables=nowhere(**changes))
    assert (code, out) == (78, ""), err
    assert len(err.splitlines()) == 1 and name in err
    assert not [half for half in HALVES if half in err], err


# Two databases ----------------------------------------------------------------------------


@contextlib.contextmanager
def virtual_host(stack, name):
    """A vhost of its own; the URL of it."""
    stack.rabbitmqctl("-q", "add_vhost", name)
    try:
        stack.rabbitmqctl("-q", "set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        yield other(stack.env["AMQP_URL"], vhost=name)
    finally:
        stack.rabbitmqctl("-q", "delete_vhost", name)


@contextlib.contextmanager
def consumer_of(stack, database_name, amqp_url):
    """A consumer that reads this vhost, reports to this database, and stores in one of its own."""
    variables = environment(stack, AMQP_URL=amqp_url)
    for name in ("MONGODB_URI", "DATABASE_URL"):
        variables[name] = re.sub(r"/campaign(?=\?|$)", f"/{database_name}", variables[name])
    stack.mongo.drop_database(database_name)
    try:
        with Consumer(variables) as consumer:
            yield consumer
            assert consumer.terminate() == 0
    finally:
        stack.mongo.drop_database(database_name)


def status_in(connection, campaign_id):
    return execute(connection, "SELECT campaign_status(%s)", campaign_id)[0][0]["status"]


@pytest.mark.parametrize("setting", ["amqp_url", "amqp_url_file"])
def test_two_databases_with_a_vhost_each(stack, setting):
    """R0.15 R0.16: ALTER DATABASE gives the worker of another database a vhost of its own, whose
    consumer reports to that database; campaigns of the two do not meet."""
    with database(stack, "other") as connection, virtual_host(stack, "other") as url:
        value = url if setting == "amqp_url" else str(stack.amqp_url_file(url))
        stack.sql(names.SQL("ALTER DATABASE other SET {} = {}").format(
            names.Identifier("campaign", setting), names.Literal(value)))
        with stack.settings(campaign__database="campaign,other"), \
                consumer_of(stack, "other", url), campaigns.capture(stack) as take:
            wait_until("a worker serves it", lambda: stack.worker_pids("other"))
            theirs = make_draft(connection, FIVE)
            execute(connection, "SELECT campaign_dispatch(%s)", theirs)
            ours = campaigns.send(stack, FIVE)
            wait_until("theirs is sent", lambda: status_in(connection, theirs) == "sent")
            wait_for_status(stack, ours, "sent")
            assert {one.properties.headers["campaign_id"] for one in take()} == {ours}
            stored = stack.mongo["other"]["messages"].find().sort("_id")
            assert [(one["campaign_id"], one["phone_number"]) for one in stored
                    ] == [(theirs, number) for number in FIVE]
            assert campaigns.documents_of(stack, theirs) == []


def test_url_of_a_database_is_set_by_superusers_only(stack):
    """R0.15: its owner could else send the campaigns elsewhere, or read the password."""
    with database(stack, "other") as connection:
        stack.sql("ALTER DATABASE other SET campaign.amqp_url = 'amqp://a:b@127.0.0.1:9/x'")
        stack.sql("DROP ROLE IF EXISTS other_owner")
        stack.sql("CREATE ROLE other_owner")
        stack.sql("ALTER DATABASE other OWNER TO other_owner")
        execute(connection, "SET ROLE other_owner")
        for statement in ("ALTER DATABASE other SET campaign.amqp_url = 'amqp://c:d@127.0.0.1:9/y'",
                          "SET campaign.amqp_url = 'amqp://c:d@127.0.0.1:9/y'",
                          "ALTER DATABASE other SET campaign.amqp_url_file = '/etc/hostname'",
                          "SHOW campaign.amqp_url"):
            with pytest.raises(psycopg2.Error, match="permission denied|must be superuser|examine"):
                execute(connection, statement)
        execute(connection, "RESET ROLE")
    stack.sql("DROP ROLE other_owner")

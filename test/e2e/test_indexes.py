"""test_indexes.py - indexes that CAMPAIGN_INDEXES asks for, and what needs none."""
import contextlib
import hashlib

import pytest

import campaigns
from consumers import Consumer, consumer_output, environment
from proxy import Proxy
from waiting import wait_until

COLLECTION = "indexed"


@pytest.fixture(name="collection")
def fixture_collection(stack):
    """A collection of this test's own."""
    collection = stack.messages.database[COLLECTION]
    collection.drop()
    yield collection
    collection.drop()


def wanting(stack, fields):
    return environment(stack, CAMPAIGN_COLLECTION=COLLECTION, CAMPAIGN_INDEXES=fields)


def keys_of(collection):
    return {name: index["key"] for name, index in collection.index_information().items() if name != "_id_"}


def test_indexes_are_created(stack, collection):
    """R0.4: those that are asked for, in a collection that is clustered all the same; one that somebody has made by
    another name stays as it is, and a second consumer changes nothing."""
    with Consumer(wanting(stack, "campaign_id")) as consumer:
        consumer.wait_for_line("MongoDB has the index")
        assert consumer.terminate() == 0
    assert keys_of(collection) == {"campaign_id_1": [("campaign_id", 1)]}
    options = stack.messages.database.command("listCollections", filter={"name": COLLECTION})
    assert "clusteredIndex" in options["cursor"]["firstBatch"][0]["options"]
    collection.create_index("phone_number", name="by_number")
    with Consumer(wanting(stack, " phone_number , campaign_id")) as consumer:
        consumer.wait_for_line("started")
        assert consumer.terminate() == 0
        assert not consumer.lines("MongoDB has the index")
    assert keys_of(collection) == {"campaign_id_1": [("campaign_id", 1)], "by_number": [("phone_number", 1)]}


def test_an_index_in_another_form_is_an_error(stack, collection):
    """R0.16: code 78 and a line that says which, with --check too; nothing is changed."""
    collection.create_index("phone_number", unique=True)
    before = collection.index_information()
    with Consumer(wanting(stack, "campaign_id,phone_number")) as consumer:
        wait_until("it ends", lambda: consumer.process.poll() is not None)
        assert consumer.process.poll() == 78
        assert consumer.lines("in another form: drop it, or leave phone_number out")
    code, out, _err = consumer_output("--check", variables=wanting(stack, "phone_number"))
    assert code != 0 and "in another form: drop it, or leave phone_number out" in out
    assert collection.index_information().items() >= before.items()


def test_an_error_that_a_thread_outlasts(stack, collection):
    """R0.16: code 78 as well if the program may not wait for another thread, which waits for PostgreSQL: with 0 nobody
    would start it again."""
    collection.create_index("phone_number", unique=True)
    with contextlib.ExitStack() as ways:
        mongodb, postgresql = [ways.enter_context(Proxy.to(stack.env[name])) for name in ("MONGODB_URI", "CONSUMER_DATABASE_URL")]
        mongodb.cut()
        postgresql.freeze()
        variables = wanting(stack, "phone_number")
        variables.update(MONGODB_URI=mongodb.through(stack.env["MONGODB_URI"]), CAMPAIGN_TIMEOUT="60",
                         DATABASE_URL=postgresql.through(stack.env["CONSUMER_DATABASE_URL"]))
        with Consumer(variables) as consumer:
            wait_until("somebody waits for PostgreSQL", lambda: postgresql.accepted)
            mongodb.mend()
            assert consumer.process.wait(30) == 78
            assert consumer.lines("in another form") and consumer.lines("stopped without waiting longer")


def test_a_field_that_cannot_be_indexed(stack):
    """R0.16: one line that names it, and those that can."""
    code, out, err = consumer_output(variables=wanting(stack, "campaign_id,message"))
    assert (code, out) == (78, "") and err.count("\n") == 1
    assert '"message" cannot be indexed; campaign_id and phone_number can' in err


def test_a_campaign_is_a_range_of_ids(stack):
    """R0.4: as docs/consumer.md says."""
    campaign_id = campaigns.send(stack, campaigns.make_numbers(20, seed=77))
    campaigns.wait_for_status(stack, campaign_id, "sent")
    prefix = hashlib.sha256(campaign_id.encode()).digest()[:10]
    found = stack.messages.find({"_id": {"$gte": prefix + bytes(6), "$lte": prefix + b"\xff" * 6}})
    assert [one["seq"] for one in found.sort("_id")] == list(range(1, 21))

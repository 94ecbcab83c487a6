"""senders.py - what the tests do with consumers whose gateway sends: start them, count what they hold, compare what
became of each recipient."""
import contextlib

import campaigns
from campaigns import documents_of
from consumers import Consumer, environment
from proxy import Proxy
from waiting import wait_until

# A sender that begins four messages, and does not end them within a test.
SLOW = {"CAMPAIGN_MEAN": "600000", "CAMPAIGN_IN_FLIGHT": "4"}


def sender(stack, **changes):
    """A simulated gateway that takes a moment for each message."""
    settings = dict(CAMPAIGN_GATEWAY="simulate", CAMPAIGN_MEAN="1", CAMPAIGN_DEVIATION="0", CAMPAIGN_IN_FLIGHT="10",
                    CAMPAIGN_SEED="7")
    return Consumer(environment(stack, **{**settings, **changes}))


def fates(stack, campaign_id):
    """state of each seq that is not simply sent"""
    return dict(stack.sql("SELECT seq, state FROM campaign.fates WHERE campaign_id = %s", campaign_id))


def assert_fates_agree(stack, campaign_id, count):
    """PostgreSQL and MongoDB say the same of each recipient; nobody is missing, nobody twice."""
    documents = documents_of(stack, campaign_id)
    assert [one["seq"] for one in documents] == list(range(1, count + 1))
    known = fates(stack, campaign_id)
    for one in documents:
        assert one["status"] == known.get(one["seq"], "sent"), one
        assert ("sent_at" in one) == (one["status"] == "sent"), one
        assert one["status"] == "unknown" or ("error" in one) == (one["status"] == "failed"), one
    answer = campaigns.status(stack, campaign_id)
    for state in ("sent", "failed", "unknown"):
        assert answer[state] == sum(one["status"] == state for one in documents), (state, answer)
    assert answer["pending"] == answer["sending"] == 0
    verified = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert verified["ok"] is not False and verified["expected"] == verified["stored"], verified
    return answer


def held(stack, campaign_id):
    return campaigns.status(stack, campaign_id)["sending"]


def wait_for_held(stack, campaign_id, count):
    wait_until(f"{count} messages are being sent", lambda: held(stack, campaign_id) == count, interval=0.01)


def claimed(stack, campaign_id):
    return stack.messages.count_documents({"campaign_id": campaign_id, "status": "sending"})


def claims(stack, campaign_id):
    """The claim of each seq that is being sent."""
    return {one["seq"]: one["claim"] for one in stack.messages.find({"campaign_id": campaign_id, "status": "sending"})}


def wait_for_claims(stack, campaign_id, count):
    """Held, and claimed in MongoDB: any moment now they are in the hands of a gateway."""
    wait_until(f"{count} claims", lambda: claimed(stack, campaign_id) == count, interval=0.01)


@contextlib.contextmanager
def proxied(stack, **changes):
    """A sender with a way to MongoDB that a test can cut, and the proxy on it. What it cannot write, it keeps."""
    with Proxy.to(stack.env["MONGODB_URI"]) as proxy:
        uri = f"mongodb://127.0.0.1:{proxy.port}/campaign?directConnection=true&serverSelectionTimeoutMS=500"
        with sender(stack, MONGODB_URI=uri, CAMPAIGN_HOLD="1", CAMPAIGN_LOG_LEVEL="debug", **changes) as only:
            yield only, proxy


@contextlib.contextmanager
def with_a_way_to_rabbitmq(stack, **changes):
    """A sender with a way to RabbitMQ that a test can cut, and the proxy on it. While it is cut, the broker has nobody but
    other senders for what this one has not acknowledged."""
    with Proxy.to(stack.env["AMQP_URL"]) as proxy, \
            sender(stack, AMQP_URL=proxy.through(stack.env["AMQP_URL"]), **changes) as only:
        yield only, proxy


def assert_begun_once(only, count):
    begun = [line["identifier"] for line in only.lines("begun")]
    assert len(begun) == len(set(begun)) == count

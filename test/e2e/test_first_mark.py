"""test_first_mark.py - MongoDB is set back after a consumer has read where a campaign stands, and
before it has stored anything of it."""
import campaigns
from campaigns import make_numbers
from consumers import Consumer
from test_consumer import consumes
from test_lost_documents import assert_sent_means_stored, delete
from test_standby import no_consumer, proxies_of, through
from waiting import wait_until

NUMBERS = make_numbers(6_000, seed=305)
LEFT = 1_000


def waiting_inserts(stack):
    return list(stack.mongo.admin.aggregate([
        {"$currentOp": {}}, {"$match": {"op": "insert", "waitingForLock": True}}]))


def half_stored(stack):
    """A paused campaign of which nothing is on its way; a consumer has stored a part and ended."""
    with stack.settings(campaign__batch_size="20", campaign__publish_ahead="10ms"):
        campaign_id = campaigns.send(stack, NUMBERS)
        campaigns.wait_for_stored(stack, campaign_id, LEFT + 500)
        stack.one("SELECT campaign_pause(%s)", campaign_id)
        campaigns.wait_until_handled(stack)
    return campaign_id


def lose_the_end(stack, campaign_id):
    """Takes away what was stored last, once MongoDB does nothing any more for who is gone."""
    counts = []

    def is_still():
        counts.append(campaigns.count_documents(stack, campaign_id))
        return counts[-1:] == counts[-2:-1] and not waiting_inserts(stack)
    wait_until("nothing is stored any more", is_still, interval=0.2)
    delete(stack, campaign_id, LEFT + 1, len(NUMBERS))


def test_set_back_before_the_first_insert(stack):
    """The lane has no mark of its own: it looks for what it has read before it stores behind it."""
    campaign_id = half_stored(stack)
    with no_consumer(stack), proxies_of(stack) as proxies:
        with Consumer({**through(proxies, stack), "CAMPAIGN_HOLD": "60"}) as consumer:
            wait_until("it consumes", lambda: consumes(stack))
            stack.mongo.admin.command("fsync", lock=True)
            try:
                stack.one("SELECT campaign_resume(%s)", campaign_id)
                wait_until("it has read, and inserts", lambda: waiting_inserts(stack))
                proxies["MongoDB"].cut()
            finally:
                stack.mongo.admin.command("fsyncUnlock")
            lose_the_end(stack, campaign_id)
            before = len(campaigns.insertion_order(stack, campaign_id))
            proxies["MongoDB"].mend()
            assert_sent_means_stored(stack, campaign_id, ("NORMAL", NUMBERS))
            assert consumer.lines("MongoDB was set back")
            assert consumer.terminate() == 0
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)[before:]]
    assert written == list(range(LEFT + 1, len(NUMBERS) + 1))

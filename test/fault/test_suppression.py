"""test_suppression.py - opt-outs in the middle of a run, while parts are killed.

Each transaction opts out several recipients at once. The worker reads batch after batch in the order
of seq, so such a transaction cuts its recipients in two: those in front of one place were published
before its commit, those behind it never are. Where that place can be at most, the reports say.

FAULT_N=2000000: ten thousand opt-outs during a run of a million.
"""
import psycopg2
import pymongo.errors
import pytest

import campaigns
from campaigns import make_numbers
from test_kill import COMPLETION_S, kill, wait_for_some
from waiting import wait_until

AWAY = (psycopg2.Error, pymongo.errors.PyMongoError)
BATCH = 20
# The worker runs ahead of the store by two batches, or by what is stored in 10 ms: less than this.
AHEAD = 2_500
TOGETHER = 15       # opt-outs of a transaction
SHARE = 5           # one of so many recipients opts out,
MOST = 10_000       # but not more than these


@pytest.fixture
def close_behind(stack):
    with stack.settings(campaign__batch_size=str(BATCH), campaign__publish_ahead="10ms"):
        yield
    stack.one("WITH gone AS (DELETE FROM campaign.suppressions RETURNING 1) SELECT count(*) FROM gone")


def stored_through(stack, campaign_id):
    return stack.one("SELECT campaign.stored_through(stored) FROM campaign.progress WHERE campaign_id = %s",
                     campaign_id)


def opt_out(stack, campaign_id, chosen):
    """Commits it; how far storing had come then at most."""
    stack.one("SELECT campaign.suppressions_add(array_agg(number), '', 'test')"
              " FROM unnest(%s) AS number", [int(number[1:]) for number in chosen])
    return stored_through(stack, campaign_id)


def opt_outs(stack, campaign_id, numbers, chance, kills):
    """Transactions all over the run; (seqs, how far storing had come) of each. A kill now and then."""
    seqs = chance.sample(range(1, len(numbers) + 1), min(len(numbers) // SHARE, MOST))
    groups = [sorted(seqs[at:at + TOGETHER]) for at in range(0, len(seqs), TOGETHER)]
    kill_at = {len(groups) * (place + 1) // (len(kills) + 1): part for place, part in enumerate(kills)}
    done = []
    for place, group in enumerate(groups):
        due = len(numbers) * place // (len(groups) + 1)
        wait_until(f"{due} are stored", lambda due=due: stored_through(stack, campaign_id) >= due,
                   COMPLETION_S, interval=0.001, ignoring=AWAY)
        done.append((group, opt_out(stack, campaign_id, [numbers[seq - 1] for seq in group])))
        if place in kill_at:
            wait_for_some(stack, campaign_id, 1, len(numbers))
            kill(stack, kill_at[place], campaign_id, len(numbers))
            wait_until("PostgreSQL is back", lambda: stack.one("SELECT true"), ignoring=AWAY)
    return done


@pytest.mark.usefixtures("close_behind")
@pytest.mark.parametrize("kills", [(), ("worker", "consumer")], ids=["calm", "kills"])
def test_opt_outs_at_random_during_a_run(stack, n, chance, kills):
    """R6.10: none is published after the commit, and nobody else is missing."""
    numbers = make_numbers(n // 2, seed=620)
    campaign_id = campaigns.send(stack, numbers)
    done = opt_outs(stack, campaign_id, numbers, chance, kills)
    answer = campaigns.wait_for_status(stack, campaign_id, "sent", COMPLETION_S, ignoring=AWAY)
    documents = campaigns.documents_of(stack, campaign_id)
    stored = {one["seq"] for one in documents}
    stopped = 0
    for group, through in done:
        sent = [seq for seq in group if seq in stored]
        left_out = [seq for seq in group if seq not in stored]
        stopped += len(left_out)
        assert max(sent, default=0) < min(left_out, default=len(numbers) + 1), (sent, left_out)
        assert max(sent, default=0) <= through + AHEAD, (sent, through)
    missing = set(range(1, len(numbers) + 1)) - stored - {seq for group, _ in done for seq in group}
    assert not missing
    assert stopped > sum(len(group) for group, _ in done) // 4 and stopped == answer["suppressed"]
    assert [one["phone_number"] for one in documents] == [numbers[one["seq"] - 1] for one in documents]
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert written == sorted(set(written)), "once, and in order"
    proof = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert proof["ok"] and proof["expected"] == len(stored), proof

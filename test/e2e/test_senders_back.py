"""test_senders_back.py - a sender that comes back when another one has taken it for dead: it leaves alone what that one
has reported."""
import contextlib

import pytest

import campaigns
from campaigns import make_numbers, wait_for_status
from senders import (SLOW, assert_fates_agree, claims, proxied, sender, wait_for_claims,
                     with_a_way_to_rabbitmq)

# In form the claim of a sender, and of none that ever was.
DEAD_CLAIM = "d" * 24 + "-" + "0" * 16

# What only the requests have that give claims back, one's own or those of the dead one.
GIVES_BACK = (b"deletes\0", b"sending\0\2claim\0" + (len(DEAD_CLAIM) + 1).to_bytes(4, "little") + DEAD_CLAIM.encode())

pytestmark = pytest.mark.usefixtures("no_store")


def end_session(stack, claim):
    """Of the sender that has made this claim, as after a failover: it is dead, and does not know it yet."""
    assert stack.sql("SELECT pg_terminate_backend(pid, 10000) FROM campaign.senders WHERE id = %s", claim[:24]) == [(True,)]


@contextlib.contextmanager
def claims_without_an_answer(stack, seed):
    """A sender that has claimed four messages, has heard nothing of it, and cannot reach MongoDB; its proxy, the campaign."""
    with proxied(stack) as (only, proxy):
        only.wait_for_line("registered as a sender")
        proxy.swallow_answer(b"sending", cut=True)
        campaign_id = campaigns.send(stack, make_numbers(4, seed=seed), ordered=False)
        wait_for_claims(stack, campaign_id, 4)
        only.wait_for_line("without the queue: claims")
        yield only, proxy, campaign_id


def test_claims_read_back_too_late(stack):
    """R1.4 R5.3: MongoDB cannot be reached while a sender claims, its session ends, and another one reports the claims
    as unknown: the first one takes none of these documents away."""
    with claims_without_an_answer(stack, 21) as (first, proxy, campaign_id):
        end_session(stack, claims(stack, campaign_id)[1])
        with sender(stack):
            wait_for_status(stack, campaign_id, "sent")
            proxy.mend()
            first.wait_for_line("gave the queue back")
            assert assert_fates_agree(stack, campaign_id, 4)["unknown"] == 4
        assert not first.lines("begun")


def test_own_claims_that_are_reported(stack):
    """R1.4 R5.3: the same, and the session of the first one lives: the other one has asked a server that has become the
    primary. What it has reported is not sent."""
    with claims_without_an_answer(stack, 22) as (only, proxy, campaign_id):
        # As the other one does.
        stack.messages.update_many({"campaign_id": campaign_id}, {"$set": {"status": "unknown"}})
        proxy.mend()
        wait_for_status(stack, campaign_id, "sent")
        assert assert_fates_agree(stack, campaign_id, 4)["unknown"] == 4
        assert not only.lines("begun")


@pytest.mark.parametrize("taken", [False, True])
def test_claims_given_back_too_late(stack, taken):
    """R1.4 R5.3: a sender has claimed three messages, or taken over the claims of a dead one, and waits for the sender of
    the fourth. It cannot reach MongoDB when it gives them back, its session ends, and another one reports them as unknown:
    that they stay."""
    with contextlib.ExitStack() as living:
        slow, rabbit = living.enter_context(with_a_way_to_rabbitmq(stack, **SLOW))
        campaign_id = campaigns.send(stack, make_numbers(4, seed=23), ordered=False)
        wait_for_claims(stack, campaign_id, 4)
        rabbit.cut()
        rest = {"campaign_id": campaign_id, "seq": {"$lt": 4}}
        if taken:
            stack.messages.update_many(rest, {"$set": {"claim": DEAD_CLAIM}})
        else:
            # As if its insert had been cut there.
            stack.messages.delete_many(rest)
        first, proxy = living.enter_context(proxied(stack, CAMPAIGN_IN_DOUBT="resend" if taken else "hold"))
        proxy.swallow_answer(GIVES_BACK[taken], before=proxy.cut)
        first.wait_for_line("without the queue: results")
        of = claims(stack, campaign_id)
        assert of[1] == of[2] == of[3] not in (of[4], DEAD_CLAIM)
        end_session(stack, of[1])
        living.enter_context(sender(stack))
        slow.process.kill()
        wait_for_status(stack, campaign_id, "sent")
        proxy.mend()
        first.wait_for_line("gave the queue back")
        assert assert_fates_agree(stack, campaign_id, 4)["unknown"] == 4
        assert not first.lines("begun")

"""test_suppression.py - whoever is on a suppression list gets nothing; everybody else gets it once,
in order, and the campaign is complete without them."""
import pytest

import campaigns
from campaigns import assert_delivered, count_documents, make_numbers, wait_for_status

NUMBERS = make_numbers(2_500, seed=610)


@pytest.fixture
def lists(stack):
    """Empty lists, afterwards too."""
    yield stack
    stack.one("WITH gone AS (DELETE FROM campaign.suppressions RETURNING 1) SELECT count(*) FROM gone")


def suppress(stack, numbers, company_id=None):
    return stack.one("SELECT suppression_import(%s, %s)", campaigns.numbers_file(numbers), company_id)


def assert_all_but(stack, campaign_id, numbers, left_out):
    """Sent without these, each of the others once and in its place, and proved."""
    answer = wait_for_status(stack, campaign_id, "sent")
    documents = campaigns.documents_of(stack, campaign_id)
    wanted = [(seq, number) for seq, number in enumerate(numbers, 1) if number not in left_out]
    assert [(one["seq"], one["phone_number"]) for one in documents] == wanted
    written = [seq for _, seq in campaigns.insertion_order(stack, campaign_id)]
    assert sorted(written) == [seq for seq, _ in wanted]
    assert (answer["stored"], answer["suppressed"]) == (len(wanted), len(numbers) - len(wanted))
    assert answer["failed"] == answer["cancelled"] == 0 and answer["progress_percent"] == 100
    proof = stack.one("SELECT campaign_verify(%s)", campaign_id)
    assert proof["ok"] and proof["fresh"] and proof["expected"] == len(wanted), proof
    return written


@pytest.mark.parametrize("left_out", [
    {0}, {2_499}, set(range(0, 2_500, 7)), set(range(100, 900)), set(range(2_500))],
    ids=["first", "last", "every 7th", "whole batches", "all"])
def test_suppressed_before_dispatch(lists, left_out):
    """R6.10: counted at upload, left out at publishing, explained to the consumer, complete without."""
    stack = lists
    left_out = {NUMBERS[place] for place in left_out}
    suppress(stack, sorted(left_out))
    campaign_id = stack.one("SELECT campaign_create('test', 'Hello')")
    answer = stack.one("SELECT campaign_upload(%s, %s::text)", campaign_id, campaigns.numbers_file(NUMBERS))
    assert answer["suppressed"] == len(left_out) and answer["accepted"] == len(NUMBERS)
    campaigns.dispatch(stack, campaign_id)
    written = assert_all_but(stack, campaign_id, NUMBERS, left_out)
    assert written == sorted(written), "stored in order"


def test_suppressed_in_an_unordered_campaign(lists):
    """The same without an order."""
    stack = lists
    left_out = set(NUMBERS[::50])
    suppress(stack, sorted(left_out))
    campaign_id = campaigns.send(stack, NUMBERS, ordered=False)
    assert_all_but(stack, campaign_id, NUMBERS, left_out)


def test_lists_of_others_do_not_count(lists):
    """A company's list is about its own campaigns."""
    stack = lists
    company_id = stack.one("SELECT company_create('Padaria', '610')")
    suppress(stack, NUMBERS[:50], company_id)
    campaign_id = campaigns.send(stack, NUMBERS[:100])
    wait_for_status(stack, campaign_id, "sent")
    assert_delivered(stack, campaign_id, NUMBERS[:100])

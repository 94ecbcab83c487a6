"""test_senders_stuck.py - what must not stop senders for ever: words that a database cannot store."""
import json

import pytest

from campaigns import make_numbers, numbers_file
from consumers import Consumer
from latin1 import latin1_database
from provider import Answer, Provider
from stack import execute
from test_gateway_sending import settings, write_template
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_store")


def test_words_that_the_database_cannot_store(stack, tmp_path):
    """R5.3: a provider's code and text with characters that the database's encoding lacks: the fates are reported all
    the same, and what is not ASCII in them is a question mark."""
    def respond(request, _):
        if json.loads(request.body)["to"] == numbers[0]:
            return Answer(200, {"status": "queued"})
        return Answer(404, {"code": "n\u00ba\u201d7", "message": "n\u00e3o \u201cexiste\u201d \U0001f614"})

    numbers = make_numbers(3, seed=20)
    with latin1_database(stack) as connection, Provider(respond) as provider, \
            stack.settings(campaign__database="campaign, latin1"):
        wait_until("a worker serves it", lambda: stack.worker_pids("latin1"))
        (campaign_id,), = execute(connection, "SELECT campaign_send('test', 'Hello', %s)", numbers_file(numbers))
        url = stack.env["CONSUMER_DATABASE_URL"].removesuffix("/campaign") + "/latin1"
        with Consumer(settings(stack, write_template(tmp_path, provider.url), DATABASE_URL=url)) as only:
            def status():
                (answer,), = execute(connection, "SELECT campaign_status(%s)", campaign_id)
                return answer
            wait_until("it is sent", lambda: status()["status"] == "sent")
            assert not only.lines("PostgreSQL refuses")
        assert (status()["sent"], status()["failed"]) == (1, 2)
        assert execute(connection, "SELECT state, code, text FROM campaign.fates ORDER BY seq") == \
            [("failed", "n??7", "n?o ?existe? ?")] * 2
    wait_until("its worker is gone", lambda: not stack.worker_pids("latin1"))

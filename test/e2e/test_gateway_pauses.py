"""test_gateway_pauses.py - a provider that asks for a pause: it is named while it is waited for, and nobody else."""
import pytest

import campaigns
from campaigns import make_numbers, wait_for_status
from consumers import Consumer
from provider import Answer, Provider
from test_gateway_sending import away_since, settings, write_template
from waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_store")


def test_a_provider_that_is_waited_for_is_named(stack, tmp_path):
    """Its Retry-After holds three messages, and with them the campaign: the log, campaign_senders() and campaign_health()
    name the provider. What is held stays held, and all is sent when the provider takes messages.
    """
    answers = {"pause": Answer(429, headers={"Retry-After": "12"})}

    def respond(_request, _nth):
        return answers.get("pause") or Answer(200, {"status": "queued"})

    with Provider(respond) as provider:
        template = write_template(tmp_path, provider.url)
        with Consumer(settings(stack, template, CAMPAIGN_IN_FLIGHT="3")) as consumer:
            campaign_id = campaigns.send(stack, make_numbers(20, seed=51))
            provider.wait_for_requests(3)
            wait_until("PostgreSQL knows", lambda: away_since(stack) == 1)
            assert len(consumer.lines("the provider has asked for a pause")) == 1
            assert campaigns.status(stack, campaign_id)["sending"] == 3
            wait_until("its health names the provider", lambda: "the SMS provider has taken nothing for" in
                       stack.one("SELECT campaign_health(%s)::text", campaign_id))
            assert len(provider.requests) == 3
            answers.clear()
            wait_for_status(stack, campaign_id, "sent")
            assert campaigns.status(stack, campaign_id)["sent"] == 20
            wait_until("PostgreSQL knows that, too", lambda: away_since(stack) == 0)
            assert len(consumer.lines("the provider takes messages again")) == 1
            assert not consumer.lines("the provider takes nothing")

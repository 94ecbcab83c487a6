"""test_gateway_reasons.py - what people read of a message that got no answer says what happened."""
import pytest

from provider import CLOSE, Answer, Provider, message
from test_gateway_sending import write_template

FINE = Answer(200, {"status": "queued"})


@pytest.mark.parametrize("last, reason", [
    (CLOSE, "the provider closed the connection without an answer"),
    (b"HTTP/1.1 101 Switching Protocols\r\n\r\nhello", "the provider's answer cannot be read"),
], ids=["closed", "unreadable"])
def test_a_request_without_an_answer(driver, tmp_path, last, reason):
    """The first message leaves a connection that is used again: when that breaks, libcurl would repeat the request."""
    with Provider(lambda request, _nth: FINE if request.headers["idempotency-key"] == "m1" else last) as provider:
        results = driver.run(write_template(tmp_path, provider.url), [message("m1"), message("m2")], in_flight=1)
    assert [(result.state, result.code) for result in results] == [("sent", ""), ("unknown", "no_answer")]
    assert results[1].text == reason

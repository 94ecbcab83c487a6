"""The templates in consumer/gateways, against a server that asks for what the providers' public
documents ask for, and answers in their forms.
"""
import base64
import json
import urllib.parse

import pytest

from provider import TOP, Answer, Provider, message

TEMPLATES = TOP / "consumer" / "gateways"
SECRET = "s3cret-{}"


@pytest.fixture(name="send")
def _send(driver, tmp_path):
    """Sends messages by a template that is as it is shipped but for its host and its patience."""
    def send(name, provider, messages):
        template = json.loads((TEMPLATES / f"{name}.json").read_text())
        host = urllib.parse.urlsplit(template["url"])
        template["url"] = template["url"].replace(f"{host.scheme}://{host.netloc}", provider.url)
        template["limits"] = {"attempts": 2, "backoff_ms": 10, "backoff_max_ms": 10}
        for secret, file in template["secrets"].items():
            (tmp_path / file).write_text(SECRET.format(secret) + "\n")
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(template))
        return driver.run(file, messages)
    return send


def form(request):
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    return {key: value for key, [value] in urllib.parse.parse_qs(request.body.decode(),
                                                                  strict_parsing=True).items()}


def in_json(request):
    assert request.headers["content-type"] == "application/json"
    return json.loads(request.body)


# Each takes a request apart, and checks it: who it is for, and the text.

def read_twilio(request):
    account, token = SECRET.format("account"), SECRET.format("token")
    assert request.target == f"/2010-04-01/Accounts/{account}/Messages.json"
    login = base64.b64encode(f"{account}:{token}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {login}"
    fields = form(request)
    assert fields.pop("From") == SECRET.format("from")
    return fields.pop("To"), fields.pop("Body"), fields


def read_vonage(request):
    assert request.target == "/sms/json"
    fields = form(request)
    assert (fields.pop("api_key"), fields.pop("api_secret"), fields.pop("from")) == \
        tuple(SECRET.format(name) for name in ("key", "secret", "from"))
    assert (fields.pop("client-ref"), fields.pop("type")) == \
        (request.headers["idempotency-key"], "unicode")
    return "+" + fields.pop("to"), fields.pop("text"), fields


def read_infobip(request):
    assert request.target == "/sms/2/text/advanced"
    assert request.headers["authorization"] == "App " + SECRET.format("key")
    body = in_json(request)
    [one] = body.pop("messages")
    assert one.pop("from") == SECRET.format("from")
    [destination] = one.pop("destinations")
    assert destination.pop("messageId") == request.headers["idempotency-key"]
    return "+" + destination.pop("to"), one.pop("text"), {**body, **one, **destination}


def read_zenvia(request):
    assert request.target == "/v2/channels/sms/messages"
    assert request.headers["x-api-token"] == SECRET.format("token")
    body = in_json(request)
    assert body.pop("from") == SECRET.format("from")
    [content] = body.pop("contents")
    assert content.pop("type") == "text"
    return "+" + body.pop("to"), content.pop("text"), {**body, **content}


def vonage(*parts):
    return Answer(200, {"message-count": str(len(parts)), "messages": list(parts)})


def infobip(group, name, description):
    status = {"groupId": group, "groupName": name.split("_")[0], "id": 7, "name": name,
              "description": description}
    return Answer(200, {"bulkId": "b1", "messages": [{"to": "551", "status": status, "messageId": "m1"}]})


VONAGE_FINE = {"to": "551", "message-id": "0A0000000123ABCD1", "status": "0",
               "remaining-balance": "3.14", "message-price": "0.03", "network": "72405"}
REQUEST_ERROR = {"requestError": {"serviceException": {
    "messageId": "UNAUTHORIZED", "text": "Invalid login details"}}}

# The answer, and what becomes of the message: state, attempts, code, text.
CASES = {
    "twilio": [
        (Answer(201, {"sid": "SM1f0e", "status": "queued", "error_code": None, "error_message": None}),
         ("sent", 1, "", "SM1f0e")),
        (Answer(201, {"sid": "SM2", "status": "failed", "error_code": 30006,
                      "error_message": "Landline or unreachable carrier"}),
         ("failed", 1, "30006", "Landline or unreachable carrier")),
        (Answer(400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400,
                      "more_info": "https://www.twilio.com/docs/errors/21211"}),
         ("failed", 1, "21211", "Invalid 'To' Phone Number")),
        (Answer(429, {"code": 20429, "message": "Too Many Requests", "status": 429}),
         ("failed", 2, "20429", "Too Many Requests")),
    ],
    "vonage": [
        (vonage(VONAGE_FINE), ("sent", 1, "", "0A0000000123ABCD1")),
        (vonage(VONAGE_FINE, VONAGE_FINE), ("sent", 1, "", "0A0000000123ABCD1")),
        (vonage({"status": "4", "error-text": "Bad Credentials"}),
         ("failed", 1, "4", "Bad Credentials")),
        (vonage({"status": "1", "error-text": "Throughput Rate Exceeded"}),
         ("failed", 2, "1", "Throughput Rate Exceeded")),
        # One of two parts is on its way: neither sent nor failed, and nothing to repeat.
        (vonage(VONAGE_FINE, {"status": "1", "error-text": "Throughput Rate Exceeded"}),
         ("unknown", 1, "0", "the provider answered 200: that does not tell whether the message was "
          "taken")),
        # Nothing says that the second part was taken.
        (vonage(VONAGE_FINE, {"error-text": "Throttled"}),
         ("unknown", 1, "0", "the provider answered 200: that does not tell whether the message was taken")),
    ],
    "infobip": [
        (infobip(1, "PENDING_ACCEPTED", "Message sent to next instance"), ("sent", 1, "", "m1")),
        (infobip(5, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"),
         ("failed", 1, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits")),
        (Answer(200, {"messages": [{"status": {"groupId": 1}}, {"status": {}}]}),
         ("unknown", 1, "200", "the provider answered 200: that does not tell whether the message was taken")),
        (Answer(401, REQUEST_ERROR), ("failed", 1, "UNAUTHORIZED", "Invalid login details")),
        (Answer(429, {"requestError": {"serviceException": {
            "messageId": "TOO_MANY_REQUESTS", "text": "Too many requests"}}}),
         ("failed", 2, "TOO_MANY_REQUESTS", "Too many requests")),
    ],
    "zenvia": [
        (Answer(200, {"id": "z-1", "from": "x", "to": "551", "direction": "OUT", "channel": "sms",
                      "contents": [{"type": "text", "text": "x"}]}), ("sent", 1, "", "z-1")),
        (Answer(400, {"code": "VALIDATION_ERROR", "message": "Validation error", "details": []}),
         ("failed", 1, "VALIDATION_ERROR", "Validation error")),
        (Answer(429, {"code": "TOO_MANY_REQUESTS", "message": "slow down"}),
         ("failed", 2, "TOO_MANY_REQUESTS", "slow down")),
    ],
}
READERS = {"twilio": read_twilio, "vonage": read_vonage, "infobip": read_infobip,
           "zenvia": read_zenvia}
TEXT = 'Olá, "José" & Ana! 100% {off} + 😀\n'


@pytest.mark.parametrize("name", CASES)
def test_a_provider(send, name):
    answers = {f"m{place}": case for place, case in enumerate(CASES[name])}
    messages = [message(key, TEXT, f"+55119876543{place:02}") for place, key in enumerate(answers)]

    def respond(request, _nth):
        return answers[request.headers["idempotency-key"]][0]

    with Provider(respond) as provider:
        results = send(name, provider, messages)
        assert [(result.state, result.attempts, result.code, result.text) for result in results] == \
            [wanted for _, wanted in answers.values()]
        numbers = {one.id: one.number for one in messages}
        for request in provider.requests:
            assert READERS[name](request) == (numbers[request.headers["idempotency-key"]], TEXT, {})


def test_each_template_is_tested():
    assert {file.stem for file in TEMPLATES.glob("*.json")} == set(CASES)

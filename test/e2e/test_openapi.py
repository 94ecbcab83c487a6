"""test_openapi.py - R7.4: docs/openapi.yaml describes the routes that answer, and what they answer."""
import json

import pytest

import openapi
from http_client import JSON, LATER, basic, logged_in, token_of, unique

pytest_plugins = ["http_fixtures"]

NUMBER = "+5511955500161"


@pytest.fixture(name="document", scope="module")
def fixture_document():
    """The description."""
    return openapi.description()


def body_of(operation):
    """The example of a JSON body."""
    return operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")


def schema_of(response):
    return response.get("content", {}).get(JSON, {}).get("schema")


def is_of_another_type(response, answer):
    """Whether the answer has a body that is not called what is described."""
    return bool(answer.body) and answer.headers.get_content_type() not in response.get("content", {})


def test_every_route_is_described(document):
    """R7.4: those of docker/nginx.conf, and no other."""
    described = {openapi.plain(path) for path in document["paths"]}
    assert described == openapi.nginx_routes()


def test_it_is_whole(document):
    """R7.4: names are unique, references lead somewhere, every operation has answers and says what
    token it needs."""
    found = openapi.operations(document)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)
    schemes = set(document["components"]["securitySchemes"])
    for method, path, operation in found:
        where = f"{method} {path}"
        assert operation["summary"] and operation["tags"], where
        assert {name for one in operation["security"] for name in one} <= schemes, where
        assert any(status < "400" for status in operation["responses"]), where
        given = {openapi.resolve(document, one)["name"] for one in operation.get("parameters", [])}
        assert set(one.strip("{}") for one in path.split("/") if one.startswith("{")) <= given, where
    for text in set(json.dumps(document).split('"$ref": "')[1:]):
        assert openapi.resolve(document, {"$ref": text.partition('"')[0]}), text


def contents(document):
    """(where, the content) of every body of a request and every answer."""
    for method, path, operation in openapi.operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{method} {path} {kind}", content
        for status, answer in operation["responses"].items():
            for kind, content in openapi.resolve(document, answer).get("content", {}).items():
                yield f"{method} {path} {status} {kind}", content


def test_examples_are_valid(document):
    """R7.4: each is what its schema says."""
    wrong = []
    for where, content in contents(document):
        if "example" in content:
            wrong.append((where, openapi.problem(document, content["schema"], content["example"])))
    for name, schema in document["components"]["schemas"].items():
        wrong += [(name, openapi.problem(document, schema, one)) for one in schema.get("examples", [])]
    assert len(wrong) > 100
    assert [one for one in wrong if one[1]] == []


def test_what_is_described_answers(document, nobody):
    """R7.4: no method of it is unknown, and a token is needed where it says so, and not elsewhere."""
    for method, path, operation in openapi.operations(document):
        where = f"{method} {path}"
        answer = nobody.patient(method.upper(), path.replace("{id}", "x").replace("{user}", "x"),
                                body_of(operation))
        assert str(answer.status) in operation["responses"], (where, answer)
        assert answer.status != 405 and b'"HTTP404"' not in answer.body, (where, answer)
        needed = operation["security"] != []
        assert (answer.status == 401) == needed or path == "/login", (where, answer)


@pytest.fixture(name="life", scope="module")
def fixture_life(stack):
    """Somebody with one of everything, and what stands for {id} on each route."""
    person = logged_in(stack.env["HTTP_URL"], company=True)
    guest = logged_in(stack.env["HTTP_URL"])
    api, company = person.api, person.company_id
    invitation = api.post(f"/companies/{company}/members", {"email": guest.email}).expect(201).json["id"]
    campaign = api.post("/campaigns/send", {"name": "n", "message": "m", "numbers": [NUMBER]}).expect(202).json["id"]
    api.wait_for_status(campaign, "sent")
    run = api.post("/pedidos/generate?quantity=3").expect(202).json["campaignId"]
    api.wait_for_status(run, "sent")
    application = api.post("/applications", {"name": unique()}).expect(201).json
    token = token_of(api, application)
    job = api.create_job("pi", {"digits": 3}, run_at=LATER)
    api.post("/suppressions", {"phone_number": NUMBER}).expect(200)
    ids = {"users": person.user_id, "companies": company, "invitations": invitation, "campaigns": campaign,
           "applications": application["id"], "tokens": token["id"], "job": job, "jobs": job}
    return person, application, ids


def test_reading_as_described(document, life):
    """R7.4: every GET answers with a status and a body that it has there."""
    person, application, ids = life
    wrong, count = [], 0
    for method, path, operation in openapi.operations(document):
        if method != "get":
            continue
        count += 1
        asked = path.replace("{id}", ids.get(path.split("/")[1], "x"))
        if path.endswith("/receipt"):
            asked += f"?phone_number={NUMBER.replace('+', '%2B')}"
        headers = basic(application["id"], application["secret"]) if path == "/token" else {}
        api = person.api if not headers else person.api.with_token(None)
        answer = api.patient("GET", asked, headers=headers)
        described = operation["responses"].get(str(answer.status))
        if described is None or answer.status >= 400 and not path.endswith("/receipt"):
            wrong.append((path, answer))
            continue
        if is_of_another_type(openapi.resolve(document, described), answer):
            wrong.append((path, answer.headers["Content-Type"]))
        schema = schema_of(openapi.resolve(document, described))
        if schema is not None and openapi.problem(document, schema, answer.json):
            wrong.append((path, openapi.problem(document, schema, answer.json)))
    assert not wrong, "\n".join(map(str, wrong))
    assert count > 40


def test_less_common_answers(document, life):
    """R7.4: a draft without a class, a file that is not refused, a preview of lines that are, and an invitation
    of a member."""
    person, _, _ = life
    draft = person.api.create_campaign(person.company_id)
    answers = {("get", "status"): person.api.get(f"/campaigns/{draft}/status"),
               ("put", "numbers"): person.api.upload(draft, b"+442079460103\n"),
               ("post", "preview"): person.api.post(f"/campaigns/{draft}/preview", b"[null, null]",
                                                    headers={"Content-Type": "text/plain"})}
    for (method, last), answer in answers.items():
        described = document["paths"][f"/campaigns/{{id}}/{last}"][method]["responses"]["200"]
        schema = schema_of(openapi.resolve(document, described))
        assert openapi.problem(document, schema, answer.expect(200).json) is None, last
    members = person.api.post(f"/companies/{person.company_id}/members", {"email": person.email}).expect(200)
    described = document["paths"]["/companies/{id}/members"]["post"]["responses"]["200"]
    assert openapi.problem(document, schema_of(described), members.json) is None


def test_writing_as_described(document, life):
    """R7.4: the examples of bodies are taken, or refused as described."""
    person, _, ids = life
    wrong = []
    for method, path, operation in openapi.operations(document):
        example = body_of(operation)
        if example is None or path in ("/me/password", "/login", "/me"):
            continue
        asked = path.replace("{id}", ids.get(path.split("/")[1], "x"))
        answer = person.api.patient(method.upper(), asked, example)
        described = operation["responses"].get(str(answer.status))
        if described is None:
            wrong.append((method, path, answer))
            continue
        if is_of_another_type(openapi.resolve(document, described), answer):
            wrong.append((method, path, answer.headers["Content-Type"]))
        schema = schema_of(openapi.resolve(document, described))
        if schema is not None and openapi.problem(document, schema, answer.json):
            wrong.append((method, path, openapi.problem(document, schema, answer.json)))
    assert not wrong, "\n".join(map(str, wrong))

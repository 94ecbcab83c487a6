"""test_http_types.py - JSON values of another type than the field has.

PostgreSQL would take 7 for the text "7" and 1 for true. Each is one 422 that names the field, and
nothing is stored. The functions and columns are asked for, so that a new one is tested too.
"""
import json

import pytest

from http_client import unique

pytest_plugins = ["http_fixtures"]

WRONG = {"string": [7, 1.5, True, {}, [], ["x"], {"$ne": ""}],
         "true or false": [0, 1, 1.5, "true", "x", {}, []],
         "a number": ["7", True, {}, []]}
GOOD = {"string": "x", "true or false": True, "a number": 7}
TIME = "timestamp with time zone"


def wanted_of(described):
    """What a field must be, by its OpenAPI type; None for json, which may be anything."""
    names = {"string": "string", "boolean": "true or false", "integer": "a number",
             "number": "a number"}
    return names.get(described.get("type"))


def good(described):
    """A value that the function's argument can be converted from."""
    if described.get("format") == TIME:
        return "2999-01-01T00:00:00Z"
    return GOOD.get(wanted_of(described), [])


def arguments(api):
    """(path, argument, its OpenAPI description, a body with what the function needs)."""
    paths = api.get("/", Accept="application/openapi+json").expect(200).json["paths"]
    for path, verbs in paths.items():
        for sent in verbs.get("post", {}).get("parameters", []):
            if not path.startswith("/rpc/") or sent.get("in") != "body":
                continue
            fields = sent["schema"].get("properties", {})
            needed = {name: good(fields[name]) for name in sent["schema"].get("required", [])}
            for name, described in fields.items():
                if name:  # one without a name is the body itself
                    yield path, name, described, needed


def written(stack):
    """(view, column, privilege) of everything that a client may write."""
    return stack.sql(
        """SELECT c.relname, a.attname, p FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
               unnest(ARRAY['INSERT', 'UPDATE']) AS p
           WHERE c.relnamespace = 'campaign_api'::regnamespace AND c.relkind = 'v'
             AND c.relname <> 'jobs'  -- which refuses every write
             AND has_column_privilege('campaign_user', c.oid, a.attnum, p)""")


def says(answer, field, wanted):
    article = "a " if wanted == "string" else ""
    assert answer.refused(422).json["message"] == f"{field} must be {article}{wanted}", answer


def test_every_text_of_every_function(ana, postgrest, stored_nothing):
    """R0.7: an argument that is text takes strings and nothing else."""
    api = ana.api.at(postgrest)
    tried = set()
    for path, name, described, needed in arguments(api):
        for value in WRONG["string"] if described.get("format") == "text" else ():
            says(api.post(path, {**needed, name: value}), name, "string")
            tried.add((path, name))
    assert len(tried) >= 21, tried


def test_every_other_type_of_every_function(ana, postgrest, stored_nothing):
    """R0.7: 1 is not true; what cannot even be converted is PostgREST's own 400."""
    api = ana.api.at(postgrest)
    tried = set()
    for path, name, described, needed in arguments(api):
        wanted = wanted_of(described)
        for value in WRONG.get(wanted, ()) if described.get("format") != "text" else ():
            answer = api.post(path, {**needed, name: value}).refused(400, 422)
            if answer.status == 422:
                says(answer, name, wanted)
            tried.add((path, name))
    assert len(tried) >= 5, tried


@pytest.mark.parametrize("many", [False, True], ids=["one", "several"])
def test_every_column(stack, ana, target, application, postgrest, stored_nothing, many):
    """R0.7: by POST and PATCH, one row or several, of which the last is wrong."""
    ours = {"users": ana.user_id, "companies": ana.company_id, "campaigns": target,
            "applications": application["id"]}
    accepted = {"companies": {"name": "n", "document": unique()},
                "campaigns": {"name": "n", "message": "m", "company_id": ana.company_id,
                              "user_id": ana.user_id, "ordered": True}}
    api = ana.api.at(postgrest)
    columns = written(stack)
    for view, column, privilege in columns:
        wanted = "true or false" if column == "ordered" else "string"
        for value in WRONG[wanted]:
            body = {**accepted[view], column: value} if privilege == "INSERT" else {column: value}
            if many:
                body = [{name: GOOD[wanted] if name == column else body[name] for name in body},
                        body]
            method, question = (("POST", "") if privilege == "INSERT" else
                                ("PATCH", f"?id=eq.{ours[view]}"))
            says(api.request(method, f"/{view}{question}", body), column, wanted)
    assert len(columns) >= 13


def test_upserts(ana, postgrest, stored_nothing):
    """R0.7: an upsert is refused whatever it holds."""
    body = {"id": ana.company_id, "name": 7, "document": unique()}
    for prefer in ("resolution=merge-duplicates", "resolution=ignore-duplicates"):
        for sent in (body, [body], {"name": 7, "document": unique()}):
            answer = ana.api.at(postgrest).post("/companies", sent, headers={"Prefer": prefer})
            answer.refused(400, 403, 422)
    ana.api.at(postgrest).request("PUT", f"/companies?id=eq.{ana.company_id}", body
                                  ).refused(400, 403, 405, 422)


def routes(ana, target):
    """(method, path, a body that would be accepted): nginx's own spelling."""
    return [("POST", "/signup", {"email": f"{unique()}@example.com", "password": "x"}),
            ("POST", "/users", {"email": f"{unique()}@example.com", "password": "x"}),
            ("POST", "/login", {"email": f"{unique()}@example.com", "password": "x"}),
            ("POST", "/me/password", {"old_password": ana.password, "new_password": "x"}),
            ("PATCH", f"/users/{ana.user_id}", {"email": f"{unique()}@example.com"}),
            ("POST", "/companies", {"name": "n", "document": unique()}),
            ("PATCH", f"/companies/{ana.company_id}", {"name": "n", "document": unique()}),
            ("POST", f"/companies/{ana.company_id}/members", {"email": ana.email}),
            ("POST", "/campaigns", {"name": "n", "message": "m", "company_id": ana.company_id,
                                    "ordered": True}),
            ("PATCH", f"/campaigns/{target}", {"name": "n", "message": "m", "ordered": True}),
            ("PUT", f"/campaigns/{target}/numbers", {"class": "VIP", "skip_invalid": True,
                                                     "allow_duplicates": True, "numbers": []}),
            ("POST", f"/campaigns/{target}/numbers", {"class": "VIP", "skip_invalid": True,
                                                      "allow_duplicates": True, "numbers": []}),
            ("POST", "/campaigns/send", {"name": "n", "message": "m", "ordered": True,
                                         "company_id": ana.company_id, "skip_invalid": True,
                                         "allow_duplicates": True, "numbers": []})]


@pytest.mark.parametrize("value", [7, True, ["x"], {"$ne": ""}], ids=repr)
def test_routes_refuse_what_is_no_string(ana, target, stored_nothing, value):
    """R0.7: through nginx, where a company or a campaign is in the address."""
    for method, path, body in routes(ana, target):
        for field, good in body.items():
            if isinstance(good, str):
                says(ana.api.patient(method, path, {**body, field: value}), field, "string")


def test_routes_refuse_what_is_not_true_or_false(ana, target, stored_nothing):
    """R0.7: 1 and "true" neither."""
    for method, path, body in routes(ana, target):
        for field, good in body.items():
            for value in (1, 0, "true") if isinstance(good, bool) else ():
                says(ana.api.patient(method, path, {**body, field: value}), field, "true or false")


def test_a_key_twice(ana, stored_nothing):
    """R0.7: neither the first nor the last hides the other."""
    for keys in ('"name": 7, "name": "x"', '"name": "x", "name": 7'):
        body = f'{{{keys}, "document": "{unique()}"}}'.encode()
        answer = ana.api.post("/companies", body, headers={"Content-Type": "application/json"}).refused(422)
        assert answer.json["message"] == 'the body has the field "name" twice'


def test_a_refused_type_is_no_failed_login(stack, nobody, ana):
    """R0.8: nobody is kept waiting for it."""
    for _ in range(6):
        says(nobody.patient("POST", "/login", {"email": ana.email, "password": 7}),
             "password", "string")
    nobody.login(ana.email, ana.password).expect(200)


def test_nothing_is_null(ana, nobody, target, stored_nothing):
    """R0.7: null is no type of its own: a field that must be there is 422 as if it were missing."""
    for path, body in (("/companies", {"name": None, "document": unique()}),
                       ("/campaigns", {"name": "n", "message": None}),
                       ("/rpc/campaign_upload_json", {"campaign_id": target, "numbers": None})):
        message = ana.api.post(path, body).refused(422).json["message"]
        assert "string" not in message, message
    nobody.patient("POST", "/signup", {"email": None, "password": "x"}).refused(422)
    ana.api.post("/campaigns/send", {"name": "n", "message": "m", "numbers": [], "ordered": None}
                 ).refused(422, 409)


@pytest.mark.parametrize("kind_of_body", ["text/csv", "application/x-www-form-urlencoded"])
def test_bodies_without_types(ana, postgrest, kind_of_body):
    """R0.7: in CSV and in a form everything is text, and no less welcome."""
    form = f"name=7&message=true&ordered=false&company_id={ana.company_id}"
    csv = f"name,message,ordered,company_id\n7,true,false,{ana.company_id}\n"
    answer = ana.api.at(postgrest).post(
        "/campaigns?select=name,message,ordered", (csv if "csv" in kind_of_body else form).encode(),
        headers={"Content-Type": kind_of_body, "Prefer": "return=representation"})
    assert answer.expect(201).json == [{"name": "7", "message": "true", "ordered": False}]


@pytest.mark.parametrize("called", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "text/plain",
                                    "text/plain;charset=UTF-8", "application/octet-stream", "text/xml"])
def test_json_that_is_called_otherwise(ana, called):
    """R7.4: curl -d calls it a form. It is JSON, with the types of JSON; a long one, too."""
    head = {"Content-Type": called}
    for method, path, body, status in (
            ("POST", "/segments", {"text": "x"}, 200), ("POST", "/companies", {"name": "x", "document": unique()}, 201),
            ("POST", "/job", {"job_name": "countdown", "meta": {"seconds": 1}}, 201), ("POST", "/companies", {"name": 7, "document": unique()}, 422),
            ("PATCH", f"/campaigns/{ana.api.create_campaign(ana.company_id)}", {"name": "y"}, 200), ("POST", "/segments", {"bogus": "x"}, 400)):
        answer = ana.api.request(method, path, b"\n " + json.dumps(body).encode(), {**head, "Prefer": "return=representation"})
        assert answer.status == status, (path, answer)
    numbers = [f"+55119{n:08}" for n in range(30_000)]
    sent = {"name": "n", "message": "m", "numbers": numbers, "company_id": ana.company_id}
    answer = ana.api.post("/campaigns/send", json.dumps(sent).encode(), headers=head)
    assert answer.expect(202).json["total"] == len(numbers)


@pytest.mark.parametrize("body", [b" " * 90_000 + b'{"text": "x"}', b'{"text": "' + b"x" * 90_000 + b'"}'], ids=["late", "long"])
def test_json_that_is_not_in_memory(ana, body):
    """R7.4: called a form, it is JSON however long it is."""
    ana.api.post("/segments", body, headers={"Content-Type": "application/x-www-form-urlencoded"}).expect(200)


@pytest.mark.parametrize("path, body", [
    ("/segments", b"\xef\xbb\xbf{" + b"m" * 20_000), ("/login", b"a=1&" + b"m" * 60_000), ("/segments", b"m" * 20_000 + b"=1")], ids=["mark", "second", "first"])
def test_long_names_cost_nothing(nobody, path, body):
    """R7.3: PostgREST would compare them with all that it knows, for minutes, and nobody needs a token for that."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    nobody.patient("POST", path, body, headers=form, timeout=10).refused(400)


@pytest.mark.parametrize("path", ["/rpc/me?" + "k" * 5000 + "=1", "/rpc/" + "k" * 5000, "//rpc/" + "k" * 5000], ids=["field", "function", "slashes"])
def test_long_names_in_the_address(nobody, path):
    """R7.3: nor there."""
    assert nobody.post(path, {}).refused(400).json["message"] == "a name in the address is too long"


@pytest.mark.parametrize("path, first, second", [
    ("/suppressions", {"phone_number": "+5511955500171"}, {"phone_number": "+5511955500172"}),
    ("/inbound", {"from": "+5511955500171", "text": "STOP"}, {"from": "+5511955500172", "text": "STOP"}),
    ("/segments", {"text": "a"}, {"text": "b"}), ("/job", {"job_name": "pi"}, {"job_name": "pi"})])
def test_several_objects_are_not_one(ana, path, first, second, stored_nothing):
    """R7.4: whoever sent two would think that both are done."""
    message = ana.api.post(path, [first, second]).refused(422).json["message"]
    assert message == "the body must be one JSON object"


def test_fields_that_are_there_twice(ana, target, stored_nothing):
    """R7.4: neither the first nor the last one is taken."""
    number = '"phone_number": "+5511955500171", "phone_number": "+5511955500172"'
    for method, path, body in (
            ("POST", "/suppressions", number), ("POST", "/inbound", '"from": "+5511955500171", "text": "STOP", "text": "oi"'),
            ("POST", f"/campaigns/{target}/limit", '"per_second": 1, "per_second": 100'),
            ("POST", "/campaigns", '"name": "x", "message": "a", "message": "b"'), ("PATCH", f"/campaigns/{target}", '"name": "x", "name": "y"')):
        answer = ana.api.request(method, path, f"{{{body}}}".encode(), {"Content-Type": "application/json"}).refused(422)
        assert "twice" in answer.json["message"]


def test_a_text_where_no_file_is_read(ana):
    """R7.4: it is not JSON, and that is said; where files are read it is one, whatever it begins with."""
    for called in ("text/plain", "application/octet-stream"):
        head = {"Content-Type": called}
        for path in ("/suppressions/numbers", "/segments", "/companies"):
            assert "json" in ana.api.post(path, b"+5511955500101\n", headers=head).refused(400).json["message"].lower()
        campaign_id = ana.api.create_campaign(ana.company_id)
        answer = ana.api.post("/rpc/campaign_upload", b'{"phone": "+5511955500101"}\n', headers={**head, "X-Campaign-Id": campaign_id})
        assert answer.expect(200).json["accepted"] == 1


def test_questions_have_no_types(ana, postgrest):
    """R0.7: a string that looks like a number is one, and can be asked for."""
    name = str(int(unique()[1:], 16))
    campaign_id = ana.api.create_campaign(ana.company_id, name=name, message="7")
    for api in (ana.api, ana.api.at(postgrest)):
        found = api.get(f"/campaigns?name=eq.{name}&message=eq.7&select=id").expect(200)
        assert found.json == [{"id": campaign_id}]
        status = api.get(f"/rpc/campaign_status?campaign_id={campaign_id}").expect(200).json
        assert status["name"] == name
        api.get("/rpc/campaign_status?campaign_id=7").refused(404)


def test_strings_that_look_like_other_types(stack, ana):
    """R0.7: are kept as they are."""
    for text in ("7", "true", "null", "{}", "[]", '"x"'):
        # Braces in a message are placeholders.
        message = text.replace("{}", "\\{\\}")
        campaign_id = ana.api.create_campaign(ana.company_id, name=text, message=message)
        assert stack.sql("SELECT name, message FROM campaign.campaigns WHERE id = %s",
                         campaign_id) == [(text, message)]
        assert json.loads(ana.api.get(f"/campaigns/{campaign_id}").body)["name"] == text

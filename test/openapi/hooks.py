"""hooks.py - who asks what schemathesis makes up, and about what: a person with one of everything, or nobody.

Loaded by schemathesis (SCHEMATHESIS_HOOKS), in an environment without the packages of the other tests.
What a request has ended is made anew before the next one, so that not all that follows is 401 or 404.
"""
import itertools
import os

import schemathesis

from http_client import LATER, Api, basic, logged_in, token_of, unique

URL = os.environ["OPENAPI_URL"]
IS_PERSON = os.environ["OPENAPI_WHO"] == "person"
NUMBER = "+5511955500161"
# Every fourth id is the made-up one.
MADE_UP = 4
# What ends the token, besides what changes the one thing that has the id in the address.
ENDS = {("POST", "/logout"), ("POST", "/me/password"), ("DELETE", "/me"), ("DELETE", "/users/{id}")}
# Where 401 is about something else.
NO_TOKEN = ("/login", "/token")


class Life:
    """A person and one of everything, made when it is asked for."""

    def __init__(self):
        self.person = logged_in(URL, company=True)
        self.things = {}
        self.turns = {}

    def turn(self, name):
        """0, 1, 2, …: which time this is."""
        return next(self.turns.setdefault(name, itertools.count()))

    def id_of(self, kind, path):
        """The id of a thing of this kind; None if there is none of it."""
        if kind == "campaigns" and self.turn(path + " kind") % 2:
            kind = "sent"
        if kind not in self.things:
            make = getattr(self, f"make_{kind}", None)
            self.things[kind] = make() if make else None
        return self.things[kind]

    def forget(self, thing):
        """Also what belonged to it."""
        if thing == self.things.get("companies"):
            self.things = {}
        gone = (thing, self.things.get("application") if thing == self.things.get("applications") else None)
        self.things = {kind: kept for kind, kept in self.things.items() if kept not in gone}

    def make_users(self):
        return self.person.user_id

    def make_user(self):
        return self.person.user_id

    def make_companies(self):
        self.person.company_id = self.person.api.create_company()
        return self.person.company_id

    def make_campaigns(self):
        campaign_id = self.person.api.create_campaign(self.id_of("companies", ""))
        self.person.api.upload(campaign_id, f"{NUMBER}\n+442079460103\n".encode()).expect(200)
        return campaign_id

    def make_sent(self):
        campaign_id = self.make_campaigns()
        self.person.api.post(f"/campaigns/{campaign_id}/dispatch").expect(202)
        self.person.api.wait_for_status(campaign_id, "sent")
        return campaign_id

    def make_invitations(self):
        guest = logged_in(URL)
        company = self.id_of("companies", "")
        return self.person.api.post(f"/companies/{company}/members", {"email": guest.email}).expect(201).json["id"]

    def make_application(self):
        body = {"name": unique(), "company_id": self.id_of("companies", "")}
        return self.person.api.post("/applications", body).expect(201).json

    def make_applications(self):
        self.things["application"] = self.make_application()
        return self.things["application"]["id"]

    def make_tokens(self):
        return token_of(Api(URL), self.make_application())["id"]

    def make_job(self):
        return self.person.api.create_job("pi", {"digits": 3}, run_at=LATER)

    make_jobs = make_job


class Lives:
    """The one that is lived now."""

    def __init__(self):
        self.life = None

    def now(self):
        if self.life is None:
            self.life = Life()
        return self.life


LIVES = Lives()


def fill_in(life, case):
    """Ids of what is there into the address and the body."""
    path = case.operation.path
    for name in case.path_parameters or {}:
        kind = path.split("/")[1] if name == "id" else name
        found = life.id_of(kind, path)
        if found is not None and life.turn(f"{case.method} {path} {name}") % MADE_UP:
            case.path_parameters[name] = found
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("company_id"), str) and life.turn(path + " body") % MADE_UP:
        body["company_id"] = life.id_of("companies", path)
    elif isinstance(body, dict) and path == "/job" and body.get("job_name") == "dispatch":
        body["meta"] = {"campaign_id": life.id_of("campaigns", path)}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """As a person: with their token, and ids of theirs."""
    case.headers = dict(case.headers or {})
    if not IS_PERSON:
        case.headers.pop("Authorization", None)
        return
    life = LIVES.now()
    fill_in(life, case)
    if case.operation.path == "/token":
        life.id_of("applications", "")
        application = life.things.get("application") or life.make_application()
        case.headers.update(basic(application["id"], application["secret"]))
    else:
        case.headers["Authorization"] = f"Bearer {life.person.api.token}"


@schemathesis.hook
def after_call(_context, case, response):
    """What was changed is not asked for again."""
    if not IS_PERSON:
        return
    succeeded = 200 <= response.status_code < 300
    asked = (case.method.upper(), case.operation.path)
    if asked in ENDS and succeeded or response.status_code == 401 and asked[1] not in NO_TOKEN:
        LIVES.life = None
    elif case.method.upper() not in ("GET", "HEAD", "OPTIONS") and succeeded:
        for thing in (case.path_parameters or {}).values():
            LIVES.now().forget(thing)

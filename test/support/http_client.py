"""http_client.py - the HTTP API as a client has it: requests, people who are logged in, and
what a campaign needs from draft to sent.

Must never touch PostgreSQL or MongoDB: what a client cannot know, these helpers do not know.
"""
import base64
import http.client
import json
import secrets
import urllib.parse
from dataclasses import dataclass

from waiting import wait_until

JSON = "application/json"
TEXT = "text/plain"
BYTES = "application/octet-stream"
PASSWORD = "correct horse battery staple"
OVER = ("finished", "failed", "cancelled")
LATER = "2099-01-01T00:00:00Z"
RATE_LIMIT = b'"HTTP429"'


@dataclass
class Answer:
    """What came back."""
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def expect(self, *statuses):
        assert self.status in statuses, (self.status, self.body[:2000])
        return self

    def refused(self, *statuses):
        """An error of one of these statuses, in PostgREST's shape."""
        self.expect(*statuses)
        error = self.json
        assert set(error) == {"code", "message", "details", "hint"}, error
        assert error["message"], error
        return self


class Api:
    """One server, as one person or as nobody."""

    def __init__(self, url, token=None):
        self.url = url
        self.token = token
        self.address = urllib.parse.urlsplit(url).netloc

    def with_token(self, token):
        return Api(self.url, token)

    def at(self, url):
        """The same person at another address."""
        return Api(url, self.token)

    def request(self, method, path, body=None, headers=None, source=None, timeout=120):
        """One request on a connection of its own; a body that is not bytes goes as JSON."""
        sent = {}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = JSON
        sent.update(headers or {})
        connection = http.client.HTTPConnection(self.address, timeout=timeout,
                                                source_address=source)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def patient(self, method, path, body=None, **options):
        """A request that nginx's rate limit may not fail because of other tests."""
        def asked():
            answer = self.request(method, path, body, **options)
            return answer if RATE_LIMIT not in answer.body else None
        return wait_until(f"{method} {path} is let through", asked)

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def patch(self, path, body, **options):
        return self.request("PATCH", path, body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)

    # What clients do -----------------------------------------------------------------------

    def signup(self, email, password=PASSWORD):
        return self.patient("POST", "/signup", {"email": email, "password": password})

    def login(self, email, password=PASSWORD):
        return self.patient("POST", "/login", {"email": email, "password": password})

    def create_company(self):
        """A new company of ours; its id."""
        body = {"name": "Padaria Central", "document": unique()}
        return self.post("/companies", body).expect(201).json["id"]

    def invite(self, company_id, guest):
        """Somebody becomes a member of our company: invited, and accepted by them."""
        members = f"/companies/{company_id}/members"
        invitation = self.post(members, {"email": guest.email}).expect(201).json
        guest.api.post(f"/invitations/{invitation['id']}/accept").expect(200)

    def create_campaign(self, company_id, **fields):
        """A new draft; its id."""
        body = {"name": "Spring sale", "message": "Olá!", "company_id": company_id, **fields}
        return self.post("/campaigns", body).expect(201).json["id"]

    def upload(self, campaign_id, numbers, content_type=TEXT, method="PUT", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request(method, f"/campaigns/{campaign_id}/numbers", numbers,
                            headers={"Content-Type": content_type, **named})

    def create_job(self, name, meta, **fields):
        """A new job; its id."""
        return self.post("/job", {"job_name": name, "meta": meta, **fields}).expect(201).json["id"]

    def job(self, job_id):
        return self.get(f"/job/{job_id}").expect(200).json

    def wait_for_job(self, job_id, *wanted, timeout=60):
        """The job as soon as its status is one of these."""
        def reached():
            job = self.job(job_id)
            return job if job["status"] in wanted else None
        return wait_until(f"job {job_id} is {' or '.join(wanted)}", reached, timeout)

    def status(self, campaign_id):
        return self.get(f"/campaigns/{campaign_id}/status").expect(200).json

    def wait_for_status(self, campaign_id, wanted, timeout=60):
        def reached():
            answer = self.status(campaign_id)
            return answer if answer["status"] == wanted else None
        return wait_until(f"campaign {campaign_id} is {wanted}", reached, timeout)


@dataclass
class Person:
    """Somebody who is logged in."""
    api: Api
    user_id: str
    email: str
    company_id: str = ""
    password: str = PASSWORD


def basic(user, password=""):
    """The header of HTTP basic authentication; of bytes too."""
    pair = b":".join(one if isinstance(one, bytes) else one.encode() for one in (user, password))
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def token_of(api, application, question=""):
    """A new token of an application, as GET /token answers it."""
    headers = basic(application["id"], application["secret"])
    return api.patient("GET", f"/token{question}", headers=headers).expect(200).json


def unique():
    """A word that nobody has used: good for an address, a document or a name."""
    return f"T{secrets.token_hex(8)}"


def logged_in(url, company=False):
    """A new person, with a company of their own if wanted."""
    email = f"{unique()}@example.com"
    nobody = Api(url)
    nobody.signup(email).expect(201)
    answer = nobody.login(email).expect(200).json
    person = Person(nobody.with_token(answer["token"]), answer["user_id"], email)
    if company:
        person.company_id = person.api.create_company()
    return person

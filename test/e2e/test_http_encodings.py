"""test_http_encodings.py - R7.4: what is not UTF-8 in a request is refused and named, and nothing else is."""
import pathlib
import random
import re
import urllib.parse

import pytest

from http_client import JSON

pytest_plugins = ["http_fixtures"]

LATIN = "N\u00famero".encode("latin-1")
ROOT = pathlib.Path(__file__).resolve().parents[2]
NGINX = (ROOT / "docker" / "nginx.conf").read_text(encoding="utf-8")
CHECKED = re.search(r'map "(\S+)" \$headers_garbled', NGINX).group(1)
# What a client sends and somebody reads.
PASSED_ON = sorted(name.removeprefix("http_").replace("_", "-").title() for name in re.findall(r"\w+", CHECKED))
# What nginx sets, whatever the client sends.
OF_NGINX = {"Content-Length", "X-Body-Nul", "X-Form-Type", "X-Form-Verb", "X-Forwarded-For", "X-Request-Uri", "X-Token-Name"}


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def random_bytes(rng):
    """Mostly UTF-8, often nearly so; none of what means something in an address."""
    text = b"".join(rng.choice(["a", "\u00fa", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]).encode()
                    for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.7:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice([b"", bytes([rng.randint(0x80, 0xff)])]) + text[place + 1:]
    return text or b"a"


def test_headers_that_are_read_are_passed_on():
    """R0.7: nginx passes on what it is told to: whatever PostgreSQL looks for, and it is looked at before."""
    read = {name for path in (ROOT / "sql").glob("*.sql")
            for name in re.findall(r"request_(?:header|flag)\('([A-Za-z-]+)'", path.read_text(encoding="utf-8"))}
    server = NGINX[NGINX.index("proxy_pass_request_headers off;"):NGINX.index("location = /")]
    assert {"X-Column", "X-Skip-Invalid", "Prefer"} <= read
    assert read - {"Content-Length"} <= set(re.findall(r"proxy_set_header (\S+)", server))
    assert read - OF_NGINX <= set(PASSED_ON)
    assert set(re.findall(r"\$(http_\w+|content_type)", server)) <= set(CHECKED.replace("$", "").split("|"))


@pytest.mark.parametrize("name", PASSED_ON)
def test_header_in_another_encoding(ana, name):
    """R7.4: 400, whatever header that anybody reads."""
    answer = ana.api.get("/campaigns", **{name: LATIN}).refused(400)
    assert answer.json["message"] == "a header is not in UTF-8"
    assert "X-Column" in answer.json["hint"]


@pytest.mark.parametrize("name", ["User-Agent", "Cookie", "Referer", "Accept-Language", "X-Anything", "X-Form-Verb", "X-Body-Nul",
                                  "X-Forwarded-For"])
def test_header_that_nobody_reads(ana, name):
    """R7.4: what is in it does not matter."""
    ana.api.get("/campaigns", **{name: LATIN}).expect(200)


def test_headers_at_random(ana):
    """R7.4: refused if and only if Python's decoder refuses it."""
    rng = random.Random(20)
    for _ in range(150):
        value = random_bytes(rng)
        answer = ana.api.get("/campaigns", **{"X-Column": value})
        assert answer.status == (200 if is_utf8(value) else 400), (value, answer)


def test_addresses_at_random(ana):
    """R7.4: the same of a filter, percent-encoded byte by byte or as it is."""
    rng = random.Random(21)
    for _ in range(300):
        value = random_bytes(rng)
        sent = urllib.parse.quote_from_bytes(value)
        answer = ana.api.get("/campaigns?name=eq." + rng.choice([sent, sent.lower()]))
        assert answer.status == (200 if is_utf8(value) else 400), (value, answer)
    for sent in ("%zz", "%", "%4", "a%zzb%C3%BA"):
        ana.api.get("/campaigns?name=eq." + sent).expect(200)


@pytest.mark.parametrize("path", ["/campaigns?name=eq.N%FAmero", "/campaigns?n%FAmero=eq.1", "/campaigns/%FA", "/pedidos/logs?lines=%FA",
                                  "/campaigns?select=id,%C3", "/nothing%ff", "/page/%ff", "/campaigns?name=eq.a%00b"])
def test_address_in_another_encoding(ana, path):
    """R7.4: wherever it is; nor is a NUL text."""
    answer = ana.api.get(path).refused(400)
    assert answer.json["message"] == "the address is not text in UTF-8"
    assert "%C3%BA" in answer.json["hint"]


def test_heading_with_an_accent(ana):
    """R7.4: in UTF-8 it is found; in another encoding nothing is stored."""
    table = "Nome;N\u00famero\nAna;+5511955500161\nBia;+5511955500162\n".encode()
    api, campaign = ana.api, ana.api.create_campaign(ana.company_id)
    numbers = f"/campaigns/{campaign}/numbers"
    for method in ("PUT", "POST"):
        api.request(method, numbers, table, headers={"Content-Type": "text/csv", "X-Column": LATIN}).refused(400)
    assert api.get(f"/campaigns/{campaign}/status").json["total"] == 0
    answer = api.request("PUT", numbers, table, headers={"Content-Type": "text/csv", "X-Column": "N\u00famero".encode()}).expect(200)
    assert answer.json["accepted"] == 2, answer


def test_body_in_another_encoding(ana, stored_nothing):
    """R7.4: 400 for JSON, as ever."""
    ana.api.post("/campaigns", b'{"name": "' + LATIN + b'", "message": "x"}', headers={"Content-Type": JSON}).refused(400)

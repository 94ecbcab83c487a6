"""test_http_page.py - R9.2: the files of the page as nginx serves them: to everybody, nothing besides them, and with
headers that let it do what it must and nothing else. test/browser/test_page.py uses it.
"""
import html.parser
import re

import pytest

from http_client import Api
from stack import REPOSITORY

pytest_plugins = ["http_fixtures"]

PAGE = REPOSITORY / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".mjs": "text/javascript"}
FILES = sorted(path.name for path in PAGE.iterdir())
POLICY = {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "connect-src": "'self'",
          "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
          "require-trusted-types-for": "'script'", "trusted-types": "'none'"}
HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
           "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
           "Cache-Control": "no-cache"}
OTHER = {"Origin": "https://app.example.com"}
READABLE = 4.5      # of WCAG 2, for text


@pytest.mark.parametrize("name", ["", *FILES])
def test_a_file(nobody, name):
    """R9.2: its type, a policy that takes nothing from elsewhere, and no leave for pages of other origins."""
    answer = nobody.request("GET", f"/page/{name}", headers=OTHER).expect(200)
    file = PAGE / (name or "index.html")
    assert answer.body == file.read_bytes()
    assert answer.headers["Content-Type"] == f"{TYPES[file.suffix]}; charset=utf-8"
    policy = answer.headers.get_all("Content-Security-Policy")
    assert len(policy) == 1
    assert dict(part.split(" ", 1) for part in policy[0].split("; ")) == POLICY
    assert {header: answer.headers[header] for header in HEADERS} == HEADERS
    assert not [header for header in answer.headers if header.startswith("Access-Control-")]
    kept = nobody.get(f"/page/{name}", **{"If-None-Match": answer.headers["ETag"]}).expect(304)
    assert kept.headers["Content-Security-Policy"] == policy[0] and kept.body == b""


def test_methods(nobody):
    """R7.5: HEAD is GET without a body, OPTIONS does nothing, and nothing else is done."""
    for path in ("/page/", "/page/main.mjs", "/page"):
        head, whole = nobody.request("HEAD", path), nobody.get(path)
        assert (head.status, head.body) == (whole.status, b"")
        assert head.headers.get("Content-Security-Policy") == whole.headers.get("Content-Security-Policy")
        options = nobody.request("OPTIONS", path)
        assert (options.status, options.body) == (204, b"")
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert nobody.request(method, path, b"x").refused(405).json["code"] == "HTTP405"


def test_nothing_besides(nobody):
    """R7.6: neither what is beside the folder, nor what is not in it, however it is spelled."""
    assert nobody.get("/page").expect(301).headers["Location"] == "/page/"
    nobody.get("/page/?campaign=1").expect(200)
    for path in ("/page/nothing", "/pages", "/page.css", "/page/page/main.mjs", "/page/rpc/login"):
        assert nobody.get(path).refused(404).json["code"] == "HTTP404", path
    for path in ("/page/../docker/nginx.conf", "/page/%2e%2e/docker/nginx.conf", "/page/..%2fdocker/nginx.conf",
                 "/page../docker/nginx.conf", "/page/..;/README.md", "/page/%2e%2e%2fREADME.md", "/page//../README.md"):
        nobody.get(path).refused(400, 404)


def test_the_api_is_as_it_was(ana):
    """R7.5: what it says to browsers, and that its answers are not kept."""
    answer = ana.api.request("GET", "/me", headers=OTHER).expect(200)
    assert answer.headers["Access-Control-Allow-Origin"] == OTHER["Origin"]
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Api(ana.api.url).get("/campaigns").refused(401).headers["WWW-Authenticate"]


class Written(html.parser.HTMLParser):
    """What of a page its policy would refuse, and where it leads."""

    def __init__(self):
        super().__init__()
        self.refused, self.leads, self.inside = [], [], None

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.refused += [(tag, name) for name, _ in attrs if name.startswith("on") or name == "style"]
        self.leads += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_data(self, data):
        if self.inside in ("script", "style") and data.strip():
            self.refused.append((self.inside, data))


def test_nothing_is_written_into_it():
    """R9.2: no script and no style in the page itself, and nothing that leads away from its folder."""
    page = Written()
    page.feed((PAGE / "index.html").read_text(encoding="utf-8"))
    assert page.refused == [] and set(page.leads) == {"page.css", "main.mjs"}
    for name in FILES:
        text = (PAGE / name).read_text(encoding="utf-8")
        assert not re.search(r"\b(?:https?:)?//\w", text), name
        assert set(re.findall(r"^import .* from \"(.*)\";$", text, re.MULTILINE)) <= {f"./{file}" for file in FILES}, name


def luminance(colour):
    """Relative, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place:place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(*colours):
    darker, lighter = sorted(map(luminance, colours))
    return (lighter + 0.05) / (darker + 0.05)


def test_colours_can_be_read():
    """R9.2: each text on each ground, in light and in dark."""
    found = re.findall(r":root \{(.*?)\}", (PAGE / "page.css").read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 2
    for scheme in found:
        colours = dict(re.findall(r"--(\w+): (#\w+);", scheme))
        for text in ("text", "faint", "accent", "good", "slow", "bad"):
            for ground in ("ground", "raised"):
                assert contrast(colours[text], colours[ground]) >= READABLE, (text, ground, colours)

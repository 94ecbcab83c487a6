"""test_http_methods.py - a method that an address does not take is refused with those that it does."""
import pytest
import yaml

from stack import REPOSITORY

pytest_plugins = ["http_fixtures"]

METHODS = {"get", "post", "put", "patch", "delete"}
OPENAPI = yaml.safe_load((REPOSITORY / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
# Views of PostgREST, which looks at the right and at the rows first.
OTHERWISE = {**{path: (400,) for path in (
    "/applications", "/campaigns", "/companies", "/invitations", "/invitations/{id}", "/tokens", "/tokens/{id}", "/users")},
             **{path: (400, 403) for path in ("/campaign_tests", "/company_members", "/recipients")}}


def documented(path):
    """The methods that docs/openapi.yaml has for it, and those that come with them."""
    found = METHODS & set(OPENAPI["paths"][path])
    return {*map(str.upper, found), "OPTIONS", *(["HEAD"] if "get" in found else [])}


@pytest.mark.parametrize("path", sorted(OPENAPI["paths"]))
def test_allow(ana, path):
    """RFC 9110, 15.5.6. What reaches a view may be refused for another reason, GET /me comes as a POST, too."""
    expected = documented(path)
    address = path.replace("{id}", "a" * 24).replace("{user}", "b" * 24)
    for method in sorted(METHODS - set(OPENAPI["paths"][path]) - ({"post"} if path == "/me" else set())):
        answer = ana.api.request(method.upper(), address).refused(405, *OTHERWISE.get(path, ()))
        if answer.status == 405:
            assert set(answer.headers["Allow"].split(", ")) == expected, (method, address)


def test_nothing_to_allow(ana):
    """Whoever is not refused for the method is told nothing."""
    assert "Allow" not in ana.api.get("/me").expect(200).headers
    assert "Allow" not in ana.api.get("/nothing").refused(404).headers

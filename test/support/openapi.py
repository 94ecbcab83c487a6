"""openapi.py - docs/openapi.yaml as the tests read it, and the routes of docker/nginx.conf.

Must never know a route by itself: the two files are compared.
"""
import pathlib
import re

import jsonschema
import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
# PostgREST's own spelling passes through; what no location takes is 404; the page is no part of the API.
OTHERS = ("/rpc/", "/errors/", "/page")


def description():
    return yaml.safe_load((TOP / "docs/openapi.yaml").read_text(encoding="utf-8"))


def operations(document):
    """(method, path, operation) of each."""
    return [(method, path, operation) for path, item in document["paths"].items()
            for method, operation in item.items() if method in METHODS]


def resolve(document, node):
    """What a reference means, or the node itself."""
    while "$ref" in node:
        target = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def problem(document, schema, value):
    """What is wrong with the value, None if nothing is."""
    whole = {**schema, "components": document["components"]}
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(whole).iter_errors(value))
    return error and f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def spread(pattern):
    """The addresses that a location of nginx takes, with {} for each id."""
    pattern = re.sub(r"\(\?<\w+>\[a-z0-9\]\+\)|\[a-z0-9\]\+", "{}", pattern)
    pattern = re.sub(r"\?<\w+>", "", pattern).replace("s?", "(s)?").replace("\\.", ".")
    found = re.search(r"\(([^()]*)\)(\??)", pattern)
    if found is None:
        return {pattern}
    choices = found[1].split("|") + ([""] if found[2] else [])
    return set().union(*(spread(pattern[:found.start()] + choice + pattern[found.end():])
                         for choice in choices))


def nginx_routes():
    """Every address that docker/nginx.conf answers to clients."""
    text = (TOP / "docker/nginx.conf").read_text(encoding="utf-8")
    routes = set()
    for kind, pattern, inside in re.findall(r"^\t\tlocation (=|~)? ?(\S+) \{\n(.*?)^\t\t\}", text,
                                            re.DOTALL | re.MULTILINE):
        if "\tinternal;" in inside or pattern.startswith("@") or kind == "":
            continue
        routes |= spread(pattern.removeprefix("^").removesuffix("$")) if kind == "~" else {pattern}
    return {route for route in routes if not route.startswith(OTHERS)}


def plain(path):
    """A path of the description with {} for each id."""
    return re.sub(r"\{\w+\}", "{}", path)

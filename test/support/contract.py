"""contract.py - docs/contract and lib/contract/message.h as the tests read them.

Must never repeat a name or a limit: it reads them where they are written.
"""
import json
import re

import jsonschema
import yaml

from stack import REPOSITORY

DIRECTORY = REPOSITORY / "docs" / "contract"
README = (DIRECTORY / "README.md").read_text(encoding="utf-8")
SCHEMA = json.loads((DIRECTORY / "batch.schema.json").read_text(encoding="utf-8"))
SCHEMA_2 = json.loads((DIRECTORY / "batch2.schema.json").read_text(encoding="utf-8"))
SCHEMA_3 = json.loads((DIRECTORY / "batch3.schema.json").read_text(encoding="utf-8"))
ASYNCAPI = yaml.safe_load((DIRECTORY / "asyncapi.yaml").read_text(encoding="utf-8"))
BODY = jsonschema.Draft202012Validator(SCHEMA)
BODY_2 = jsonschema.Draft202012Validator(SCHEMA_2)
BODY_3 = jsonschema.Draft202012Validator(SCHEMA_3)
DEFINE = re.compile(r"^#define[ \t]+MESSAGE_(\w+)[ \t]+(.+?)[ \t]*(?:/\*.*)?$", re.MULTILINE)
ARITHMETIC = re.compile(r"[\d\s()*<+-]+")


def header_constants():
    """The #defines of lib/contract/message.h by name, without MESSAGE_: texts and numbers."""
    text = (REPOSITORY / "lib" / "contract" / "message.h").read_text(encoding="utf-8")
    constants = {}
    for name, value in DEFINE.findall(text):
        if value.startswith('"'):
            constants[name] = value.strip('"')
            continue
        value = re.sub(r"MESSAGE_(\w+)", lambda known: str(constants[known.group(1)]), value)
        value = re.sub(r"INT64_C\((\d+)\)", r"\1", value)
        assert ARITHMETIC.fullmatch(value), f"MESSAGE_{name} is no number: {value}"
        constants[name] = eval(value, {"__builtins__": {}})  # pylint: disable=eval-used
    return constants


def resolve(reference):
    """What a $ref of asyncapi.yaml points at; KeyError or FileNotFoundError if at nothing."""
    file, _, path = reference.partition("#")
    target = ASYNCAPI if not file else json.loads((DIRECTORY / file).read_text(encoding="utf-8"))
    for step in path.strip("/").split("/") if path else []:
        target = target[step.replace("~1", "/").replace("~0", "~")]
    return target


def references(node):
    """Every $ref below a node."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and "$ref" in node:
        yield node["$ref"]
    for child in children:
        yield from references(child)


def arguments(binding, rabbitmq_major):
    """The arguments of a queue on that version of RabbitMQ."""
    later = binding["x-arguments-since-rabbitmq-4"] if rabbitmq_major >= 4 else {}
    return {**binding["x-arguments"], **later}


def queues():
    """The queues of asyncapi.yaml, with its parameters filled in: name -> (binding, exchange)."""
    found = {}
    for channel in ASYNCAPI["channels"].values():
        binding = channel["bindings"]["amqp"]["queue"]
        exchange = resolve(channel["x-exchange"]["$ref"])
        names = [binding["name"]]
        for parameter, described in channel.get("parameters", {}).items():
            names = [name.replace("{%s}" % parameter, value)
                     for name in names for value in described["enum"]]
        found.update({name: (binding, exchange) for name in names})
    return found


def exchanges():
    return {one["name"]: one for one in ASYNCAPI["components"]["x-exchanges"].values()}


def schema_of(name):
    """A schema of asyncapi.yaml as a validator."""
    return jsonschema.Draft202012Validator(
        ASYNCAPI["components"]["schemas"][name],
        resolver=jsonschema.RefResolver.from_schema(ASYNCAPI))


def code_blocks(language):
    """The texts of the README's code blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def worked_example():
    """The lines of the README's worked example: name -> value."""
    block = code_blocks("text")[0]
    return dict(re.split(r"\s{2,}", line, maxsplit=1) for line in block.splitlines())


def parse(captured):
    """The body of a captured message, held against the schema."""
    body = json.loads(captured.body.decode("utf-8"))
    {1: BODY, 2: BODY_2, 3: BODY_3}[body["version"]].validate(body)
    return body


def canonical(attributes):
    """Attributes as the README says that they travel; no decimal here is so small that Python
    writes it with an exponent."""
    return json.dumps(attributes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

"""compose_file.py - what can be said about docker/compose.yaml without running it: that it names volumes,
networks, secrets, stages and files that there are, uses every variable that docker/.env.example has, and no
other. `make lint` runs it; test/containers/run really starts the file.
"""
import pathlib
import re
import sys

import yaml

DOCKER = pathlib.Path(__file__).resolve().parents[2] / "docker"
COMPOSE_ITSELF = {"COMPOSE_PROFILES"}
# PostgREST's image has nothing to run a check with; the monitor is there for as long as somebody looks.
UNCHECKED = {"postgrest", "monitor"}
# Folders that docker/up makes.
MADE_FOLDERS = {"./secrets/gateway"}
# What nobody needs at first.
NOT_IN_THE_EXAMPLE = {"MAILER_FROM_NAME"}
FAULTS = []


def expect(true, what):
    if not true:
        FAULTS.append(what)


def names(entries):
    """The names in a list or an object of compose's: a secret may be an object with a source."""
    return [entry["source"] if isinstance(entry, dict) else entry for entry in entries]


def check_service(name, service, compose, stages, made):
    for network in service["networks"]:
        expect(network in compose["networks"], f"{name}: no network {network}")
    for secret in names(service.get("secrets", [])):
        expect(secret in compose["secrets"], f"{name}: no secret {secret}")
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        there = (DOCKER / source).is_file() if source.startswith(".") else source in compose["volumes"]
        expect(there or source in MADE_FOLDERS, f"{name}: no volume or file {source}")
    for other in service.get("depends_on", {}):
        expect(other in compose["services"], f"{name}: no service {other}")
    if "build" in service:
        expect(service["build"]["target"] in stages, f"{name}: no stage {service['build']['target']}")
    expect("restart" in service, f"{name}: no restart")
    expect(name in UNCHECKED or "healthcheck" in service, f"{name}: no health check")
    expect(name == "nginx" or "ports" not in service, f"{name}: only nginx publishes a port")
    for secret in names(service.get("secrets", [])):
        expect(secret in made, f"docker/up does not make {secret}")


def main():
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.M))
    up = (DOCKER / "up").read_text(encoding="utf-8")
    made = set(re.findall(r"\| secret (\w+)", up))
    for name, service in compose["services"].items():
        check_service(name, service, compose, stages, made)
    for folder in MADE_FOLDERS:
        expect(f"mkdir -p {folder.removeprefix('./')}" in up, f"docker/up does not make {folder}")
    expect(compose["services"]["consumer"]["profiles"] == ["store"]
           and compose["services"]["sender"]["profiles"] == ["senders"],
           "consumer and sender have profiles that exclude each other")
    for secret, entry in compose["secrets"].items():
        expect(entry["file"] == f"secrets/{secret}", f"secret {secret} has another file")
    used = set(re.findall(r"\$\{(\w+)", text)) | COMPOSE_ITSELF
    shown = set(re.findall(r"^#?(\w+)=", (DOCKER / ".env.example").read_text(encoding="utf-8"), re.M))
    expect(used - NOT_IN_THE_EXAMPLE == shown,
           f"compose.yaml and .env.example differ: {sorted((used - NOT_IN_THE_EXAMPLE) ^ shown)}")
    for fault in FAULTS:
        print(fault)
    sys.exit(bool(FAULTS))


if __name__ == "__main__":
    main()

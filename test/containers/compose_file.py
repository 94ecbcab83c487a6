"""compose_file.py - what can be said about docker/compose.yaml without running it: that it names volumes,
networks, secrets, stages and files that there are, uses every variable that docker/.env.example has, and no
other; that images have full versions, that what is built runs without rights, that no container gets an address that is
taken, and that what is started waits for what it needs. `make lint` runs it; test/containers/run really starts the file.
"""
import ipaddress
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
# Containers of the network inside, with senders: so many get an address at once.
FEWEST_ADDRESSES = 64
FAULTS = []


def expect(true, what):
    if not true:
        FAULTS.append(what)


def default_of(setting):
    """What ${NAME:-default} is if nobody sets it."""
    return re.fullmatch(r"\$\{\w+:-(.*)\}", setting)[1]


def names(entries):
    """The names in a list or an object of compose's: a secret may be an object with a source."""
    return [entry["source"] if isinstance(entry, dict) else entry for entry in entries]


def check_image(name, service):
    """A tag that moves with every new version would be another program from one day to the next."""
    expect("build" in service or re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+(-[a-z]+)?", service["image"]),
           f"{name}: {service['image']} has no full version")


def check_rights(name, service, users):
    """What test_containers.py sees of some containers in /proc."""
    if "build" in service:
        user = users.get(service["build"]["target"], "")
        expect(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), f"{name}: its stage has the user {user!r}, no number but 0")
        expect(service.get("read_only") is True, f"{name}: its file system can be written")
        expect(service.get("cap_drop") == ["ALL"], f"{name}: has capabilities")
        expect("no-new-privileges:true" in service.get("security_opt", []), f"{name}: may get new privileges")


def check_waiting(name, service, services):
    """Started is not ready."""
    for other, wanted in service.get("depends_on", {}).items():
        expect(other in services, f"{name}: no service {other}")
        expect("healthcheck" not in services.get(other, {}) or wanted["condition"] == "service_healthy",
               f"{name}: does not wait until {other} is well")


def check_service(name, service, compose, stages, made):
    for network in service["networks"]:
        expect(network in compose["networks"], f"{name}: no network {network}")
    for secret in names(service.get("secrets", [])):
        expect(secret in compose["secrets"], f"{name}: no secret {secret}")
    for volume in service.get("volumes", []):
        source = volume.partition(":")[0]
        there = (DOCKER / source).is_file() if source.startswith(".") else source in compose["volumes"]
        expect(there or source in MADE_FOLDERS, f"{name}: no volume or file {source}")
    if "build" in service:
        expect(service["build"]["target"] in stages, f"{name}: no stage {service['build']['target']}")
    expect("restart" in service, f"{name}: no restart")
    expect(name in UNCHECKED or "healthcheck" in service, f"{name}: no health check")
    expect(name == "nginx" or "ports" not in service, f"{name}: only nginx publishes a port")
    for secret in names(service.get("secrets", [])):
        expect(secret in made, f"docker/up does not make {secret}")


def check_addresses(compose):
    """podman gives every address of the range away, the broadcast address of the subnet, too."""
    config, = compose["networks"]["inside"]["ipam"]["config"]
    subnet, given = (ipaddress.ip_network(default_of(config[key])) for key in ("subnet", "ip_range"))
    fixed = default_of(compose["services"]["postgrest"]["networks"]["inside"]["ipv4_address"])
    expect(given.subnet_of(subnet) and given.num_addresses >= FEWEST_ADDRESSES,
           f"inside: {given} are not {FEWEST_ADDRESSES} addresses of {subnet}")
    for taken in (subnet.network_address, subnet.broadcast_address, ipaddress.ip_address(fixed)):
        expect(taken not in given, f"inside: a container may get {taken}, which is taken")


def main():
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    compose = yaml.safe_load(text)
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.M))
    users = {stage.split(maxsplit=1)[0]: user for stage in re.split(r"^FROM \S+ AS ", dockerfile, flags=re.M)[1:]
             for user in re.findall(r"^USER (\S+)$", stage, re.M)}
    expect(re.search(r"^ARG DEBIAN=debian:[a-z]+-\d{8}-slim$", dockerfile, re.M), "docker/Dockerfile: Debian has no date")
    up = (DOCKER / "up").read_text(encoding="utf-8")
    made = set(re.findall(r"\| secret (\w+)", up))
    for name, service in compose["services"].items():
        check_service(name, service, compose, stages, made)
        check_image(name, service)
        check_rights(name, service, users)
        check_waiting(name, service, compose["services"])
    check_addresses(compose)
    for folder in MADE_FOLDERS:
        expect(f"mkdir -p {folder.removeprefix('./')}" in up, f"docker/up does not make {folder}")
    expect(compose["services"]["consumer"]["profiles"] == ["store"]
           and compose["services"]["sender"]["profiles"] == ["senders"],
           "consumer and sender have profiles that exclude each other")
    for secret, entry in compose["secrets"].items():
        expect(entry["file"] == f"secrets/{secret}", f"secret {secret} has another file")
    used = set(re.findall(r"\$\{(\w+)", text)) | COMPOSE_ITSELF
    shown = set(re.findall(r"^#?(\w+)=", (DOCKER / ".env.example").read_text(encoding="utf-8"), re.M))
    expect(used == shown, f"compose.yaml and .env.example differ: {sorted(used ^ shown)}")
    for fault in FAULTS:
        print(fault)
    sys.exit(bool(FAULTS))


if __name__ == "__main__":
    main()

"""network.py - a network of its own for this process, with hosts in it between which ways can be cut.

Each host is a network namespace, joined to the others by a bridge. They are kept by file descriptors of
this process alone: when it has ended, however that was, and what runs in them too, nothing of them is left.

Must never change anything of the machine's own network.
"""
import ctypes
import os
import shutil

from stack import run

CLONE_NEWNET = 0x40000000
BRIDGE = "cluster"
GATEWAY = "10.77.0.1"
PREFIX = 24
LIBC = ctypes.CDLL(None, use_errno=True)


class NoNetwork(Exception):
    """Why there can be none here."""


def _checked(result, what):
    if result != 0:
        raise NoNetwork(f"{what}: {os.strerror(ctypes.get_errno())}")


def _namespace():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def missing():
    """The programs that the network needs and that are not there."""
    return [program for program in ("ip", "nft", "nsenter") if shutil.which(program) is None]


class Network:
    """This thread, and what it starts, moves into it, for good: call it before there are others."""

    def __init__(self):
        if os.geteuid() != 0:
            raise NoNetwork("network namespaces need root")
        if missing():
            raise NoNetwork(f"not installed: {', '.join(missing())} (test/stack/install cluster)")
        _checked(LIBC.unshare(CLONE_NEWNET), "network namespaces are not allowed here")
        self._home = _namespace()
        self.hosts = {}
        try:
            run(["ip", "link", "set", "lo", "up"])
            run(["ip", "link", "add", BRIDGE, "type", "bridge"])
            run(["ip", "address", "add", f"{GATEWAY}/{PREFIX}", "dev", BRIDGE])
            run(["ip", "link", "set", BRIDGE, "up"])
        except AssertionError as error:
            raise NoNetwork(str(error)) from error

    def add_host(self, name, address):
        _checked(LIBC.unshare(CLONE_NEWNET), "a network namespace")
        try:
            descriptor = _namespace()
        finally:
            _checked(LIBC.setns(self._home, CLONE_NEWNET), "back to the first namespace")
        host = Host(name, address, f"/proc/{os.getpid()}/fd/{descriptor}")
        run(["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", host.namespace])
        run(["ip", "link", "set", name, "master", BRIDGE, "up"])
        host.run("ip", "link", "set", "lo", "up")
        host.run("ip", "address", "add", f"{address}/{PREFIX}", "dev", "eth0")
        host.run("ip", "link", "set", "eth0", "up")
        host.run("nft", "add table ip cut; add set ip cut from { type ipv4_addr; };"
                 " add chain ip cut input { type filter hook input priority 0; };"
                 " add rule ip cut input ip saddr @from drop")
        self.hosts[name] = host
        return host

    def cut(self, one, *others):
        """Nothing passes between a host and the others any more; connections stay open, and hear nothing."""
        for other in others:
            one.drop(other.address)
            if isinstance(other, Host):
                other.drop(one.address)

    def isolate(self, host, clients=False):
        """Cuts a host off from all others, and from who is not on any of them."""
        self.cut(host, *(other for other in self.hosts.values() if other is not host))
        if clients:
            host.drop(GATEWAY)

    def heal(self):
        for host in self.hosts.values():
            host.run("nft", "flush set ip cut from")


class Host:
    """A network namespace with an address."""

    def __init__(self, name, address, namespace):
        self.name = name
        self.address = address
        self.namespace = namespace

    def run(self, *command, timeout=150, **options):
        """A command on this host."""
        return run(self.command(*command), timeout=timeout, **options)

    def command(self, *command):
        return ["nsenter", f"--net={self.namespace}", "--", *command]

    def drop(self, address):
        """Whatever comes from there is lost."""
        self.run("nft", f"add element ip cut from {{ {address} }}")

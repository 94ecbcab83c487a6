"""test_http_networks.py - the limits of an address: of IPv6 those of its first 64 bits, which one customer has.

In an nginx of its own with the configuration that is shipped, which takes the client's address from the
PROXY protocol: nobody here has so many networks.
"""
import contextlib
import socket

import pytest

from own_nginx import own_nginx

BURST = 20  # of docker/nginx.conf, beyond the rate


@pytest.fixture(name="port", scope="module")
def fixture_port(stack):
    """Where that nginx listens; it takes a login a minute."""
    with own_nginx(stack, listen="{} proxy_protocol;\nset_real_ip_from 127.0.0.1; real_ip_header proxy_protocol",
                   rate="1r/m") as port:
        yield port


def login(port, address):
    """The status that a login from this address gets."""
    family = "TCP6" if ":" in address else "TCP4"
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.sendall((f"PROXY {family} {address} {address} 50000 80\r\nPOST /login HTTP/1.1\r\nHost: x\r\n"
                            "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_a_network_is_one_client(port):
    """R7.2: whoever has one address of IPv6 has all of its network, and no more logins for that."""
    seen = [login(port, f"2001:db8:7:1::{n:x}") for n in range(BURST + 2)]
    assert 429 not in seen[:BURST + 1] and seen[-1] == 429, seen
    assert login(port, "2001:db8:7:1:ffff:ffff:ffff:ffff") == 429
    for other in ("2001:db8:7:2::1", "2001:db8:7::1", "2001:db8:8:1::1"):
        assert login(port, other) != 429, other


def test_an_address_of_ipv4_is_one_client(port):
    """R7.2: with four bytes, none of which is left out; also where it comes as one of IPv6."""
    seen = [login(port, ("192.0.2.1", "::ffff:192.0.2.1")[n % 2]) for n in range(BURST + 2)]
    assert 429 not in seen[:BURST + 1] and seen[-1] == 429, seen
    assert login(port, "::ffff:192.0.2.1") == login(port, "192.0.2.1") == 429
    for other in ("192.0.2.2", "::ffff:192.0.2.3", "::ffff:198.51.100.1", "::"):
        assert login(port, other) != 429, other

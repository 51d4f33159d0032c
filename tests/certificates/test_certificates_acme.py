"""A certificate from Pebble, obtained, renewed and not renewed, by the shop as its operator starts it."""

import http.client
import re
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import Running, place
from tests.certificates.pebble import Authority, free_port, needs_pebble, pebble
from tests.waiting import PATIENCE, until

from shopfloor.certificates import Source, Wanted
from shopfloor.certificates.program import make
from shopfloor.certificates.store import open_store

pytestmark = needs_pebble

NAME = "shop.example"
# Long enough for a slow machine, short enough to see it renewed.
LIFE = 30


def shop(data_dir: Path, authority: Authority, plain: int, **settings: Any) -> Running:
    given: dict[str, Any] = {
        "DOMAIN": f"{NAME}, www.{NAME}", "HOST": "127.0.0.1", "PORT": str(free_port()), "HTTP_PORT": str(plain),
        "ACME_DIRECTORY": authority.directory, "ACME_CA_FILE": authority.ca_file, "ACME_EMAIL": f"ada@{NAME}",
        "ACME_ACCEPT_TERMS": "true", "LOG_LEVEL": "INFO",
    }  # fmt: skip
    return Running(data_dir, **(given | settings))


def secured(node: Running, root: str, name: str = NAME) -> ssl.SSLSocket:
    """A connection that checks the certificate as a browser would that knows the authority."""
    context = ssl.create_default_context(cadata=root)
    raw = socket.create_connection(("127.0.0.1", int(node.address.rpartition(":")[2])), 20)
    return context.wrap_socket(raw, server_hostname=name)


def serial(node: Running, root: str) -> str:
    with secured(node, root) as connection:
        found = connection.getpeercert()
        assert found is not None
        return str(found["serialNumber"])


def figure(plain: int, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=PATIENCE)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(rf"^shopfloor_certificate_{name} (\S+)$", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def asked(plain: int, path: str, host: str = NAME) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", plain, timeout=PATIENCE)
    connection.request("GET", path, headers={"host": host})
    return connection.getresponse()


def is_healthy(connection: ssl.SSLSocket) -> bool:
    """Asked over a connection that stays open."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: %s\r\n\r\n" % NAME.encode())
    said = b""
    while not said.endswith(b"\r\n\r\nok\n"):
        more = connection.recv(65_536)
        if not more:
            return False
        said += more
    return said.startswith(b"HTTP/1.1 200 OK")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with place() as path:
        yield path


def test_obtained_renewed_without_closing_a_connection_and_kept_when_it_cannot_be(
    data_dir: Path, tmp_path: Path
) -> None:
    plain = free_port()
    with (
        pebble(tmp_path, http_port=plain, seconds=LIFE) as authority,
        shop(data_dir, authority, plain) as node,
    ):
        root = authority.root()
        port = node.address.rpartition(":")[2]
        assert node.address == f"https://{NAME}:{port}"
        assert [each for each in node.said if "was not obtained" in each] == []
        first = serial(node, root)
        with secured(node, root, f"www.{NAME}") as other:
            other.sendall(
                b"GET /s/x?y=1 HTTP/1.1\r\nhost: www.%s:%s\r\n\r\n" % (NAME.encode(), port.encode())
            )
            said = other.recv(65_536).decode()
            assert said.startswith("HTTP/1.1 308 ")
            assert f"location: {node.address}/s/x?y=1\r\n" in said

        # A foreign client, and what the port without TLS says.
        curl = subprocess.run(
            ["curl", "-sS", "--noproxy", "*", "--resolve", f"{NAME}:{port}:127.0.0.1", "--cacert", "/dev/stdin", "-i",
             f"{node.address}/healthz"],
            input=root, capture_output=True, text=True, timeout=30, check=True,
        ).stdout  # fmt: skip
        assert curl.startswith("HTTP/1.1 200 OK")
        assert curl.endswith("ok\n")
        # Nobody is told to stay on https by a certificate that browsers do not trust.
        assert "strict-transport-security" not in curl.lower()
        led = asked(plain, "/s/x?y=1", host="evil.example")
        assert (led.status, led.headers["location"]) == (307, f"{node.address}/s/x?y=1")
        assert asked(plain, "//evil.example/").headers["location"] == f"{node.address}/evil.example/"
        assert asked(plain, "/.well-known/acme-challenge/" + "x" * 43).status == 404

        # Keys are nobody else's to read.
        kept = [each for each in (data_dir / "certificates").rglob("*") if each.is_file()]
        assert {stat.S_IMODE(each.stat().st_mode) for each in kept} == {0o600}
        assert stat.S_IMODE((data_dir / "certificates").stat().st_mode) == 0o700
        assert [each.name for each in kept if each.parent.name == "challenges"] == []

        # Renewed while somebody is connected: who comes next gets the new one, who is there stays.
        held = secured(node, root)
        assert is_healthy(held)
        second = until("another certificate", lambda: now if (now := serial(node, root)) != first else "")
        assert is_healthy(held)
        held.close()
        assert figure(plain, "renewals_total") == 2
        assert figure(plain, "failures") == 0

        # Not renewed: served on, counted, and said.
        authority.break_name(NAME)
        until("a failure", lambda: figure(plain, "failures") == 1)
        assert figure(plain, "renewals_total") == 2
        with socket.create_connection(("127.0.0.1", int(port)), 20) as raw:
            context = ssl.create_default_context(cadata=root)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(raw, server_hostname=NAME) as connection:
                der = connection.getpeercert(binary_form=True)
        assert der is not None
        assert f"{int(second, 16):x}" in f"{int.from_bytes(der):x}"
        told = node.command("status").stdout
        assert f"HTTPS: {NAME}, www.{NAME}" in told
        assert (
            "Not renewed (1 tries, certificate.not_validated): The authority could not check the domain."
            in told
        )
        assert "Next try at " in told


def test_without_the_terms_accepted_nothing_is_ordered_and_the_shop_says_why(
    data_dir: Path, tmp_path: Path
) -> None:
    plain = free_port()
    with pebble(tmp_path, http_port=plain) as authority:
        with shop(data_dir, authority, plain, ACME_ACCEPT_TERMS="false") as node:
            said = "\n".join(node.said)
            assert (
                "The authority asks you to accept its terms: data:text/plain,Do%20what%20thou%20wilt" in said
            )
            assert "--accept-terms" in said
            with pytest.raises((ssl.SSLError, ConnectionError)):
                secured(node, authority.root())
            refused = asked(plain, "/s/x")
            assert (refused.status, refused.headers["retry-after"]) == (503, "60")
            assert asked(plain, "/healthz").status == 200
            status = node.command("status")
            assert status.returncode == 1
            assert "certificate.terms" in status.stdout
        log = (tmp_path / "pebble.log").read_text()
        assert "/sign-me-up" not in log
        assert "Issued certificate" not in log


def test_a_restart_serves_what_is_there_and_orders_nothing(data_dir: Path, tmp_path: Path) -> None:
    plain = free_port()
    with pebble(tmp_path, http_port=plain) as authority:
        with shop(data_dir, authority, plain) as node:
            first = serial(node, authority.root())
        with shop(data_dir, authority, plain) as node:
            assert serial(node, authority.root()) == first
            assert node.command("status").returncode == 0
        assert (tmp_path / "pebble.log").read_text().count("Issued certificate") == 1


def wanted(authority: Authority, *names: str) -> Wanted:
    return Wanted(
        source=Source.DOMAIN,
        names=names,
        directory=authority.directory,
        ca_file=authority.ca_file,
        terms_accepted=True,
    )


def test_what_an_order_that_failed_says(tmp_path: Path) -> None:
    """Nobody answers at the port where the authority checks."""
    store = open_store(tmp_path / "kept")
    with pebble(tmp_path, http_port=free_port()) as authority:
        away = make(wanted(authority, NAME), store).problem
        stranger = make(replace(wanted(authority, NAME), ca_file=None), store).problem
        nowhere = make(replace(wanted(authority, NAME), directory="https://127.0.0.1:1/dir"), store).problem
    assert away is not None
    assert away.code == "certificate.not_validated"
    assert NAME in away.message
    assert "port 80" in away.message
    assert stranger is not None
    assert stranger.code == "certificate.authority_away"
    assert nowhere is not None
    assert nowhere.code == "certificate.authority_away"
    assert not Path(store.chain(Source.DOMAIN)).exists()
    assert store.files.names("challenges/") == []


def test_an_account_is_made_once_for_each_authority(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kept")
    with pebble(tmp_path, http_port=free_port()) as authority:
        for _ in range(2):
            make(wanted(authority, NAME), store)
        log = (tmp_path / "pebble.log").read_text()
    assert len(store.files.names("account/")) == 1
    assert log.count("There are now 1 accounts") == 1
    assert "There are now 2 accounts" not in log

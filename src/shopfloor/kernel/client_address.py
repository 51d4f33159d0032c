"""Whose request is it?  The one place that reads `X-Forwarded-For`, and only where a trusted proxy wrote it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

UNKNOWN: Final = "unknown"
_PREFIX: Final = 48
# What no real chain of proxies is longer than.
_HOPS: Final = 32
# Who asks has mostly asked before, and reading an address costs more than all else that is done for a purchase.  What
# is longer than this is read each time: what strangers write may not fill the memory.
_REMEMBERED: Final = 20_000
_LONGEST_REMEMBERED: Final = 200

Network = IPv4Network | IPv6Network


class _Networks(tuple[Network, ...]):  # noqa: SLOT001 -- a tuple has no room for slots
    """Networks that are hashed once: they are part of the key under which every address is remembered."""

    def __init__(self, _found: Iterable[Network] = (), /) -> None:
        self._hash = hash(tuple(self))

    def __hash__(self) -> int:
        return self._hash


def _hashed(proxies: Sequence[Network]) -> _Networks:
    return proxies if type(proxies) is _Networks else _Networks(proxies)


class BadProxies(ValueError):
    """The list of trusted proxies names something that is no address and no network."""


def networks(text: str) -> tuple[Network, ...]:
    """`127.0.0.1, ::1, 10.0.0.0/8` as networks.  Raises BadProxies with a sentence for the operator."""
    found: list[Network] = []
    for part in text.replace(",", " ").split():
        try:
            found.append(ip_network(part, strict=False))
        except ValueError as problem:
            raise BadProxies(f"'{part}' is no address and no network such as 10.0.0.0/8.") from problem
    return _Networks(found)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: perhaps in brackets, with a port or a zone.  None for anything else."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(peer: str, proxies: Sequence[Network]) -> bool:
    if len(peer) > _LONGEST_REMEMBERED:
        return _is_trusted(peer, _hashed(proxies))
    return _remembered_trust(peer, _hashed(proxies))


def _is_trusted(peer: str, proxies: _Networks) -> bool:
    address = _parsed(peer)
    return address is not None and _within(address, proxies)


_remembered_trust = lru_cache(_REMEMBERED)(_is_trusted)


def _within(address: IPv4Address | IPv6Address, proxies: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in proxies)


def client_address(peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[Network]) -> str:
    """The address a request came from: `peer`, or what trusted proxies say, read from the nearest on.

    `unknown` where a trusted proxy says nothing that is an address.
    """
    said = b",".join([value for name, value in headers if name == b"x-forwarded-for"])
    if len(peer) + len(said) > _LONGEST_REMEMBERED:
        return _address(peer, said, _hashed(proxies))
    return _remembered_address(peer, said, _hashed(proxies))


def _address(peer: str, said: bytes, proxies: _Networks) -> str:
    address = _parsed(peer)
    if address is None:
        return UNKNOWN
    if not said or not _within(address, proxies):
        return address.compressed
    for part in reversed(said.decode("latin-1").split(",")[-_HOPS:]):
        hop = _parsed(part)
        if hop is None:
            return UNKNOWN
        address = hop
        if not _within(address, proxies):
            break
    return address.compressed


_remembered_address = lru_cache(_REMEMBERED)(_address)


def forwarded_scheme(
    peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[Network]
) -> str | None:
    """`http` or `https` where a trusted proxy says so."""
    said = next((value for name, value in headers if name == b"x-forwarded-proto"), b"")
    scheme = said.decode("latin-1").strip().lower()
    return scheme if scheme in {"http", "https"} and is_trusted(peer, proxies) else None


def is_own_machine(address: str) -> bool:
    found = _parsed(address)
    return found is not None and found.is_loopback


def address_group(address: str) -> str:
    """Who an address belongs to: itself, or the /48 of an IPv6 address."""
    return _group(address) if len(address) > _LONGEST_REMEMBERED else _remembered_group(address)


def _group(address: str) -> str:
    found = _parsed(address)
    if not isinstance(found, IPv6Address) or found.is_loopback:
        return address if found is None else found.compressed
    return IPv6Network((found, _PREFIX), strict=False).network_address.compressed


_remembered_group = lru_cache(_REMEMBERED)(_group)

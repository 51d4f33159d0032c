"""Computing a draw again from its file: without a database, and without anybody's word."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from shopfloor.giveaways import beacon, drawing
from shopfloor.giveaways.models import CLOSING, FILE, RULES
from shopfloor.kernel import canonical
from shopfloor.kernel.findings import Finding
from shopfloor.kernel.records import dataclass

_NAMES: Final = {"type", "rules", "closing", "entries", "secret", "signature", "seed", "winners"}
_NUMBER: Final = re.compile(r"[0-9A-Z]{10}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`draw` None: the file could not be read as one."""

    draw: dict[str, Any] | None
    checks: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return self.draw is not None and all(check.state != "failed" for check in self.checks)


def fingerprint(rules: Mapping[str, Any]) -> str:
    """SHA-256 of their canonical JSON, as it is published with them."""
    return drawing.digest(rules).hex()


class _Fails(Exception):
    """In words."""


def is_draw(data: bytes) -> bool:
    """Whether it means to be the file of a draw."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("type") == FILE


def verify(data: bytes, *, seen: Sequence[str] = ()) -> Verdict:
    """`seen`: fingerprints of rules, or roots of lists, that the reader noted while they were published."""
    try:
        draw = _read(data)
    except _Fails as problem:
        return Verdict(None, (Finding("failed", str(problem)),))
    looks = (_rules, _list, _secret, _value, _winners, partial(_published, seen=seen))
    return Verdict(draw, tuple(_looked(look, draw) for look in looks))


def _looked(look: Callable[[dict[str, Any]], Finding], draw: dict[str, Any]) -> Finding:
    try:
        return look(draw)
    except _Fails as problem:
        return Finding("failed", str(problem))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
        return Finding("failed", f"Something in the file is not as it should be: {problem!r}.")


def _read(data: bytes) -> dict[str, Any]:
    try:
        found = canonical.decode(data)
    except ValueError as problem:
        raise _Fails(f"This is no file of a draw, or it was changed: {problem}") from problem
    if not isinstance(found, dict) or set(found) != _NAMES or found["type"] != FILE:
        raise _Fails("This is no file of a draw of this version.")
    # Digits of either case are the same bytes, and another file.
    if any(str(found[each]) != str(found[each]).lower() for each in ("secret", "signature")):
        raise _Fails("This is no file of a draw, or it was changed: its digits are written otherwise.")
    rules, closing = found["rules"], found["closing"]
    if not isinstance(rules, dict) or rules.get("type") != RULES:
        raise _Fails("The rules in the file are of another version.")
    if not isinstance(closing, dict) or closing.get("type") != CLOSING:
        raise _Fails("The closed list in the file is of another version.")
    return found


def _rules(draw: dict[str, Any]) -> Finding:
    found = fingerprint(draw["rules"])
    if draw["closing"]["rules"] != found:
        raise _Fails("The list was closed under other rules than those in the file.")
    return Finding("proven", f"Rules: the list was closed under these, whose fingerprint is {found}.")


def _list(draw: dict[str, Any]) -> Finding:
    numbers = draw["entries"]
    if numbers != sorted(set(numbers)) or not all(_NUMBER.fullmatch(each) for each in numbers):
        raise _Fails("The list has an entry twice, or one that is none.")
    if drawing.root(numbers).hex() != draw["closing"]["root"] or len(numbers) != draw["closing"]["entries"]:
        raise _Fails("The list is not the one that was closed.")
    return Finding("proven", f"Entries: these {len(numbers):,} are the list that was closed.")


def _secret(draw: dict[str, Any]) -> Finding:
    if hashlib.sha256(bytes.fromhex(draw["secret"])).hexdigest() != draw["rules"]["commitment"]:
        raise _Fails("The secret is not the one whose hash the rules name.")
    return Finding("proven", "Secret: it is the one whose hash the rules name.")


def _value(draw: dict[str, Any]) -> Finding:
    if draw["closing"]["closed_at"] < draw["rules"]["closes_at"]:
        raise _Fails("The list was closed before the time that the rules name.")
    named = draw["rules"]["beacon"]
    try:
        beacon.check(named["public_key"], named["round"], bytes.fromhex(draw["signature"]))
    except beacon.WrongValue:
        raise _Fails("The public value is not that of the round which the rules name.") from None
    if (named["chain"], named["public_key"]) == (beacon.QUICKNET.hash, beacon.QUICKNET.public_key):
        if named["at"] != f"{beacon.QUICKNET.moment_of(named['round']):%Y-%m-%dT%H:%M:%SZ}":
            raise _Fails("The round is not of the moment that the rules say.")
        if draw["closing"]["closed_at"] >= named["at"]:
            raise _Fails("The list was closed when the public value could be known.")
        return Finding(
            "proven",
            f"Chance: round {named['round']} of drand, signed by the League of Entropy, which nobody knew before "
            f"{named['at']}.",
        )
    return Finding(
        "open",
        f"Chance: the value is of “{named['name']}”, which is not drand. Whoever runs that beacon may have known it "
        "beforehand, so this draw proves nothing about chance.",
    )


def _winners(draw: dict[str, Any]) -> Finding:
    rules, closing = draw["rules"], draw["closing"]
    seed = drawing.seed(rules, closing, bytes.fromhex(draw["secret"]), bytes.fromhex(draw["signature"]))
    if seed.hex() != draw["seed"]:
        raise _Fails("The seed does not follow from rules, list, secret and public value.")
    drawn = drawing.order(draw["entries"], seed)[: rules["winners"]]
    if drawn != draw["winners"]:
        raise _Fails("Others were drawn than the file says.")
    return Finding("proven", f"Drawn: computed again, the winners are {', '.join(drawn)}.")


def _published(draw: dict[str, Any], seen: Sequence[str]) -> Finding:
    known = {fingerprint(draw["rules"]), draw["closing"]["root"]}
    if any(each.strip().lower() not in known for each in seen):
        raise _Fails(
            "What you saw published is neither the fingerprint of these rules nor the root of this list."
        )
    if seen:
        return Finding("proven", "Published: what you noted is of these rules and this list.")
    return Finding(
        "open",
        "Published: the file can't prove that rules and root were shown before the draw. If you noted one, give it "
        f"with --seen; the root is {draw['closing']['root']}.",
    )

"""What the browser's page and the command are both held to: `tests/vectors/statements.json`, made from fixed keys.

`python -m tests.statements.test_statements_vectors` writes it anew.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tests.statements import foreign

from shopfloor.kernel import canonical, merkle
from shopfloor.statements import notes, verifying

PLACE = Path(__file__).parents[1] / "vectors" / "statements.json"
ORIGIN = "shopfloor/dawn/00"
FIRST, SECOND = (notes.Signer(ORIGIN, notes.LOG, bytes([n]) * 32) for n in (1, 2))
STRANGER = notes.Signer(ORIGIN, notes.LOG, bytes([9]) * 32)
WITNESS = notes.Signer("bank.example/w", notes.WITNESS, bytes([3]) * 32)


def key_entry(number: int, signer: notes.Signer, before: notes.Signer | None, *, vouched: bool = True) -> Any:
    document = {
        "type": "shopfloor.key/1", "log": ORIGIN, "number": number, "key": str(signer.public),
        "previous": None if before is None else str(before.public), "made_at": "2026-11-01T00:00:00Z",
    }  # fmt: skip
    message = b"shopfloor key\n" + canonical.encode(document)
    by_previous = None if before is None or not vouched else notes.b64(before.sign(message))
    return {
        "document": document,
        "signature": notes.b64(signer.sign(message)),
        "previous_signature": by_previous,
    }


def file(
    signer: notes.Signer = SECOND,
    *,
    others: int = 4,
    witnesses: tuple[notes.Signer, ...] = (),
    logged: bool = True,
    vouched: bool = True,
    checkpoint_by: notes.Signer | None = None,
    added: notes.Signer | None = None,
    title: str = "Friday\u2028€😀",
    more: str = "",
    **other: Any,
) -> str:
    """`added`: a key at the end that nobody vouches for; `more`: lines below the checkpoint; `other` parts of it."""
    statement: dict[str, Any] = {
        "type": "shopfloor.statement/1", "log": ORIGIN, "number": 1, "version": 1, "replaces": None,
        "as_of": "2026-11-22T20:06:00Z", "currency": "CNY", "state": "provisional", "tables": {}, "inputs": {},
        "shop": {"name": "晨光 “Dawn”\n", "key": signer.public.id.hex()},
        "show": {"id": 7, "title": title},
        "figures": {
            "gmv_paid": {"numerator": 45_000, "denominator": None, "unit": "minor", "version": 1, "state": "provisional", "definition": {"en": "Paid.", "zh": "已付。"}},
            "conversion": {"numerator": 3, "denominator": 4, "unit": "ratio", "version": 2, "state": "final", "definition": {"en": "Bought.", "zh": "已购。"}},
        },
        "integrity": {"assessed": False}, **other,
    }  # fmt: skip
    signature = notes.b64(signer.sign(b"shopfloor statement\n" + canonical.encode(statement)))
    entries = [canonical.encode({"document": n}) for n in range(others)]
    entries.insert(2, canonical.encode({"document": statement, "signature": signature}))
    body = notes.Checkpoint(ORIGIN, len(entries), foreign.root(entries))
    note = body.signed([checkpoint_by or signer])
    note += "".join(notes.cosign(each, body.body, time=1_795_000_000) for each in witnesses) + more
    keys = [key_entry(1, FIRST, None), key_entry(2, SECOND, FIRST, vouched=vouched)]
    if added is not None:
        keys.append(key_entry(3, added, SECOND, vouched=False))
    return canonical.encode(
        {
            "type": "shopfloor.statement-file/1", "statement": statement, "signature": signature, "position": 2,
            "inclusion": [notes.b64(each) for each in foreign.path(2, entries)],
            "checkpoint": note if logged else None, "witnesses": [str(each.public) for each in witnesses],
            "keys": keys,
        }
    ).decode()  # fmt: skip


def vectors() -> list[dict[str, Any]]:
    """Each: a file, the key that is given, and what each check says."""
    open_end = ["open:events", "open:not_assessed"]

    def of(name: str, text: str, key: str, *states: str) -> dict[str, Any]:
        return {"name": name, "file": text, "key": key, "states": [*states]}

    own, plain = str(SECOND.public), file()
    return [
        of("with the key", plain, own, "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("with the key before", plain, str(FIRST.public), "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("signed with the key before", file(FIRST), own, "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("without a key", plain, "", "proven:signed", "open:any_key", "proven:logged", "open:not_witnessed", *open_end),
        of("another key", plain, str(STRANGER.public), "proven:signed", "failed:other_key", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("no key at all", plain, "nonsense", "proven:signed", "failed:base64", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("a key nobody vouches for", file(vouched=False), str(FIRST.public), "proven:signed", "failed:not_vouched", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("witnessed", file(witnesses=(WITNESS,)), own, "proven:signed", "proven:your_key", "proven:logged", "proven:witnessed", *open_end),
        of("witnessed by itself", file(witnesses=(notes.Signer("me", notes.WITNESS, SECOND.seed),)), own, "proven:signed", "proven:your_key", "proven:logged", "failed:own_witness", *open_end),
        of("alone in its log", file(others=2), own, "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("not logged yet", file(logged=False), own, "proven:signed", "proven:your_key", "failed:not_logged", "open:not_witnessed", *open_end),
        of("a checkpoint of somebody else", file(checkpoint_by=STRANGER), own, "proven:signed", "proven:your_key", "failed:unknown_line", "open:not_witnessed", *open_end),
        of("a log of a key that was added", file(checkpoint_by=STRANGER, added=STRANGER), own, "proven:signed", "proven:your_key", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("the same without a key", file(checkpoint_by=STRANGER, added=STRANGER), "", "proven:signed", "open:any_key", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("a key that was added and signed nothing", file(added=STRANGER), own, "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("a second line of the key", file(more=SECOND.line(bytes(64))), own, "proven:signed", "proven:your_key", "failed:checkpoint_not_signed", "open:not_witnessed", *open_end),
        of("a line of the key's id and another name", file(more=notes.Signer("else", notes.LOG, SECOND.seed).line(bytes(64)).replace(notes.b64(notes.Signer("else", notes.LOG, SECOND.seed).public.id + bytes(64)), notes.b64(SECOND.public.id + bytes(64)))), own, "proven:signed", "proven:your_key", "failed:unknown_line", "open:not_witnessed", *open_end),
        of("a backslash in a title", file(title=r"C:\users\ufo"), own, "proven:signed", "proven:your_key", "proven:logged", "open:not_witnessed", *open_end),
        of("a position that is no number", plain.replace('"position":2', '"position":true'), own, "proven:signed", "proven:your_key", "failed:not_included", "open:not_witnessed", *open_end),
        of("a number beyond 2^53", plain.replace("45000", str(2**53)), own, "failed:not_canonical"),
        of("no show", file(show=None), own, "failed:not_a_file"),
        of("no figures", file(figures={}), own, "failed:not_a_file"),
        of("a figure that is none", file(figures={"gmv_paid": 1}), own, "failed:not_a_file"),
        of("an assessment in words", file(integrity="fine"), own, "failed:not_a_file"),
        of("a figure changed", plain.replace("45000", "95000"), own, "failed:not_signed"),
        of("a space more", plain.replace(":", ": ", 1), own, "failed:not_canonical"),
        of("half a character", plain.replace("Friday", r"\ud800"), own, "failed:not_canonical"),
        of("a mark before it", "\ufeff" + plain, own, "failed:not_canonical"),
        of("something else", '{"a":1}', own, "failed:not_a_file"),
        of("nothing", "", own, "failed:not_canonical"),
    ]  # fmt: skip


def test_the_vectors_are_what_is_kept() -> None:
    assert json.loads(PLACE.read_text()) == vectors()


@pytest.mark.parametrize("vector", vectors(), ids=lambda each: each["name"])
def test_the_command_says_of_each_what_the_page_says(vector: dict[str, Any]) -> None:
    key = vector["key"] or None
    if key == "nonsense":
        with pytest.raises(notes.BadNote):
            verifying.verify(vector["file"].encode(), key=key)
        return
    found = verifying.verify(vector["file"].encode(), key=key)

    states = [state.partition(":")[0] for state in vector["states"]]
    if len(states) > 1:
        assert [check.state for check in found.checks] == states, [check.words for check in found.checks]
    assert found.holds == ("failed" not in states)
    if found.holds:
        assert foreign.check(vector["file"].encode())["number"] == 1


def test_a_signature_is_read_in_one_form_only() -> None:
    """The last character of Base64 has bits that say nothing: two texts of one signature would be two files."""
    whole = json.loads(file())
    text = whole["signature"]
    last = base64.b64encode(base64.b64decode(text)).decode()[-3]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = alphabet[alphabet.index(last) ^ 1]
    assert base64.b64decode(text[:-3] + other + "==") == base64.b64decode(text)
    whole["signature"] = text[:-3] + other + "=="
    assert not verifying.verify(canonical.encode(whole)).holds
    assert foreign.root([]) == merkle.EMPTY


if __name__ == "__main__":
    PLACE.write_text(json.dumps(vectors(), ensure_ascii=True, indent=1) + "\n")

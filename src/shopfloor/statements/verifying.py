"""Finding a statement file: with the file alone, without a database and without anybody's word.

Each check says what it proves; what cannot be told from the file stays open, and is never counted as proven.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from shopfloor.kernel import canonical, late, merkle
from shopfloor.kernel.findings import Finding
from shopfloor.kernel.records import dataclass
from shopfloor.statements import notes
from shopfloor.statements.models import FILE, KEY, SIGNED, STATEMENT

if TYPE_CHECKING:
    from shopfloor import collector
    from shopfloor.statements import drawing, inputs
else:
    collector = late.module("shopfloor.collector")
    drawing = late.module("shopfloor.statements.drawing")
    inputs = late.module("shopfloor.statements.inputs")

MOST_BYTES: Final = 64 << 20
_NUMBERS: Final = ("unit", "numerator", "denominator", "state")
_OF_A_FIGURE: Final = frozenset({"version", "definition", *_NUMBERS})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`statement` None: the file could not be read as one."""

    statement: dict[str, Any] | None
    checks: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return self.statement is not None and all(check.state != "failed" for check in self.checks)

    @property
    def is_witnessed(self) -> bool:
        return any(check.state == "proven" and check.words.startswith("Witnessed") for check in self.checks)


class _Fails(Exception):
    """In words."""


def verify(
    data: bytes, *, key: str | None = None, witnesses: Sequence[str] = (), lake: Path | None = None
) -> Verdict:
    """`key`: what the reader knows to be a key of the shop, by another way than this file; `witnesses`: keys of
    witnesses known the same way.  Raises BadNote where these are no keys.
    """
    known = None if key is None else notes.PublicKey.read(key)
    trusted = [notes.PublicKey.read(each) for each in witnesses]
    checks: list[Finding] = []
    try:
        file = _read(data)
    except _Fails as problem:
        return Verdict(None, (Finding("failed", str(problem)),))
    statement = file["statement"]

    def run(look: Callable[[], Finding]) -> None:
        try:
            checks.append(look())
        except (_Fails, notes.BadNote, notes.BadSignature, merkle.ProofFails) as problem:
            checks.append(Finding("failed", str(problem) or "A proof does not lead where it says."))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
            checks.append(Finding("failed", f"Something in the file is not as it should be: {problem!r}."))

    run(lambda: _signature(file))
    run(lambda: _trust(file, known))
    run(lambda: _logged(file, known))
    run(lambda: _witnessed(file, trusted))
    if lake is not None:
        run(lambda: _files(statement, lake))
        run(lambda: _events(statement, lake))
        run(lambda: _figures(statement, lake))
    else:
        checks.append(Finding("open", "Events: not compared; give the files of the lake with --lake DIR."))
    run(lambda: _integrity(statement))
    return Verdict(statement, tuple(checks))


def _read(data: bytes) -> dict[str, Any]:
    try:
        file = canonical.decode(data)
    except ValueError as problem:
        raise _Fails(f"This is no statement file, or it was changed: {problem}") from problem
    names = {"type", "statement", "signature", "position", "inclusion", "checkpoint", "witnesses", "keys"}
    if not isinstance(file, dict) or set(file) != names or file["type"] != FILE:
        raise _Fails("This is no statement file of this version.")
    if not _is_statement(file["statement"]):
        raise _Fails("This is no statement of this version.")
    return file


_PARTS: Final[Mapping[str, type]] = {
    "log": str, "number": int, "version": int, "as_of": str, "state": str, "shop": dict, "show": dict,
    "figures": dict, "tables": dict, "inputs": dict, "integrity": dict,
}  # fmt: skip


def _is_statement(statement: object) -> bool:
    """Whether it has what is read of it here; what was signed is not thereby what it should be."""
    if not isinstance(statement, dict):
        return False
    found = cast("dict[str, Any]", statement)
    return (
        found.get("type") == STATEMENT
        and all(type(found.get(name)) is kind for name, kind in _PARTS.items())
        and all(isinstance(found["shop"].get(name), str) for name in ("name", "key"))
        and all(name in found["show"] for name in ("id", "title"))
        and bool(found["figures"])
        and all(isinstance(each, dict) and each.keys() >= _OF_A_FIGURE for each in found["figures"].values())
        and isinstance(found["integrity"].get("assessed"), bool)
    )


def _chain(file: dict[str, Any]) -> list[tuple[notes.PublicKey, notes.PublicKey | None, bool]]:
    """The shop's keys, each with the one before it and whether that one vouches for it."""
    found: list[tuple[notes.PublicKey, notes.PublicKey | None, bool]] = []
    origin = file["statement"]["log"]
    for number, each in enumerate(file["keys"], 1):
        document = each["document"]
        key = notes.PublicKey.read(document["key"])
        previous = None if document["previous"] is None else notes.PublicKey.read(document["previous"])
        if (
            document["type"] != KEY
            or document["number"] != number
            or document["log"] != origin
            or key.name != origin
            or key.algorithm != notes.LOG
            or previous != (found[-1][0] if found else None)
        ):
            raise _Fails("The keys in the file do not follow from one another.")
        message = SIGNED[KEY] + canonical.encode(document)
        key.verify(notes.unb64(each["signature"], 64), message)
        vouched = each["previous_signature"] is not None
        if vouched:
            if previous is None:
                raise _Fails("The first key is signed by none before it.")
            previous.verify(notes.unb64(each["previous_signature"], 64), message)
        found.append((key, previous, vouched))
    if not found:
        raise _Fails("The file has no key of the shop.")
    return found


def _signing_key(file: dict[str, Any]) -> notes.PublicKey:
    named = file["statement"]["shop"]["key"]
    for key, _, _ in _chain(file):
        if key.id.hex() == named:
            return key
    raise _Fails("The key that the statement names is not in the file.")


def _signature(file: dict[str, Any]) -> Finding:
    statement = file["statement"]
    key = _signing_key(file)
    key.verify(notes.unb64(file["signature"], 64), SIGNED[STATEMENT] + canonical.encode(statement))
    shop = statement["shop"]["name"]
    return Finding(
        "proven",
        f"Signed: no byte of this statement of “{shop}” was changed since key {key.id.hex()} signed it.",
    )


def _trust(file: dict[str, Any], known: notes.PublicKey | None) -> Finding:
    signing = _signing_key(file)
    chain = _chain(file)
    if known is None:
        return Finding(
            "open",
            f"Whose key: the file itself says that {signing.id.hex()} is the shop's. Ask the shop by another way, "
            f"and give it with --key: {signing}",
        )
    if known not in [key for key, _, _ in chain]:
        raise _Fails(
            "The key you gave is not in this file: it is another log's, or newer than the file. If the shop has "
            "changed its key since, download the file again."
        )
    if signing in _vouched(chain, known):
        return Finding("proven", f"Whose key: yours vouches for {signing.id.hex()}, which signed.")
    raise _Fails(
        "A key after yours was not signed by the one before it: nothing leads from your key to this statement."
    )


def _vouched(
    chain: Sequence[tuple[notes.PublicKey, notes.PublicKey | None, bool]], anchor: notes.PublicKey
) -> list[notes.PublicKey]:
    """The keys that `anchor`, one of the chain, leads to.

    A later key names the one before it over its own signature; an earlier one must have signed the later.
    """
    keys = [key for key, _, _ in chain]
    end = keys.index(anchor) + 1
    while end < len(chain) and chain[end][2]:
        end += 1
    return keys[:end]


def _logged(file: dict[str, Any], known: notes.PublicKey | None) -> Finding:
    leaf = merkle.leaf_hash(canonical.encode({"document": file["statement"], "signature": file["signature"]}))
    proof = [notes.unb64(each, 32) for each in file["inclusion"]]
    if file["checkpoint"] is None:
        raise _Fails(
            "Not in the log yet: no checkpoint has been signed. Download the file again in a minute."
        )
    note, checkpoint = _checkpoint(file)
    if type(file["position"]) is not int:
        raise _Fails("The position is no number.")
    merkle.check_inclusion(leaf, file["position"], checkpoint.size, proof, checkpoint.root)
    chain = _chain(file)
    # Whoever has a file can add a key of their own to it, and let that sign a log of their own.
    anchor = _signing_key(file) if known is None else known
    trusted = _vouched(chain, anchor) if any(key == anchor for key, _, _ in chain) else []
    witnesses = {(each.name, each.id) for each in map(notes.PublicKey.read, file["witnesses"])}
    signed = 0
    for line in note.signatures:
        key = next((key for key, _, _ in chain if (key.name, key.id) == (line.name, line.key_id)), None)
        if key is not None:
            key.verify(line.value, note.body.encode())
            signed += key in trusted
        elif (line.name, line.key_id) not in witnesses:
            raise _Fails("The checkpoint has a signature of a key that is not in the file.")
    if not signed:
        raise notes.BadSignature("No key that yours leads to signed the checkpoint.")
    return Finding(
        "proven",
        f"Logged: it is entry {file['position']} of the shop's log, under the checkpoint of {checkpoint.size} entries. "
        "It can't be taken out or replaced without breaking that checkpoint.",
    )


def _checkpoint(file: dict[str, Any]) -> tuple[notes.Note, notes.Checkpoint]:
    note = notes.read_note(file["checkpoint"])
    checkpoint = notes.read_checkpoint(note)
    if checkpoint.origin != file["statement"]["log"]:
        raise _Fails("The checkpoint is that of another log.")
    return note, checkpoint


def _witnessed(file: dict[str, Any], trusted: Sequence[notes.PublicKey]) -> Finding:
    cosigned: list[tuple[notes.PublicKey, int]] = []
    own = {key.raw for key, _, _ in _chain(file)}
    if file["checkpoint"] is not None:
        note, _ = _checkpoint(file)
        for each in file["witnesses"]:
            witness = notes.PublicKey.read(each)
            found = note.by(witness)
            if found is None:
                raise _Fails("A witness is named whose signature is not there.")
            time = notes.check_cosignature(found, note.body, witness)
            if witness.raw in own:
                raise _Fails("The shop is no witness of itself.")
            cosigned.append((witness, time))
    if trusted:
        cosigned = [(witness, time) for witness, time in cosigned if witness in trusted]
        if not cosigned:
            raise _Fails("None of the witnesses you gave has signed this checkpoint.")
    if not cosigned:
        return Finding(
            "open",
            "Not witnessed: nobody but the shop has signed this checkpoint. The shop could show others another log.",
        )
    named = "; ".join(f"{witness.name} at {_moment(time)}" for witness, time in cosigned)
    if trusted:
        return Finding("proven", f"Witnessed: {named} saw this log, and nothing that contradicts it.")
    return Finding(
        "proven",
        f"Witnessed by {named}. Whether that is somebody independent the file can't prove: compare "
        + ", ".join(str(witness) for witness, _ in cosigned),
    )


def _moment(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"


def _view(statement: dict[str, Any], lake: Path) -> collector.Lake:
    if not (lake / "manifest").is_dir() and not (lake / "manifest.jsonl").is_file():
        raise _Fails(f"{lake} is no lake: it has no manifest.")
    try:
        return collector.lake.open(lake).until(_as_of(statement))
    except Exception as problem:  # whatever a damaged file makes its readers say
        raise _Fails(f"The lake can't be read: {problem}") from problem


def _as_of(statement: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(statement["as_of"])


def _files(statement: dict[str, Any], lake: Path) -> Finding:
    view = _view(statement, lake)
    now = [
        {"path": file.path, "sha256": file.sha256}
        for file in view.snapshot.files(show_id=statement["show"]["id"])
    ]
    changed, _ = inputs.changed_files(lake, now)
    before, gone = inputs.changed_files(lake, statement["inputs"]["files"])
    wrong = sorted({*changed, *before})
    if wrong:
        raise _Fails(
            f"Files of the lake were changed: {', '.join(wrong[:5])}{' …' if len(wrong) > 5 else ''}"
        )
    merged = f"; {gone} were merged or moved since" if gone else ""
    return Finding("proven", f"Files: all that are named here have the bytes they had{merged}.")


def _events(statement: dict[str, Any], lake: Path) -> Finding:
    signed = statement["inputs"]
    ids = {"shop_id": statement["shop"]["id"], "show_id": statement["show"]["id"]}
    try:
        rows = inputs.events_of(_view(statement, lake), **ids)
        found = inputs.digests(rows)
    except _Fails:
        raise
    except Exception as problem:  # whatever a damaged file makes its readers say
        raise _Fails(f"The events can't be read: {problem}") from problem
    if rows.num_rows != signed["events"]:
        raise _Fails(f"Events: the statement counted {signed['events']:,}, the lake has {rows.num_rows:,}.")
    different = sorted(
        name for name in {*found, *signed["columns"]} if found.get(name) != signed["columns"].get(name)
    )
    if different:
        raise _Fails(f"Events: changed since, in {', '.join(different)}.")
    return Finding("proven", f"Events: the {rows.num_rows:,} that were counted are in this lake, unchanged.")


def _figures(statement: dict[str, Any], lake: Path) -> Finding:
    try:
        again = drawing.drawn(
            _view(statement, lake),
            shop_id=statement["shop"]["id"],
            show_id=statement["show"]["id"],
            as_of=_as_of(statement),
        ).content
    except _Fails:
        raise
    except Exception as problem:  # whatever a damaged file makes its readers say
        raise _Fails(f"The figures can't be computed again: {problem}") from problem
    other = _compared(statement, canonical.decode(canonical.encode(again)))
    if other.different:
        raise _Fails(f"Figures: computed again from this lake they differ, in {', '.join(other.different)}.")
    if other.skipped:
        return Finding(
            "open",
            "Figures: this release defines some otherwise, which were not compared "
            f"({', '.join(other.skipped)}); the others are what the statement says.",
        )
    return Finding("proven", "Figures: computed again from this lake, all are what the statement says.")


@dataclass(frozen=True, slots=True)
class _Compared:
    different: list[str]
    skipped: list[str]


def _compared(signed: dict[str, Any], again: dict[str, Any]) -> _Compared:
    """What a later release says more, or in other words, is no difference."""
    different = [name for name in ("currency", "state") if again[name] != signed[name]]
    skipped: list[str] = []
    for name, figure in signed["figures"].items():
        found = again["figures"].get(name)
        if found is None or found["version"] != figure["version"]:
            skipped.append(name)
        elif any(found[part] != figure[part] for part in _NUMBERS):
            different.append(name)
    for name, rows in signed["tables"].items():
        found = again["tables"].get(name)
        if found is None:
            skipped.append(name)
        elif len(found) != len(rows) or any(
            here.get(key, value) != value
            for row, here in zip(rows, found, strict=True)
            for key, value in row.items()
        ):
            different.append(name)
    return _Compared(different, skipped)


def _integrity(statement: dict[str, Any]) -> Finding:
    if not statement["integrity"]["assessed"]:
        return Finding("open", "Genuine: not assessed. Nothing here says that viewers and buyers were real.")
    return Finding(
        "open",
        "Genuine: assessed by the shop's own policy "
        f"“{statement['integrity']['policy']}”. That is its opinion, signed; it is no proof that buyers were real.",
    )

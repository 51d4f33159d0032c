"""The file of a draw: what it proves, that no byte of it can be changed, and that fifteen lines compute it again."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shopfloor import cli
from shopfloor.giveaways import beacon, drawing, verifying
from shopfloor.kernel import canonical

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests/vectors/draws.json"
# Round 1000 of drand's quicknet, as https://api.drand.sh publishes it.
ROUND = 1000
SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"
RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
SECRET = bytes(range(32))
NUMBERS = sorted(f"{hashlib.sha256(b'%d' % each).hexdigest()[:9].upper()}X" for each in range(5))


def a_draw(chain: beacon.Chain = beacon.QUICKNET, **changes: Any) -> dict[str, Any]:
    """As a shop would have made it in August 2023."""
    rules = {
        "type": "shopfloor.giveaway/1",
        "giveaway": 7,
        "shop": {"id": 1, "name": "Harbour 港"},
        "show": 3,
        "prize": "Tea bowl",
        "winners": 2,
        "closes_at": "2023-08-23T15:57:30Z",
        "commitment": hashlib.sha256(SECRET).hexdigest(),
        "beacon": {
            "name": chain.name,
            "chain": chain.hash,
            "public_key": chain.public_key,
            "round": ROUND,
            "at": f"{chain.moment_of(ROUND):%Y-%m-%dT%H:%M:%SZ}",
        },
    }
    closing = {
        "type": "shopfloor.draw-list/1",
        "rules": verifying.fingerprint(rules),
        "entries": len(NUMBERS),
        "root": drawing.root(NUMBERS).hex(),
        "closed_at": "2023-08-23T15:58:00Z",
    } | changes.pop("closing", {})
    signature = changes.get("signature", SIGNATURE)
    seed = drawing.seed(rules, closing, SECRET, bytes.fromhex(signature))
    return {
        "type": "shopfloor.draw-file/1",
        "rules": rules,
        "closing": closing,
        "entries": NUMBERS,
        "secret": SECRET.hex(),
        "signature": signature,
        "seed": seed.hex(),
        "winners": drawing.order(NUMBERS, seed)[:2],
    } | changes


@cache
def local_signature() -> str:
    return asyncio.run(beacon.LocalBeacon().signature(ROUND)).hex()


def vectors() -> list[dict[str, Any]]:
    """Files with what the page says of them; the command says the same, and of the public value more."""
    good = [
        "proven:draw.rules", "proven:draw.list", "proven:draw.secret", "proven:draw.winners", "open:draw.drand",
        "open:draw.published",
    ]  # fmt: skip

    def but(place: int, state: str) -> list[str]:
        return [*good[:place], state, *good[place + 1 :]]

    whole = a_draw()
    files: list[tuple[str, dict[str, Any], list[str]]] = [
        ("good", whole, good),
        ("local", a_draw(beacon.LOCAL, signature=local_signature()), but(4, "open:draw.local")),
        ("other secret", whole | {"secret": "00" * 32}, [*but(2, "failed:draw.other_secret")]),
        ("other winners", whole | {"winners": whole["winners"][::-1]}, but(3, "failed:draw.others")),
        ("an entry more", whole | {"entries": [*NUMBERS, "ZZZZZZZZZZ"]}, but(1, "failed:draw.other_list")),
        ("twice", whole | {"entries": [NUMBERS[0], *NUMBERS]}, but(1, "failed:draw.twice")),
        ("late", a_draw(closing={"closed_at": "2023-08-23T16:58:00Z"}), but(4, "failed:draw.late")),
        ("early", a_draw(closing={"closed_at": "2023-08-23T15:57:29Z"}), but(4, "failed:draw.early")),
        ("not a file", {"type": "shopfloor.draw-file/1"}, ["failed:draw.not_a_file"]),
    ]
    # Another secret is another seed; one entry more may win or not.
    files[2][2][3] = "failed:draw.other_seed"
    for _, file, states in files[4:6]:
        if drawing.order(file["entries"], bytes.fromhex(file["seed"]))[:2] != file["winners"]:
            states[3] = "failed:draw.others"
    return [
        {"name": name, "file": canonical.encode(file).decode(), "states": states}
        for name, file, states in files
    ]


def test_the_vectors_are_what_this_release_makes() -> None:
    assert json.loads(VECTORS.read_text()) == vectors()


def test_a_draw_of_drand_is_proven() -> None:
    assert beacon.randomness(bytes.fromhex(SIGNATURE)).hex() == RANDOMNESS
    found = verifying.verify(canonical.encode(a_draw()))
    assert [each.state for each in found.checks] == ["proven"] * 5 + ["open"]
    root = a_draw()["closing"]["root"]
    assert verifying.verify(canonical.encode(a_draw()), seen=[root.upper()]).checks[-1].state == "proven"
    assert not verifying.verify(canonical.encode(a_draw()), seen=["00" * 32]).holds


@pytest.mark.parametrize("vector", vectors(), ids=lambda each: each["name"])
def test_the_command_says_what_the_page_says(vector: dict[str, Any]) -> None:
    found = verifying.verify(vector["file"].encode())
    if found.draw is None:
        assert vector["states"] == ["failed:draw.not_a_file"]
        return
    # The command looks at the public value before the winners.
    page = [each.partition(":")[0] for each in vector["states"]]
    rules, entries, secret, value, winners, published = (each.state for each in found.checks)
    assert [rules, entries, secret, winners, published] == [*page[:4], page[5]]
    expected = {"good": "proven", "local": "open", "late": "failed", "early": "failed"}.get(
        vector["name"], "proven"
    )
    assert value == expected


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"signature": local_signature()}, "failed"),
        # A value of another moment than the rules promise.
        ({"round": ROUND + 1}, "failed"),
    ],
)
def test_another_public_value_is_found(changes: dict[str, Any], state: str) -> None:
    draw = a_draw()
    if "round" in changes:
        draw["rules"]["beacon"]["round"] = changes["round"]
    else:
        draw |= changes
    assert verifying.verify(canonical.encode(draw)).checks[3].state == state


def test_every_byte_that_is_changed_is_found() -> None:
    whole = canonical.encode(a_draw())
    assert verifying.verify(whole).holds
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 7
        assert not verifying.verify(bytes(changed)).holds, place


def test_the_command_reads_both_kinds_of_file(tmp_path: Path) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(canonical.encode(a_draw()))
    told = CliRunner().invoke(cli.main, ["verify", str(file)])
    assert (told.exit_code, told.output.splitlines()[0]) == (0, "Giveaway 7 of “Harbour 港”: Tea bowl")
    file.write_bytes(canonical.encode(a_draw(winners=NUMBERS[:1])))
    told = CliRunner().invoke(cli.main, ["verify", str(file), "--json"])
    assert (told.exit_code, json.loads(told.output)["holds"]) == (1, False)
    file.write_bytes(canonical.encode(a_draw())[:-1])
    assert CliRunner().invoke(cli.main, ["verify", str(file)]).exit_code == 1


def test_fifteen_lines_compute_it_again(tmp_path: Path) -> None:
    """Those of the document, by nothing of ours."""
    [program] = re.findall(r"```python\n(.+?)```", (ROOT / "docs/giveaways.md").read_text(), re.DOTALL)
    file = tmp_path / "draw.json"
    file.write_bytes(canonical.encode(a_draw()))
    made = subprocess.run(
        [sys.executable, "-I", "-c", program, str(file)], check=True, capture_output=True, text=True
    )
    assert made.stdout.split() == a_draw()["winners"]
    assert len([line for line in program.splitlines() if line.strip()]) <= 15

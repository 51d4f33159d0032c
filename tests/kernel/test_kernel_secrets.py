"""Secrets at rest."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from shopfloor.kernel import secrets
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.secrets import Box, CannotOpen
from shopfloor.kernel.settings import Settings

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


def written(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


def test_what_is_sealed_opens_for_its_row_only() -> None:
    box = Box((OLD,))

    sealed = box.seal("Geheim 密码", about="smtp 1")

    assert box.open(sealed, about="smtp 1") == "Geheim 密码"
    assert b"Geheim" not in sealed
    assert sealed != box.seal("Geheim 密码", about="smtp 1"), "no two look alike"
    with pytest.raises(CannotOpen):
        box.open(sealed, about="smtp 2")
    for damaged in (
        b"",
        sealed[:-1],
        sealed[:3],
        sealed[:-1] + bytes([sealed[-1] ^ 1]),
        b"\x02" + sealed[1:],
    ):
        with pytest.raises(CannotOpen):
            box.open(damaged, about="smtp 1")


def test_a_key_is_changed_by_putting_the_new_one_first() -> None:
    before = Box((OLD,)).seal("secret", about="x")
    both = Box((NEW, OLD))

    assert both.open(before, about="x") == "secret"
    assert not both.is_current(before)
    anew = both.seal(both.open(before, about="x"), about="x")
    assert both.is_current(anew)
    assert Box((NEW,)).open(anew, about="x") == "secret"
    with pytest.raises(CannotOpen):
        Box((NEW,)).open(before, about="x")
    assert repr(NEW)[2:20] not in repr(both), "no key is ever printed"


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with ThreadPoolExecutor(8) as threads:
        boxes = list(threads.map(lambda _: secrets.box(settings), range(8)))

    assert len({box.keys for box in boxes}) == 1
    assert len(boxes[0].keys) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["key"]
    assert stat.S_IMODE((tmp_path / "secrets/key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_given_key_seals_and_that_of_the_file_still_opens(tmp_path: Path) -> None:
    before = secrets.box(Settings(data_dir=tmp_path)).seal("secret", about="x")

    given = secrets.box(Settings(data_dir=tmp_path, secrets_key=written(NEW)))

    assert given.keys[0] == NEW
    assert given.open(before, about="x") == "secret"
    elsewhere = tmp_path / "elsewhere"
    assert secrets.box(Settings(data_dir=elsewhere, secrets_key=written(NEW, OLD))).keys == (NEW, OLD)
    assert not elsewhere.exists(), "a key that is given needs no file"


def test_a_file_without_a_key_is_said_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets/key"
    path.parent.mkdir()
    path.write_text("not a key\n")

    with pytest.raises(CannotRun, match="32 random bytes"):
        secrets.box(Settings(data_dir=tmp_path))

    assert path.read_text() == "not a key\n"


@pytest.mark.parametrize("given", ["x", written(OLD[:31]), written(OLD) + ",y", "é" * 44])
def test_what_is_no_key_is_no_setting(given: str) -> None:
    with pytest.raises(ValidationError, match="32 random bytes"):
        Settings(secrets_key=given)


def test_a_key_may_be_written_in_either_alphabet() -> None:
    key = b"\xfb\xff" * 16

    assert secrets.keys_of(base64.urlsafe_b64encode(key).decode().rstrip("=")) == (key,)
    assert secrets.keys_of(written(key)) == (key,)

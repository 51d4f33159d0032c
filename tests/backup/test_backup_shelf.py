"""What a backup is on the disk: whole or refused, linked where nothing changed, sealed where it is secret."""

import asyncio
import errno
import fcntl
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from tests.backup.conftest import Place
from tests.backup.test_backup_drill import failed, restore, rows, take
from tests.orders.conftest import Market

from shopfloor import backup
from shopfloor.backup import sealed, shelf
from shopfloor.cli import main
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import RESTORING, prepared_database


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def of_lake(home: Path) -> Path:
    return next((home / "lake/events").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda home: flip(home / "database.dump"), "database.dump is not the file that was written"),
        (lambda home: flip(of_lake(home)), "is not the file that was written"),
        (lambda home: flip(home / "recordings/1/one.mp4"), "recordings/1/one.mp4 is not the file"),
        (lambda home: (home / "pictures/abc/640.webp").unlink(), "pictures/abc/640.webp is missing"),
        (lambda home: (home / "pictures/abc/640.webp").write_bytes(b""), "640.webp has another size"),
        (lambda home: (home / "pictures/more.webp").write_bytes(b"x"), "pictures/more.webp does not belong to it"),
        (lambda home: flip(home / "SHA256SUMS"), "SHA256SUMS"),
        (lambda home: (home / "SHA256SUMS").unlink(), "SHA256SUMS cannot be read"),
        (lambda home: flip(home / "manifest.json"), "manifest.json"),
        (lambda home: (home / "manifest.json").write_bytes(b"{"), "manifest.json cannot be read"),
        (lambda home: (home / "manifest.json").unlink(), "manifest.json is missing"),
    ],
)  # fmt: skip
async def test_what_is_damaged_is_named_and_not_restored(
    shop: Market,
    settings: Settings,
    elsewhere: Place,
    tmp_path: Path,
    damage: Callable[[Path], None],
    said: str,
) -> None:
    path = (await take(settings, tmp_path / "backups")).backup.path
    damage(path)
    there = elsewhere()

    with pytest.raises(backup.BackupDamaged) as raised:
        await restore(there, backup.opened(path))

    assert said in str(raised.value)
    assert rows(there) == {}
    assert not there.data_dir.exists()


async def test_other_programs_can_check_it(shop: Market, settings: Settings, tmp_path: Path) -> None:
    path = (await take(settings, tmp_path / "backups")).backup.path

    def check() -> int:
        return subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=path, check=False
        ).returncode

    assert await asyncio.to_thread(check) == 0
    flip(path / "recordings/1/one.mp4")
    assert await asyncio.to_thread(check) == 1


async def test_what_does_not_change_is_there_once(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    first = (await take(settings, place)).backup
    film = settings.data_dir / "recordings/1/one.mp4"
    film.write_bytes(film.read_bytes() + b"more")

    second = await take(settings, place)

    def same(name: str) -> bool:
        return (first.path / name).stat().st_ino == (second.backup.path / name).stat().st_ino

    event = of_lake(first.path).relative_to(first.path).as_posix()
    assert same(event)
    assert same("pictures/abc/640.webp")
    assert not same("recordings/1/one.mp4")
    assert second.fresh < second.backup.bytes
    # Neither needs the other.
    third = await take(settings, place, keep=1)
    assert third.forgotten == [first.name, second.backup.name]
    assert [path.name for path in place.iterdir() if path.is_dir()] == [third.backup.name]
    assert await asyncio.to_thread(backup.verify, third.backup) == []
    there = elsewhere()
    await restore(there, third.backup)
    assert await failed(there) == []
    assert (there.data_dir / "recordings/1/one.mp4").read_bytes().endswith(b"more")


async def test_a_file_that_was_damaged_in_the_backup_before_is_copied_anew(
    shop: Market, settings: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    first = (await take(settings, place)).backup
    (first.path / "recordings/1/one.mp4").write_bytes(b"cut")

    second = (await take(settings, place)).backup

    assert await asyncio.to_thread(backup.verify, second) == []


# Keys.


@pytest.fixture
def key(shop: Market, settings: Settings) -> bytes:
    value = bytes(range(200, 232))
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        connection.execute("INSERT INTO accounts.secret (version, value) VALUES (1, %s)", (value,))
        connection.execute(
            "INSERT INTO accounts.person (email, name, password_hash) VALUES ('a@b.example', 'A', 'x')"
        )
        connection.execute(
            "INSERT INTO accounts.second_factor (person_id, key_version, sealed, last_step)"
            " SELECT id, 1, 'sealed', 0 FROM accounts.person"
        )
    home = settings.data_dir / "certificates"
    home.mkdir()
    (home / "shop.key").write_bytes(b"-----PRIVATE-----")
    return value


def key_in(settings: Settings) -> bytes:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute("SELECT value FROM accounts.secret WHERE version = 1").fetchone()
    assert row is not None
    return bytes(row[0])


async def test_the_passphrase_brings_the_keys_back(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path, key: bytes
) -> None:
    found = (await take(settings, tmp_path / "backups", passphrase="horse battery 马")).backup
    there = elsewhere()
    with pytest.raises(backup.WrongPassphrase):
        await restore(there, found, passphrase="horse battery")
    assert rows(there) == {}

    await restore(there, found, passphrase="horse battery 马")

    assert key_in(there) == key
    assert (there.data_dir / "certificates/shop.key").read_bytes() == b"-----PRIVATE-----"
    assert await failed(there) == []


@pytest.mark.parametrize("passphrase", [None, "horse"])
async def test_without_it_nothing_is_lost_but_the_keys(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path, key: bytes, passphrase: str | None
) -> None:
    found = (await take(settings, tmp_path / "backups", passphrase=passphrase)).backup
    there = elsewhere()

    await restore(there, found)

    assert rows(there) == found.manifest.rows
    assert key_in(there) != key
    assert not (there.data_dir / "certificates").exists()
    assert await failed(there) == []
    # Nor are they anywhere in it.
    for path in found.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert key not in data
            assert key.hex().encode() not in data
            assert b"PRIVATE" not in data
    assert found.manifest.has_keys is (passphrase is not None)


def test_what_is_sealed_opens_with_its_passphrase_and_its_name_only() -> None:
    text = sealed.seal(b"keys", "horse", about=b"one")

    assert sealed.unseal(text, "horse", about=b"one") == b"keys"
    assert b"keys" not in text
    for passphrase, about in (("Horse", b"one"), ("horse", b"two")):
        with pytest.raises(backup.WrongPassphrase):
            sealed.unseal(text, passphrase, about=about)
    for broken in (b"{}", b"", text[:-9] + b"A" + text[-8:], text.replace(b"65536", b"99999999")):
        with pytest.raises(backup.WrongPassphrase):
            sealed.unseal(broken, "horse", about=b"one")


# Refused.


async def test_a_full_disk_leaves_nothing(shop: Market, settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups"

    with pytest.raises(backup.BackupFailed, match="is full; nothing of this backup was kept"):
        await take(settings, place, free=lambda _: 1000)

    assert [path.name for path in place.iterdir()] == [".lock"]


async def test_a_disk_that_fails_in_the_middle_leaves_nothing(
    shop: Market, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "backups"

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("shopfloor.backup.shelf.copied", fail)
    with pytest.raises(backup.BackupFailed, match="Input/output error"):
        await take(settings, place)
    monkeypatch.undo()

    assert [path.name for path in place.iterdir()] == [".lock"]
    # The lake's consumer was let go.
    assert backup.finished(place) == []
    assert (await take(settings, place)).backup.path.exists()


async def test_a_damaged_lake_is_said_and_not_backed_up(
    shop: Market, settings: Settings, tmp_path: Path
) -> None:
    flip(of_lake(settings.data_dir))

    with pytest.raises(backup.BackupFailed, match="is not the file that was sealed"):
        await take(settings, tmp_path / "backups")

    assert backup.finished(tmp_path / "backups") == []


async def test_one_at_a_time(shop: Market, settings: Settings, tmp_path: Path) -> None:
    place = tmp_path / "backups"
    place.mkdir()
    with (place / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(backup.Busy):
            await take(settings, place)
    assert backup.finished(place) == []


async def test_not_into_what_is_backed_up(shop: Market, settings: Settings) -> None:
    with pytest.raises(backup.BackupFailed, match="lies in what is backed up"):
        await take(settings, settings.data_dir / "recordings" / "backups")


async def test_only_into_an_empty_place(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    found = (await take(settings, tmp_path / "backups")).backup
    there = elsewhere()
    before = rows(settings)

    with pytest.raises(backup.RestoreFailed, match="is not empty: it has lake"):
        await restore(settings, found)
    with pytest.raises(backup.RestoreFailed, match="The database is not empty"):
        await restore(Settings(data_dir=there.data_dir, database_url=settings.database_url), found)

    assert rows(settings) == before
    assert not (there.data_dir / "lake").exists()


async def test_a_newer_one_is_refused(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path
) -> None:
    found = (await take(settings, tmp_path / "backups")).backup
    there = elsewhere()
    file = found.path / shelf.MANIFEST
    said = json.loads(file.read_bytes())

    file.write_text(json.dumps(said | {"migrations": [*said["migrations"], "9999.orders.tomorrow"]}))
    with pytest.raises(backup.RestoreFailed, match=r"newer than this one: it knows 9999\.orders\.tomorrow"):
        await restore(there, backup.opened(found.path))
    file.write_text(json.dumps({"format": 2}))
    with pytest.raises(CannotRun, match="made by a later release"):
        backup.opened(found.path)

    assert rows(there) == {}


async def test_a_shop_does_not_start_on_half_a_restore(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (await take(settings, tmp_path / "backups")).backup
    there = elsewhere()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shelf, "copied", killed)
    with pytest.raises(KeyboardInterrupt):
        backup.restore(there, found)
    monkeypatch.undo()

    assert (there.data_dir / RESTORING).exists()
    with pytest.raises(CannotRun, match="did not finish"), prepared_database(there):
        pass
    with pytest.raises(backup.RestoreFailed, match="did not finish"):
        await restore(there, found)


@pytest.fixture
def call(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("SHOPFLOOR_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("SHOPFLOOR_DATABASE_URL", str(settings.database_url))

    def called(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(main, list(arguments))
        return done.exit_code, done.stdout, done.stderr

    return called


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda manifest: manifest.write_bytes(b"{"), "damaged: manifest.json cannot be read"),
        (lambda manifest: manifest.write_bytes(b""), "damaged: manifest.json cannot be read"),
        (lambda manifest: manifest.write_bytes(b'{"release": "\xff"}'), "damaged: manifest.json cannot be read"),
        (lambda manifest: manifest.write_bytes(b"[" * 100_000), "damaged: manifest.json cannot be read"),
        (lambda manifest: manifest.write_bytes(b'{"format": 1}'), "damaged: manifest.json cannot be read"),
        (lambda manifest: manifest.unlink(), "damaged: manifest.json is missing"),
        (lambda manifest: manifest.write_bytes(b'{"format": 9}'), "made by a later release"),
    ],
)  # fmt: skip
async def test_the_list_says_which_one_cannot_be_read_and_goes_on(
    shop: Market,
    settings: Settings,
    tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
    damage: Callable[[Path], None],
    said: str,
) -> None:
    place = tmp_path / "backups"
    first = (await take(settings, place)).backup.path
    second = (await take(settings, place)).backup.path
    damage(first / shelf.MANIFEST)

    status, out, _ = await asyncio.to_thread(call, "backup", "list", "--in", str(place))

    rows_of = out.splitlines()
    assert status == 1
    assert [row.split("  ")[0] for row in rows_of] == [str(first), str(second)]
    assert said in rows_of[0]
    assert "without keys" in rows_of[1]
    # Nobody asked for a restore.
    verified, _, words = await asyncio.to_thread(call, "backup", "verify", str(first))
    assert verified != 0
    assert "restored" not in words.replace("cannot be restored", "")


def test_a_place_that_is_not_there_is_no_empty_list(
    tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, out, words = call("backup", "list", "--in", str(tmp_path / "gone"))
    assert (status, out) == (1, "")
    assert f"The backups in {tmp_path / 'gone'} cannot be listed: No such file or directory." in words

    (tmp_path / "file").write_bytes(b"")
    status, _, words = call("backup", "list", "--in", str(tmp_path / "file"))
    assert (status, "Not a directory" in words) == (1, True)

    (tmp_path / "empty").mkdir()
    status, out, words = call("backup", "list", "--in", str(tmp_path / "empty"))
    assert (status, out) == (0, "")
    assert f"There is no backup in {tmp_path / 'empty'}." in words


async def test_a_restore_from_a_damaged_one_says_that_it_did_nothing(
    shop: Market, settings: Settings, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    path = (await take(settings, tmp_path / "backups")).backup.path
    (path / shelf.MANIFEST).write_bytes(b"{")

    status, _, words = await asyncio.to_thread(call, "restore", str(path))

    assert (status, "Nothing was restored." in words, f"{path} is damaged." in words) == (1, True, True)


@pytest.mark.parametrize("foreign", ["notes.txt", "certificates/key.pem", "lake/events", ".env"])
async def test_not_beside_what_is_somebody_elses(
    shop: Market, settings: Settings, elsewhere: Place, tmp_path: Path, foreign: str
) -> None:
    found = (await take(settings, tmp_path / "backups")).backup
    there = elsewhere()
    (there.data_dir / foreign).parent.mkdir(parents=True)
    (there.data_dir / foreign).write_bytes(b"mine")

    with pytest.raises(
        backup.RestoreFailed, match=rf"is not empty: it has {foreign.split('/', maxsplit=1)[0]}\."
    ):
        await restore(there, found)

    assert (there.data_dir / foreign).read_bytes() == b"mine"
    assert rows(there) == {}


async def test_beside_itself_and_what_is_empty(shop: Market, settings: Settings, elsewhere: Place) -> None:
    there = elsewhere()
    found = (await take(settings, there.data_dir / "backups")).backup
    (there.data_dir / "lost+found").mkdir()
    (there.data_dir / "recordings").mkdir()

    await restore(there, found)

    assert await failed(there) == []

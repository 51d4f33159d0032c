"""No migration after the first release stops a shop that is open: squawk reads them all.

What a migration may do all the same is said beside the statement, with the reason on the line above:

    -- The table is made a few lines below and empty.
    -- squawk-ignore prefer-bigint-over-int
"""

import gzip
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from tests.upgrade.conftest import KEPT

from shopfloor.kernel.migrations import MIGRATIONS

SQUAWK = Path(sys.executable).parent / "squawk"
# Not asked for here: `migrate` sets a lock timeout for every migration, and a statement that must read a whole table
# may take its time as long as it locks nobody out.  The types are what the columns beside them have.
LEFT_OUT = (
    "require-lock-timeout", "require-statement-timeout", "prefer-bigint-over-int", "prefer-robust-stmts",
    "prefer-identity", "prefer-text-field",
)  # fmt: skip


def complaints(*files: Path) -> list[tuple[str, int, str]]:
    done = subprocess.run(
        [SQUAWK, "--pg-version", "15", "--assume-in-transaction", "--reporter", "json", *(f"--exclude={rule}" for rule in LEFT_OUT), *files],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stderr
    return [
        (Path(each["file"]).name, each["line"] + 1, each["rule_name"]) for each in json.loads(done.stdout)
    ]


def released() -> set[str]:
    """The migrations that the previous release knows, by the record of its own database."""
    dump = gzip.decompress((KEPT / "database.sql.gz").read_bytes()).decode()
    return {path.stem for path in MIGRATIONS.glob("*.sql") if f"'{path.stem}'" in dump}


def later() -> list[Path]:
    return sorted(path for path in MIGRATIONS.glob("*.sql") if path.stem not in released())


def test_what_was_released_is_known() -> None:
    assert len(released()) == 15


def test_no_migration_stops_a_shop_that_is_open() -> None:
    assert (complaints(*later()) if later() else []) == []


def test_every_exception_has_its_reason() -> None:
    silent: list[str] = []
    for path in later():
        lines = ["", *path.read_text().splitlines()]
        silent += [
            f"{path.name}:{number}"
            for number, (above, line) in enumerate(pairwise(lines), 1)
            if "squawk-ignore" in line and not re.match(r"\s*-- \w", above)
        ]
    assert silent == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("CREATE INDEX slow ON orders.orders (shop_id);", "require-concurrent-index-creation"),
        ("ALTER TABLE orders.orders ADD COLUMN note text NOT NULL;", "adding-required-field"),
        ("ALTER TABLE orders.orders ALTER COLUMN total_minor TYPE numeric;", "changing-column-type"),
        ("ALTER TABLE orders.orders ADD CONSTRAINT theirs FOREIGN KEY (shop_id) REFERENCES accounts.shop (id);",
         "adding-foreign-key-constraint"),
        ("ALTER TABLE orders.orders ADD CONSTRAINT some CHECK (total_minor >= 0);", "constraint-missing-not-valid"),
        ("ALTER TABLE orders.orders ALTER COLUMN note SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE orders.orders RENAME COLUMN note TO remark;", "renaming-column"),
        ("ALTER TABLE orders.orders DROP COLUMN note;", "ban-drop-column"),
        ("DROP TABLE orders.orders;", "ban-drop-table"),
    ],
)  # fmt: skip
def test_the_linter_sees_what_would(tmp_path: Path, statement: str, rule: str) -> None:
    file = tmp_path / "9999.unsafe.sql"
    file.write_text(statement + "\n")

    assert rule in {named for _, _, named in complaints(file)}

"""The reference pages are those the code would write."""

import subprocess
import sys
from pathlib import Path

import pytest

from shopfloor import collector

ROOT = Path(__file__).parents[2]


def test_the_pages_are_up_to_date() -> None:
    ran = subprocess.run(
        [sys.executable, "tools/reference_pages.py", "--check"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert (ran.returncode, ran.stdout) == (0, "")


def test_every_column_is_explained() -> None:
    assert set(collector.WORDS) == set(collector.SCHEMA.names)


@pytest.mark.parametrize("kind", sorted(collector.BROWSER))
def test_every_event_of_a_browser_has_a_shedding_class(kind: str) -> None:
    assert collector.BROWSER[kind][0] in collector.SHEDDING_ORDER

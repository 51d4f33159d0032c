"""One running shop for the tests that change nothing about the process; the others start their own."""

from collections.abc import Iterator

import pytest
from tests.app.running import Owner, Running, database_url, place


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with place() as data_dir, database_url() as database, Running(data_dir, database=database) as running:
        running.hurry()
        yield running


@pytest.fixture(scope="module")
def owner(node: Running) -> Iterator[Owner]:
    """The owner of the node and of its first shop."""
    person = Owner(node, "corner")
    person.claim(node.claim)
    yield person
    person.close()

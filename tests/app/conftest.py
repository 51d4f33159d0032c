"""One running shop for the tests that change nothing about the process; the others start their own."""

from collections.abc import Iterator

import pytest
from tests.app.running import Owner, Running, place
from tests.conftest import NewDatabase


@pytest.fixture(scope="module")
def node(new_database: NewDatabase) -> Iterator[Running]:
    with place() as data_dir, new_database() as database, Running(data_dir, database=database) as running:
        yield running


@pytest.fixture(scope="module")
def owner(node: Running) -> Iterator[Owner]:
    """The owner of the node and of its first shop."""
    person = Owner(node, "corner")
    person.claim(node.claim)
    yield person
    person.close()

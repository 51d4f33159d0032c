"""What every process does first: find its database."""

from collections.abc import Generator
from contextlib import contextmanager

from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.settings import Settings


@contextmanager
def prepared_database(settings: Settings, *, migrated: bool = True) -> Generator[str]:
    """The connection string of a database that is up and (unless told otherwise) at this release's schema.

    Raises CannotRun when the embedded server cannot work here, RuntimeError when a given one is too old.
    """
    if settings.database_url is None:
        with EmbeddedPostgres(settings.data_dir) as server:
            if migrated:
                migrate(server.dsn)
            yield server.dsn
        return
    if migrated:
        migrate(settings.database_url)
    yield settings.database_url

"""What an application under test is given."""

from dataclasses import replace
from typing import Any

from shopfloor.kernel import services


def give(app: Any, *parts: object, **fields: Any) -> None:
    """Put these in the place of others of their kind."""
    given = services.services_in(app)
    kinds = {type(part) for part in parts}
    kept = [part for part in given.parts if type(part) not in kinds]
    services.install(app, replace(given, parts=(*kept, *parts), **fields))

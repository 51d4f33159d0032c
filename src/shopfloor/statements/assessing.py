"""What was judged of a show's orders and viewers, as it stands in a statement."""

from shopfloor import integrity
from shopfloor.kernel.database import Tx
from shopfloor.statements.models import Integrity


async def assessed(tx: Tx, shop_id: int, show_id: int) -> Integrity | None:
    """None while nobody has looked."""
    found = await integrity.summary(tx, shop_id=shop_id, show_id=show_id)
    return None if found is None else of_summary(found)


def of_summary(found: integrity.Summary) -> Integrity:
    """Each figure from gross to net, by the policy it was judged by."""
    return Integrity(
        policy=found.policy,
        gross={name: each.gross for name, each in found.figures.items()},
        general_invalid={name: each.general for name, each in found.figures.items()},
        sophisticated_invalid={name: each.sophisticated for name, each in found.figures.items()},
        net={name: each.net for name, each in found.figures.items()},
    )

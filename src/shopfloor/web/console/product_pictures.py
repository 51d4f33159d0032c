"""The pictures of one product: their order, their words, and which variants each shows."""

import json
from typing import Annotated, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog
from shopfloor.kernel.border import Id
from shopfloor.kernel.routes import Router
from shopfloor.web.console.form_values import NotAChoice, id_of
from shopfloor.web.console.products import Editor
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/products", include_in_schema=False)

_STEPS: Final = {"earlier": -1, "later": 1}


@router.post("/{product_id}/pictures/arrange")
async def arrange(
    desk: Editor,
    product_id: Id,
    picture: Annotated[list[str] | None, Form(max_length=200)] = None,
    move: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """The pictures as they stand in the form, top to bottom; `move` ("earlier-17", "later-17") moves one by a place.

    Whatever is typed beside them is kept along.
    """
    back = f"/products/{product_id}#pictures"
    order = [id_of(each) for each in picture or []]
    word, _, number = move.partition("-")
    if word in _STEPS and id_of(number) in order:
        at = order.index(id_of(number))
        order.insert(max(0, at + _STEPS[word]), order.pop(at))
    with desk.back_if_refused(back):
        wanted = [
            (each, desk.sent.typed(f"alt-{each}", ""), _values(desk.sent.typed(f"shows-{each}", "")))
            for each in dict.fromkeys(order)
        ]
        async with desk.work() as tx:
            await catalog.update_product(tx, shop_id=desk.shop.id, product_id=product_id, pictures=wanted)
    return desk.back(back, desk.say(N_("Pictures saved.")))


def _values(text: str) -> list[str]:
    """Option values as the form names them.  Raises NotAChoice."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise NotAChoice(field="shows", given=text[:40])
    return [str(each) for each in found]

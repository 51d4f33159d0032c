"""What a page says while a report, a forecast or a plan is made by a worker process, and when it could not be."""

from typing import Final

from shopfloor.kernel import jobs
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.jobs.service import refusal_of
from shopfloor.kernel.records import dataclass
from shopfloor.web.console.desk import Desk
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

STEPS: Final = {
    "": N_("Waiting to start…"),
    "reading": N_("Reading the data of the show…"),
    "gathering": N_("Collecting quotes and stock levels…"),
    "solving": N_("Looking for the best plan…"),
}


@dataclass(frozen=True, slots=True)
class Making:
    """`share` of it is done while it is made; `trouble` says why it was not, and what to do.

    The page of somebody who waits for it comes again by itself (`comes_again`).
    """

    share: float | None
    text: str
    trouble: str | None
    refusal: Refusal | None
    comes_again: bool


def making(desk: Desk, state: jobs.State | None, *, missing: bool) -> Making | None:
    """None where nothing is made and nothing went wrong.  `missing`: the page has nothing else to show."""
    if state is None or state.phase is jobs.Phase.DONE:
        return None
    if state.is_under_way:
        waits = missing or "wait" in desk.request.query_params
        text = desk.say(STEPS.get(state.step, STEPS["reading"]))
        return Making(max(0.02, state.share), text, None, None, comes_again=waits)
    assert state.error is not None, "it was refused or failed for something"
    if state.phase is jobs.Phase.REFUSED:
        refusal = refusal_of(state.error)
        return Making(None, "", message_of(refusal, desk.language), refusal, comes_again=False)
    said = N_(
        "Something broke on our side, several times. Try again; if it breaks again, the operator finds it with “shopfloor jobs list” (%(incident)s)."
    )
    incident = state.error["facts"].get("incident", state.error["code"])
    return Making(None, "", desk.say(said, incident=incident), None, comes_again=False)

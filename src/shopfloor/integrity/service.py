"""Look at a show, keep cases, decide about them, tell what is net.  Verbs take `tx` first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from shopfloor import metrics
from shopfloor.integrity import look_queries, queries
from shopfloor.integrity.events import CaseRaised, CaseRuled, ShowJudged
from shopfloor.integrity.models import (
    FIGURES,
    Case,
    CaseMoved,
    CaseNotFound,
    CaseOrder,
    Class,
    Entry,
    Judged,
    Net,
    NoteMissing,
    NothingToAppeal,
    Reason,
    Ruling,
    State,
    Subject,
    Summary,
    class_of,
)
from shopfloor.integrity.thresholds import POLICY
from shopfloor.kernel import outbox, paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.text import cleaned
from shopfloor.kernel.values import new_id, now

# A case is the one of before when so much of what is found was in it.
_SAME: Final = 0.5
# What was ruled on stays as it was ruled on; so many new ones beside it are a case of their own.
_BESIDE: Final = 5
NOTE: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Noticed:
    """What detectors found, with the ids of orders or of browsers."""

    subject: Subject
    reasons: tuple[Reason, ...]
    tagged: bool
    members: Sequence[UUID]
    facts: Mapping[str, float]


async def note_origin(tx: Tx, *, shop_id: int, order_id: UUID, network: int | None, staff: bool) -> None:
    """Where an order came from: the salted key of its network, and whether the browser is at work in the shop."""
    await queries.note_origin(tx, shop_id=shop_id, order_id=order_id, network=network, staff=staff)


async def forget_buyers(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> None:
    """Where their orders came from, and what they watched; that an order is in a case stays."""
    await queries.forget_origins_of(tx, shop_id=shop_id, shoppers=shoppers)
    await queries.forget_viewers(tx, shop_id=shop_id, shoppers=shoppers)


async def forget_origins(tx: Tx, *, before: datetime, limit: int) -> int:
    return await queries.forget_origins(tx, before=before, limit=limit)


async def keep(tx: Tx, *, shop_id: int, show_id: int, found: Sequence[Noticed], at: datetime) -> None:
    """Bring the cases of a show up to date with what is noticed now.  What a person decided stays."""
    await queries.lock_show(tx, show_id=show_id)
    known = await queries.known(tx, shop_id=shop_id, show_id=show_id)
    matched: set[UUID] = set()
    for each in found:
        unclaimed = set(each.members)
        # What somebody has decided about is not noticed again.
        for case in known:
            if case.subject is each.subject and case.state in {State.INVALID, State.GENUINE}:
                unclaimed -= set(case.members)
        if not unclaimed or (len(unclaimed) < _BESIDE and len(unclaimed) < len(each.members)):
            continue
        old = _same(known, each.subject, unclaimed, matched)
        if old is None:
            case_id = await _raise(
                tx, shop_id=shop_id, show_id=show_id, each=each, at=at, size=len(unclaimed)
            )
        else:
            case_id = old.id
            matched.add(old.id)
            await _look_again(tx, shop_id=shop_id, old=old, each=each, at=at)
        await _fill(tx, shop_id=shop_id, case_id=case_id, subject=each.subject, members=sorted(unclaimed))
    for case in known:
        if case.state is State.OPEN and case.id not in matched:
            await queries.lift(tx, case_id=case.id, at=at)
            await queries.write_entry(tx, shop_id=shop_id, case_id=case.id, kind="lifted")


def _same(
    known: Sequence[queries.Known], subject: Subject, unclaimed: set[UUID], matched: set[UUID]
) -> queries.Known | None:
    best, most = None, 0.0
    for case in known:
        if case.subject is subject and case.state in {State.OPEN, State.LIFTED} and case.id not in matched:
            both = len(unclaimed & set(case.members)) / max(1, min(len(unclaimed), len(case.members)))
            if both >= _SAME and both > most:
                best, most = case, both
    return best


async def _raise(tx: Tx, *, shop_id: int, show_id: int, each: Noticed, at: datetime, size: int) -> UUID:
    case_id = new_id()
    await queries.insert(
        tx,
        case_id=case_id,
        shop_id=shop_id,
        show_id=show_id,
        subject=each.subject,
        class_=class_of(each.reasons),
        reasons=each.reasons,
        facts=each.facts,
        tagged=each.tagged,
        policy=POLICY,
        at=at,
    )
    await queries.write_entry(
        tx, shop_id=shop_id, case_id=case_id, kind="tagged" if each.tagged else "raised"
    )
    await outbox.record(
        tx,
        CaseRaised(
            shop_id=shop_id,
            show_id=show_id,
            case_id=case_id,
            subject=each.subject,
            reasons=[str(reason) for reason in each.reasons],
            tagged=each.tagged,
            size=size,
        ),
    )
    return case_id


async def _look_again(tx: Tx, *, shop_id: int, old: queries.Known, each: Noticed, at: datetime) -> None:
    await queries.look_again(
        tx,
        case_id=old.id,
        class_=class_of(each.reasons),
        reasons=each.reasons,
        facts=each.facts,
        tagged=each.tagged,
        policy=POLICY,
        at=at,
    )
    changed = (
        "reopened"
        if old.state is State.LIFTED
        else ("tagged" if each.tagged else "untagged")
        if old.tagged != each.tagged
        else None
    )
    if changed is not None:
        await queries.write_entry(tx, shop_id=shop_id, case_id=old.id, kind=changed)


async def _fill(tx: Tx, *, shop_id: int, case_id: UUID, subject: Subject, members: Sequence[UUID]) -> None:
    if subject is Subject.ORDERS:
        await queries.leave_orders(tx, case_id=case_id, order_ids=members)
        await queries.put_orders(tx, shop_id=shop_id, case_id=case_id, order_ids=members)
    else:
        await queries.leave_viewers(tx, case_id=case_id, shoppers=members)
        await queries.put_viewers(tx, shop_id=shop_id, case_id=case_id, shoppers=members)


@dataclass(frozen=True, slots=True)
class Invalid:
    """What counts as invalid: by a rule about each alone, and all of it."""

    general: metrics.Without
    both: metrics.Without


async def invalid(tx: Tx, *, shop_id: int, show_id: int) -> Invalid:
    """What is left out of the net figures of a show, as tags and rulings stand."""
    orders = await queries.invalid_orders(tx, shop_id=shop_id, show_id=show_id)
    viewers = await queries.invalid_viewers(tx, shop_id=shop_id, show_id=show_id)

    def of(marked: Sequence[queries.Marked], only: Class | None) -> frozenset[str]:
        return frozenset(str(each.id) for each in marked if only is None or each.class_ == only)

    return Invalid(
        metrics.Without(of(orders, Class.GENERAL), of(viewers, Class.GENERAL)),
        metrics.Without(of(orders, None), of(viewers, None)),
    )


async def judge(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    figures: Mapping[str, tuple[int, int, int]],
    currency: str | None,
    as_of: datetime,
) -> bool:
    """Keep the figures from gross to net as a new version, where anything in them changed; whether it did."""
    await queries.lock_show(tx, show_id=show_id)
    before = await look_queries.judgement(tx, shop_id=shop_id, show_id=show_id)
    same = (
        before is not None
        and before.policy == POLICY
        and {key: tuple(values) for key, values in before.figures.items()} == dict(figures)
    )
    if same:
        return False
    marked = any(general or rest for _, general, rest in figures.values())
    version = await look_queries.insert_judgement(
        tx, shop_id=shop_id, show_id=show_id, policy=POLICY, as_of=as_of, currency=currency, figures=figures
    )
    await outbox.record(
        tx, ShowJudged(shop_id=shop_id, show_id=show_id, version=version, policy=POLICY, marked=marked)
    )
    return True


async def summary(tx: Tx, *, shop_id: int, show_id: int) -> Summary | None:
    """A show's figures from gross to net, as they were judged last; None while nobody has looked.

    What is put into the show's statement: each figure with what of it is invalid, the policy, and the version.
    """
    newest = await look_queries.judgement(tx, shop_id=shop_id, show_id=show_id)
    if newest is None:
        return None
    counts = await queries.counts(tx, shop_id=shop_id, show_id=show_id)
    return Summary(
        shop_id=shop_id,
        show_id=show_id,
        version=newest.version,
        policy=newest.policy,
        as_of=newest.as_of,
        currency=newest.currency,
        figures={key: Net(key, *newest.figures[key]) for key in FIGURES if key in newest.figures},
        cases=counts.cases,
        open_cases=counts.open_cases,
        review_orders=counts.review_orders,
    )


async def summaries(tx: Tx, *, shop_id: int, show_ids: Sequence[int]) -> list[Judged]:
    """Those of these shows that were judged, without their cases."""
    return [
        Judged(
            each.show_id,
            each.version,
            each.policy,
            each.as_of,
            {key: Net(key, *each.figures[key]) for key in FIGURES if key in each.figures},
        )
        for each in await look_queries.judgements(tx, shop_id=shop_id, show_ids=show_ids)
    ]


# Cases.


@dataclass(frozen=True, slots=True)
class Seen:
    """The state of a case that somebody decides by: of two who decide at once, the second has not seen the first.

    `ruled_at` is in microseconds since 1970, 0 where nobody has ruled.
    """

    state: State
    ruled_at: int

    @classmethod
    def of(cls, case: Case) -> "Seen":
        if case.ruled_at is None:
            return cls(case.state, 0)
        return cls(case.state, (case.ruled_at - _EPOCH) // timedelta(microseconds=1))

    def __str__(self) -> str:
        return f"{self.state}.{self.ruled_at}"

    @classmethod
    def read(cls, text: str) -> "Seen":
        """What `str` wrote.  Raises ValueError."""
        state, _, at = text.partition(".")
        return cls(State(state), int(at))


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case with all that happened in it, the oldest first.  `seen` goes back with a ruling (`Seen`)."""

    case: Case
    entries: list[Entry]
    seen: str


async def page_of(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Case]:
    """The newest first."""
    return await paging.page(
        partial(queries.cases, tx, shop_id=shop_id, show_id=show_id),
        after=after,
        before=before,
        limit=limit,
        key=lambda each: each.id,
    )


async def case_file(tx: Tx, *, shop_id: int, case_id: UUID) -> CaseFile:
    """Raises CaseNotFound."""
    case = await _case(tx, shop_id, case_id)
    return CaseFile(case, await queries.entries(tx, case_id=case_id), str(Seen.of(case)))


async def orders_of(
    tx: Tx,
    *,
    shop_id: int,
    case_id: UUID,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 20,
) -> paging.Page[CaseOrder]:
    """The orders of a case, the oldest first.  Raises CaseNotFound."""
    await _case(tx, shop_id, case_id)
    return await paging.page(
        partial(queries.orders_of, tx, shop_id=shop_id, case_id=case_id),
        after=after,
        before=before,
        limit=limit,
        key=lambda each: each.order_id,
    )


async def rule(
    tx: Tx,
    *,
    shop_id: int,
    case_id: UUID,
    ruling: Ruling,
    note: str,
    person_id: int,
    seen: Seen | None = None,
    unless_ruled: bool = False,
) -> Case:
    """A person decides.  The net figures change from then on; what was decided before stays on record.

    `seen`: what stood there when they decided.  Who decides on what was ruled meanwhile is told, and looks again; so is,
    with `unless_ruled`, who does not say what they saw of a case that is ruled on.

    Raises CaseNotFound, NoteMissing, CaseMoved.
    """
    said = _note(note)
    await queries.lock_case(tx, case_id=case_id)
    case = await _case(tx, shop_id, case_id)
    if (seen is not None and seen != Seen.of(case)) or (unless_ruled and case.ruled_at is not None):
        raise CaseMoved(case_id=str(case_id), state=str(case.state))
    await queries.set_ruling(
        tx,
        case_id=case_id,
        state=State(ruling),
        ruled_at=None if ruling is Ruling.OPEN else now(),
    )
    await queries.write_entry(
        tx, shop_id=shop_id, case_id=case_id, kind=ruling, note=said, person_id=person_id
    )
    await outbox.record(
        tx,
        CaseRuled(shop_id=shop_id, show_id=case.show_id, case_id=case_id, ruling=ruling, person_id=person_id),
    )
    return await _case(tx, shop_id, case_id)


async def appeal(tx: Tx, *, shop_id: int, case_id: UUID, note: str, person_id: int) -> Case:
    """Somebody objects, or writes down who did: the case waits for a decision again, and counts as before until then.

    Raises CaseNotFound, NoteMissing, NothingToAppeal.
    """
    said = _note(note)
    await queries.lock_case(tx, case_id=case_id)
    case = await _case(tx, shop_id, case_id)
    if not case.counts_as_invalid:
        raise NothingToAppeal(case_id=str(case_id))
    await queries.set_appealed(tx, case_id=case_id, at=now())
    await queries.write_entry(
        tx, shop_id=shop_id, case_id=case_id, kind="appealed", note=said, person_id=person_id
    )
    return await _case(tx, shop_id, case_id)


async def held_back(tx: Tx, *, shop_id: int, line_ids: Sequence[int]) -> dict[int, UUID]:
    """Those of these order lines whose money should wait, each with the case that says so.

    A line is held back from the moment it is in a case until somebody rules that it is genuine, or buyers keep what
    they bought; one that is ruled invalid stays held back.
    """
    found = await queries.held_back(tx, shop_id=shop_id, line_ids=line_ids)
    return {each.line_id: each.case_id for each in found}


async def _case(tx: Tx, shop_id: int, case_id: UUID) -> Case:
    found = await queries.case(tx, shop_id=shop_id, case_id=case_id)
    if found is None:
        raise CaseNotFound(case_id=str(case_id))
    return found


def _note(text: str) -> str:
    said = cleaned(text, one_line=False)[:NOTE]
    if not said:
        raise NoteMissing
    return said

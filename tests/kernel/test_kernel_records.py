"""A class whose methods are written late is told from one of the standard library's by when they are written only."""

import copy
import dataclasses
import inspect
import pickle
import threading
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import Any, ClassVar

import msgspec
import pytest
from pydantic import TypeAdapter

from shopfloor.kernel import records


@records.dataclass(frozen=True, slots=True)
class Parcel:
    """Where it can be found again by its name."""

    KINDS: ClassVar[tuple[str, ...]] = ("box", "bag")

    id: int
    note: str = field(default="", compare=False, repr=False)
    lines: tuple[str, ...] = ()
    seen: list[int] = field(default_factory=list, hash=False)


def answers(decorator: Callable[..., Any], **how: bool) -> dict[str, Any]:
    """Whatever can be asked of a class, its names apart."""

    class Thing:
        LIMIT: ClassVar[int] = 3

        name: str
        size: int = 1
        tags: list[str] = field(default_factory=list)
        secret: str = field(default="", repr=False, compare=False)
        late: int = field(default=0, kw_only=True)

        def __post_init__(self) -> None:
            self.tags.append("checked")

    made: Any = decorator(**how)(Thing)
    signature = str(inspect.signature(made))
    one, same, other = made(name="a"), made(name="a", secret="x"), made(name="a", size=2, late=5)

    def tried(act: Callable[[], object]) -> object:
        try:
            return act()
        except (TypeError, AttributeError) as problem:
            return type(problem).__name__, str(problem)

    return {
        "signature": signature,
        "repr": repr(one) if how.get("repr", True) else None,
        "equal": (one == same, one == other, one == 5, one != other),
        "hash": tried(lambda: hash(one) == hash(same)),
        "set": tried(lambda: setattr(copy.copy(one), "name", "b")),
        "delete": tried(lambda: delattr(copy.copy(one), "name")) if how.get("frozen") else None,
        "missing": tried(made),
        "too many": tried(lambda: made("a", 1, [], "", 9)),
        "dict": asdict(other),
        "replaced": asdict(replace(other, size=9)),
        "fields": [(each.name, each.type, each.default, each.kw_only, each.repr) for each in fields(made)],
        "match": made.__match_args__,
        "slots": getattr(made, "__slots__", None),
        "names": [getattr(made, name).__qualname__ for name in ("__init__", "__eq__")],
        "frozen": made.__dataclass_params__.frozen,
        "limit": (made.LIMIT, one.LIMIT),
    }


@pytest.mark.parametrize(
    "how",
    [
        {"frozen": True, "slots": True},
        {"frozen": True},
        {"slots": True},
        {},
        {"frozen": True, "slots": True, "kw_only": True},
        {"frozen": True, "slots": True, "repr": False},
        {"slots": True, "eq": False},
        {"order": True, "slots": True},
        {"unsafe_hash": True},
    ],
    ids=lambda how: "-".join(how) or "plain",
)
def test_it_answers_as_the_standard_one(how: dict[str, bool]) -> None:
    assert answers(records.dataclass, **how) == answers(dataclasses.dataclass, **how)


def test_methods_are_written_with_the_first_use_of_one_of_them() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Fresh:
        a: int

    assert not inspect.isfunction(Fresh.__dict__["__init__"])
    assert Fresh(1) == Fresh(1)
    assert all(
        inspect.isfunction(Fresh.__dict__[name]) for name in ("__init__", "__repr__", "__eq__", "__hash__")
    )
    assert repr(Fresh(1)).endswith("Fresh(a=1)")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'other'"):
        Fresh(1).other = 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", [repr, hash, lambda each: each == each, lambda each: {each}])  # noqa: PLR0124
def test_whatever_is_asked_first_of_one_that_nobody_made_by_hand(first: Callable[[Any], object]) -> None:
    """A library that fills fields without `__init__` comes first at times."""

    @records.dataclass(frozen=True, slots=True)
    class Fresh:
        a: int

    made = msgspec.convert({"a": 1}, Fresh)

    assert first(made) is not None
    assert made == Fresh(1)
    assert hash(made) == hash(Fresh(1))


def test_what_is_written_by_hand_or_stands_on_another_stays() -> None:
    @records.dataclass(frozen=True, slots=True)
    class Own:
        a: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Own)

        def __hash__(self) -> int:
            return 7

    @records.dataclass(frozen=True, slots=True)
    class Base:
        a: int

    @records.dataclass(frozen=True, slots=True)
    class Above(Base):
        b: int = 2

    class Child(Base):
        """No data class itself."""

    assert Own(1) == Own(2)
    assert hash(Own(1)) == 7
    assert repr(Above(1)).endswith("Above(a=1, b=2)")
    assert (Above(1), Base(1)) == (Above(1), Base(1))
    assert Child(4).a == 4
    with pytest.raises(FrozenInstanceError):
        Above(1).a = 3  # type: ignore[misc]
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):
        records.dataclass(type("Loose", (Base,), {"__annotations__": {"c": int}}))


def test_it_is_copied_sent_and_read_by_libraries() -> None:
    parcel = Parcel(7, "fragile", ("a", "b"), [1])

    assert is_dataclass(parcel)
    assert pickle.loads(pickle.dumps(parcel)) == parcel
    assert copy.deepcopy(parcel).note == "fragile"
    assert msgspec.json.decode(msgspec.json.encode(parcel), type=Parcel) == parcel
    assert TypeAdapter(Parcel).validate_python({"id": 7, "lines": ["a", "b"], "seen": [1]}) == parcel
    match parcel:
        case Parcel(number, note):
            assert (number, note) == (7, "fragile")


def test_an_argument_that_is_no_field_is_refused_where_it_is_declared() -> None:
    class Wrong:
        a: dataclasses.InitVar[int]

    with pytest.raises(TypeError, match="no fields"):
        records.dataclass(frozen=True)(Wrong)


def test_threads_that_are_first_at_once_all_have_one() -> None:
    kinds = [
        records.dataclass(frozen=True, slots=True)(type(f"T{n}", (), {"__annotations__": {"a": int}}))
        for n in range(50)
    ]
    begin = threading.Barrier(4)
    made: list[list[Any]] = []

    def make() -> None:
        begin.wait()
        made.append([(kind(1), hash(kind(1)), repr(kind(1))) for kind in kinds])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(made) == 4
    assert all(one == made[0] for one in made)

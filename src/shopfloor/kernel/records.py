"""`dataclass`, whose methods are written when one of them is first asked for.

The standard decorator writes and compiles up to six methods of a class where the class is declared.  Of all that a
process did before it served this was the largest part: hundreds of classes, of which a visit makes a few dozen.  Here
a class knows its fields, slots and order of arguments at once; how it is made, compared, hashed and printed comes from
the same standard decorator with the first use of any of these.

Used as `dataclasses.dataclass`; `field`, `fields`, `replace` and `asdict` are those of the standard library.
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Final

__all__ = ["dataclass"]

_LATE: Final = ("__init__", "__repr__", "__eq__", "__hash__")
# Who writes one of these has the standard decorator decide what goes with what.
_OWN: Final = frozenset({*_LATE, "__setattr__", "__delattr__", "__getstate__", "__setstate__"})


class _Late:
    """Stands in a class for a method that is not written yet; asked for, all of them are."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: Any) -> Any:
        for cls in owner.__mro__:
            if cls.__dict__.get(self._name) is self:
                _write(cls)
                break
        # Now, or by another thread meanwhile.
        return getattr(owner if instance is None else instance, self._name)


_METHODS: Final = {name: _Late(name) for name in _LATE}
# What the standard decorator leaves behind for those who ask whether a class is frozen, itself among them.
_PARAMS: Final[Any] = dataclasses.make_dataclass("_Frozen", (), frozen=True).__dict__["__dataclass_params__"]


def _write(cls: Any) -> None:
    """The methods of `cls`, as the standard decorator writes them for a class of the same fields."""
    body: dict[str, Any] = {"__module__": cls.__module__, "__doc__": "", "__annotations__": {}}
    for each in dataclasses.fields(cls):
        body["__annotations__"][each.name] = each.type
        body[each.name] = dataclasses.field(
            default=each.default, default_factory=each.default_factory, init=each.init, repr=each.repr, hash=each.hash,
            compare=each.compare, metadata=each.metadata, kw_only=each.kw_only,
        )  # fmt: skip
    if hasattr(cls, "__post_init__"):
        body["__post_init__"] = cls.__post_init__
    frozen = cls.__dataclass_params__.frozen
    written = dataclasses.dataclass(frozen=frozen)(type(cls.__name__, (), body)).__dict__
    for name, late in _METHODS.items():
        if cls.__dict__.get(name) is late:
            written[name].__qualname__ = f"{cls.__qualname__}.{name}"
            setattr(cls, name, written[name])


def _freeze(cls: Any) -> None:
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807 -- it becomes that
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807 -- it becomes that
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = __setattr__, __delattr__
    cls.__dataclass_params__ = _PARAMS


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


def _is_plain(cls: type) -> bool:
    """Nothing about it asks for more than fields: no method of its own among those, no data class below."""
    below = cls.__mro__[1:-1]
    return _OWN.isdisjoint(cls.__dict__) and not any(
        hasattr(each, "__dataclass_fields__") or not _OWN.isdisjoint(each.__dict__) for each in below
    )


def _late_dataclass(cls: Any, how: dict[str, bool]) -> Any:
    if not (how.keys() <= {"frozen", "slots", "kw_only", "repr", "eq"} and _is_plain(cls)):
        return dataclasses.dataclass(**how)(cls)
    frozen, slots = how.get("frozen", False), how.get("slots", False)
    described = cls.__doc__
    # Where there is none, the standard decorator would write one, and all of `__init__` for it.
    cls.__doc__ = described or cls.__name__
    record: Any = dataclasses.dataclass(
        init=False, repr=False, eq=False, slots=slots, kw_only=how.get("kw_only", False)
    )(cls)
    record.__doc__ = described
    if any("InitVar" in str(each.type) for each in record.__dataclass_fields__.values()):
        raise TypeError(f"{cls.__qualname__}: arguments that are no fields are for dataclasses.dataclass")
    record.__init__ = _METHODS["__init__"]
    if how.get("repr", True):
        record.__repr__ = _METHODS["__repr__"]
    if how.get("eq", True):
        record.__eq__ = _METHODS["__eq__"]
        record.__hash__ = _METHODS["__hash__"] if frozen else None
    if frozen:
        _freeze(record)
        if slots:
            record.__getstate__, record.__setstate__ = _state, _set_state
    return record


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: Any = None, /, **how: bool) -> Any:
        """As `dataclasses.dataclass`."""
        return (lambda given: _late_dataclass(given, how)) if cls is None else _late_dataclass(cls, how)

"""Import when used: a process holds only the libraries it works with.

Reports, the lake and the solver stand on libraries of a hundred megabytes that a process which only sells never
touches.  A module that may not be loaded at start is named here twice: for the type checker as an import, for the
interpreter as one that comes later.

    if TYPE_CHECKING:
        import highspy
    else:
        highspy = late.module("highspy")
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is asked for, then hands on what the module has."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


def module(name: str) -> ModuleType:
    """What behaves as the module of that name and is imported at first use."""
    return _Later(name)


def names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose `homes` say in which of its modules a name is found."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home, _, there = homes[name].partition(":")
        found = getattr(import_module(f"{package}.{home}"), there or name)
        setattr(sys.modules[package], name, found)
        return found

    return find

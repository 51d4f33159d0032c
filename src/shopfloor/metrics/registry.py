"""Where every figure is defined once: tables, metrics, and the rule of what an expression may use.

An expression is Ibis over named tables, whole numbers only, from a small subset that DuckDB, ClickHouse and
Spark compute alike.  A metric returns the columns it is asked to group by, `n`, and `d` where it is a
quotient; the division itself is done once, at the very end, outside any engine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

import ibis
import ibis.expr.operations as ops

from shopfloor.kernel.records import dataclass
from shopfloor.metrics.models import Basis

# Ibis makes columns and their methods at run time; no checker can follow, the tests do.
Table: TypeAlias = Any
Tables: TypeAlias = Mapping[str, Table]
Definition: TypeAlias = Callable[[Tables, Sequence[str]], Table]

GRAINS: Final = {
    "show": ("show_id",),
    "product": ("show_id", "product_id"),
    "variant": ("show_id", "variant_id"),
    "minute": ("show_id", "minute"),
    "source": ("show_id", "source"),
    "rule": ("show_id", "rule"),
    "pitch": ("show_id", "product_id", "pitch"),
    # Over all shows, and what is sold without any.
    "shop": ("shop_id",),
    "week": ("shop_id", "week"),
    "channel": ("shop_id", "channel"),
    "cohort": ("shop_id", "cohort", "age"),
}
Scope: TypeAlias = Literal["show", "shop"]


@dataclass(frozen=True, slots=True)
class Metric:
    """The definition of a figure.  `settles_days` after the show's end it is final; `basis`: what it rests on."""

    id: str
    version: int
    unit: str
    en: str
    zh: str
    exact: bool
    grains: tuple[str, ...]
    settles_days: int
    basis: Basis
    define: Definition

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"

    def expression(self, grain: str) -> Table:
        """What to compute at `grain`: the keys of the grain, n, and d for quotients."""
        return self.define(tables(), GRAINS[grain])


@dataclass(frozen=True, slots=True)
class Derived:
    """A table computed from those before it, shared by many metrics."""

    name: str
    doc: str
    expression: Table
    scope: Scope


@dataclass(slots=True)
class _Registry:
    inputs: dict[str, Table] = field(default_factory=dict[str, Table])
    derived: dict[str, Derived] = field(default_factory=dict[str, Derived])
    handles: dict[str, Table] = field(default_factory=dict[str, Table])
    metrics: dict[str, Metric] = field(default_factory=dict[str, Metric])


_registry: Final = _Registry()


def source(name: str, **columns: str) -> Table:
    """Declare an input table: what a loader brings, by column and type.  Names are those of both scopes."""
    table = ibis.table(columns, name=name)
    _registry.inputs[name] = table
    _registry.handles[name] = table
    return table


def derived(define: Callable[[Tables], Table], scope: Scope = "show") -> Callable[[Tables], Table]:
    """Declare a table computed from those declared before it; its name is the function's.

    What is computed for one show is of the scope show, what for a whole shop of the scope shop.
    """
    name = define.__name__
    if name in _registry.handles:
        raise ValueError(f"table {name} is defined twice")
    expression = define(_registry.handles)
    _registry.derived[name] = Derived(name, (define.__doc__ or "").strip(), expression, scope)
    _registry.handles[name] = ibis.table(expression.schema(), name=name)
    return define


def metric(
    name: str,
    *,
    version: int,
    unit: str,
    en: str,
    zh: str,
    exact: bool = True,
    grains: tuple[str, ...] = ("show",),
    settles_days: int = 1,
    basis: Basis = "server",
) -> Callable[[Definition], Definition]:
    """Declare a metric.  One id is defined once; a changed formula is a new version."""

    def register(define: Definition) -> Definition:
        if name in _registry.metrics:
            raise ValueError(f"metric {name} is defined twice")
        _registry.metrics[name] = Metric(
            name, version, unit, en, zh, exact, grains, settles_days, basis, define
        )
        return define

    return register


def _filled() -> "_Registry":
    """With all that is declared, whichever module of this package was imported first."""
    import_module(f"{__package__}.definitions")
    return _registry


def metrics() -> Mapping[str, Metric]:
    return _filled().metrics


def inputs() -> Mapping[str, Table]:
    return _filled().inputs


def derived_of_shop(define: Callable[[Tables], Table]) -> Callable[[Tables], Table]:
    return derived(define, "shop")


def derived_tables(scope: Scope | None = None) -> Sequence[Derived]:
    """In the order in which they can be computed."""
    return tuple(each for each in _filled().derived.values() if scope in {None, each.scope})


def tables() -> Tables:
    """Every table by name, as metrics refer to it."""
    return _filled().handles


# What exact expressions may be made of.  Everything else differs between engines in some corner: distinct
# counts and quantiles are approximate on one, `first` depends on order, fractional times round, float sums
# depend on the order of rows.
ALLOWED: Final = frozenset(
    {
        "UnboundTable",
        "Field",
        "Project",
        "Filter",
        "Aggregate",
        "Distinct",
        "DropColumns",
        "Union",
        "JoinChain",
        "JoinLink",
        "JoinTable",
        "JoinReference",
        "SelfReference",
        "Literal",
        "Cast",
        "Add",
        "Subtract",
        "Multiply",
        "FloorDivide",
        "Modulus",
        "Negate",
        "Greatest",
        "Least",
        "Coalesce",
        "IfElse",
        "SearchedCase",
        "SimpleCase",
        "IsNull",
        "NotNull",
        "InValues",
        "And",
        "Or",
        "Not",
        "Equals",
        "NotEquals",
        "Less",
        "LessEqual",
        "Greater",
        "GreaterEqual",
        "Between",
        "Sum",
        "Count",
        "CountStar",
        "Min",
        "Max",
        "WindowFunction",
        "WindowBoundary",
        "SortKey",
        "RowNumber",
        "Lag",
        "Lead",
    }
)
# A window's order must end in one of these: they are unique within any partition that is used.
TIE_BREAKERS: Final = frozenset({"id", "piece", "second", "minute", "viewer", "at", "age"})


def complaints(expression: Table) -> list[str]:
    """What in this expression could give different answers on different engines."""
    found: list[str] = []
    root: Any = expression.op()
    for node in root.find(ops.Node):
        kind = type(node).__name__
        if kind not in ALLOWED:
            found.append(f"{kind} is not in the portable subset")
        dtype = getattr(node, "dtype", None)
        if dtype is not None and (dtype.is_floating() or dtype.is_decimal() or dtype.is_temporal()):
            found.append(f"{kind} has type {dtype}: whole numbers and text only")
        if isinstance(node, ops.WindowFunction):
            last: Any = node.order_by[-1].arg if node.order_by else None
            if last is None or getattr(last, "name", None) not in TIE_BREAKERS:
                found.append("a window needs an order that ends in a unique column")
    return sorted(set(found))

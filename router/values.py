"""Dataclasses like those of the standard library, made in a tenth of the time.

A command makes a hundred of them before it says a word. `dataclasses` compiles six functions for each, and imports
`inspect`: that was a third of the processor time of a cold command. These share their functions, and compile an
`__init__` when the first instance is made. To type checkers, and to whoever asks for the fields, they are the same.
"""

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, get_origin

__all__ = ["asdict", "dataclass", "field", "fields", "is_dataclass", "replace"]

_UNSET: Any = object()
_Values = Callable[[Any], Any]
"""Returns the values of all fields of an instance."""


class _Field:
    """What is known of a field: its name, its default or what makes one, and whether `repr` shows it."""

    __slots__ = ("default", "default_factory", "name", "repr")

    def __init__(
        self,
        *,
        default: Any = _UNSET,
        default_factory: Callable[[], Any] | None = None,
        repr: bool = True,  # noqa: A002 - as the standard library calls it
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.repr = repr


class _StandardFields:
    """The fields as the standard library has them, made when somebody asks: its `replace`, pytest, Hypothesis."""

    def __get__(self, instance: object, owner: Any) -> Any:
        """Return them by name."""
        import dataclasses

        hints = {name: hint for each in reversed(owner.__mro__) for name, hint in _annotations(each).items()}
        given = [(name, hints[name], _standard(field)) for name, field in owner.__fields__.items()]
        made: Any = dataclasses.make_dataclass(owner.__name__, given)
        return made.__dataclass_fields__


def _standard(field: _Field) -> Any:
    import dataclasses

    if field.default_factory:
        return dataclasses.field(default_factory=field.default_factory, repr=field.repr)
    default = dataclasses.MISSING if field.default is _UNSET else field.default
    return dataclasses.field(default=default, repr=field.repr)


def _dataclass(
    cls: Any = None, /, *, frozen: bool = False, slots: bool = False, order: bool = False, eq: bool = True
) -> Any:
    """Give a class an `__init__`, a `repr` and comparisons by its fields; without a class, return what does."""
    if cls is None:
        return lambda decorated: _dataclass(decorated, frozen=frozen, slots=slots, order=order, eq=eq)
    own = {name: _own(cls, name) for name, hint in _annotations(cls).items() if not _is_class_variable(hint)}
    fields: dict[str, _Field] = {}
    for base in reversed(cls.__mro__[1:]):
        fields |= base.__dict__.get("__fields__", {})
    fields |= own
    cls = _with_slots(cls, own) if slots else cls
    values = operator.attrgetter(*fields) if fields else _nothing
    given = {
        "__init__": _made_when_called(cls, frozen=frozen),
        "__repr__": _repr,
        **(_equality(values, frozen=frozen) if eq else {}),
        **(_order(values) if order else {}),
        **(_FROZEN if frozen else {}),
    }
    written = cls.__dict__
    for name, value in given.items():
        if written.get(name) is None:  # where a class has its own `__eq__`, Python sets its hash to None
            setattr(cls, name, value)
    cls.__fields__ = fields
    cls.__dataclass_fields__ = _StandardFields()
    setattr(cls, "__match_args__", tuple(fields))  # noqa: B010 - mypy takes it for another class's
    return cls


def _annotations(cls: Any) -> Mapping[str, Any]:
    return {} if cls is object else cls.__annotations__


def _is_class_variable(hint: object) -> bool:
    return hint is ClassVar or get_origin(hint) is ClassVar


def _own(cls: Any, name: str) -> _Field:
    """Return a field of a class, whose attribute of that name becomes the default where there is one."""
    given = cls.__dict__.get(name, _UNSET)
    field = given if isinstance(given, _Field) else _Field(default=given)
    field.name = name
    if given is not _UNSET:
        if field.default is _UNSET:
            delattr(cls, name)
        else:
            setattr(cls, name, field.default)
    return field


def _with_slots(cls: Any, own: Mapping[str, _Field]) -> Any:
    """Return a class made again with a slot for each field: they have to be there from the beginning."""
    inherited = {name for base in cls.__mro__[1:] for name in base.__dict__.get("__slots__", ())}
    body = {name: value for name, value in cls.__dict__.items() if name not in {*own, "__dict__", "__weakref__"}}
    body["__slots__"] = tuple(name for name in own if name not in inherited)
    made = type(cls)(cls.__name__, cls.__bases__, body)
    made.__qualname__ = cls.__qualname__
    return made


def _made_when_called(cls: Any, *, frozen: bool) -> Callable[..., None]:
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = _initializer(cls, frozen=frozen)
        cls.__init__(self, *args, **kwargs)

    return initialize


def _initializer(cls: Any, *, frozen: bool) -> Callable[..., None]:
    """Return the `__init__` of a class, compiled: Python calls nothing else as fast."""
    names: dict[str, Any] = {"_set": object.__setattr__, "_unset": _UNSET}
    parameters, lines = ["self"], [" pass"]
    for name, field in cls.__fields__.items():
        value = name
        if field.default_factory:
            names[f"_make_{name}"] = field.default_factory
            value = f"_make_{name}() if {name} is _unset else {name}"
            parameters.append(f"{name}=_unset")
        elif field.default is not _UNSET:
            names[f"_default_{name}"] = field.default
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
        lines.append(f" _set(self, {name!r}, {value})" if frozen else f" self.{name} = {value}")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines), names)  # noqa: S102 - of names in a class
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, field in self.__fields__.items() if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _nothing(_: object) -> tuple[()]:
    return ()


def _equality(values: _Values, *, frozen: bool) -> dict[str, Any]:
    return {
        "__eq__": _comparison(values, operator.eq),
        "__hash__": (lambda self: hash(values(self))) if frozen else None,
    }


def _order(values: _Values) -> dict[str, Any]:
    ways = {"__lt__": operator.lt, "__le__": operator.le, "__gt__": operator.gt, "__ge__": operator.ge}
    return {name: _comparison(values, way) for name, way in ways.items()}


def _comparison(values: _Values, compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compared(self: Any, other: Any) -> Any:
        return compare(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented

    return compared


def _refuse(self: Any, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"{type(self).__name__} is frozen: {name} stays as it is")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__fields__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__fields__, state, strict=True):
        object.__setattr__(self, name, value)


_FROZEN = {"__setattr__": _refuse, "__delattr__": _refuse, "__getstate__": _state, "__setstate__": _restore}


def _replace(value: Any, /, **changes: Any) -> Any:
    return type(value)(**{name: getattr(value, name) for name in value.__fields__} | changes)


def _asdict(value: Any) -> dict[str, Any]:
    return {name: _plain(getattr(value, name)) for name in value.__fields__}


def _plain(value: Any) -> Any:
    if _is_dataclass(value):
        return _asdict(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def _fields(kind: Any) -> tuple[_Field, ...]:
    return tuple(kind.__fields__.values())


def _is_dataclass(value: object) -> bool:
    return hasattr(value, "__fields__")


if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
else:
    asdict, dataclass, field = _asdict, _dataclass, _Field
    fields, is_dataclass, replace = _fields, _is_dataclass, _replace

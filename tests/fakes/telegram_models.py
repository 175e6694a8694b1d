"""What a request and an answer of the Bot API may hold: aiogram's models, each made ready when it is first asked for.

aiogram makes all six hundred ready as it is imported, which costs each process three seconds; we meet a dozen.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Literal, Optional, Union

from pydantic import BaseModel


@cache
def _aiogram() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the models of all methods by their names on the wire, and the names that all models are written with."""
    ready, later = BaseModel.__dict__["model_rebuild"], classmethod(lambda _model, **_names: None)
    BaseModel.model_rebuild = later  # type: ignore[assignment,method-assign]
    try:
        import aiogram.methods  # noqa: PLC0415 -- most tests meet no Bot API
        from aiogram.client.default import Default  # noqa: PLC0415
    finally:
        BaseModel.model_rebuild = ready  # type: ignore[method-assign]
    methods = {
        model.__api_method__: model
        for model in vars(aiogram.methods).values()
        if inspect.isclass(model) and isinstance(getattr(model, "__api_method__", None), str)
    }
    types = {name: getattr(aiogram.types, name) for name in aiogram.types.__all__}
    return methods, {"Optional": Optional, "Union": Union, "Literal": Literal, "Default": Default, **types}


@cache
def method_model(name: str) -> Any:
    """Return the model of a method; None where the Bot API has none of that name."""
    methods, names = _aiogram()
    return _ready(methods[name], names) if name in methods else None


@cache
def type_model(name: str) -> Any:
    """Return the model of a type, such as ChatMember."""
    _, names = _aiogram()
    return _ready(names[name], names)


def _ready(model: Any, names: dict[str, Any]) -> Any:
    model.model_rebuild(_types_namespace=names)
    return model

"""What a model's name says before anything is loaded. Importing this is cheap: settings are checked with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from hansei.core.errors import BadInput

ENDPOINT = "openai:"
"""What the name of a model behind an OpenAI-compatible server begins with."""
PLACE = ("device", "dtype", "device_map")
"""Settings that say where and how precisely local models run."""


def check_address(settings: Any, address: str, *roles: str) -> None:
    """Raises BadInput where the setting `address` is given and no model of the settings `roles` is asked there.

    `roles` hold a model's name, several, or None. An address that nobody is asked at would be left out in silence.
    """
    if getattr(settings, address) is None:
        return
    given = [getattr(settings, role) for role in roles]
    names = [name for value in given for name in ((value,) if isinstance(value, str) else value or ())]
    if any(name.startswith(ENDPOINT) for name in names):
        return
    options = " or ".join(f"--{role.replace('_', '-')} {ENDPOINT}NAME" for role in roles)
    raise BadInput(
        f"{address}: is a server's address, and no model that is asked there is named, "
        f"found {' '.join(names) or 'none'}: give {options}, or leave it out"
    )


def check_place(settings: Any, models: Iterable[str | None], encoders: Iterable[str | None] = ()) -> None:
    """Raises BadInput where a setting of PLACE is given and none of the `models` that are asked is local.

    `models` are names, or None where none was named; `encoders` are the folders of sentence-transformers models, which
    run on the device and always in float32. A setting that nothing runs by would be left out in silence.
    """
    names = [name for name in models if name is not None]
    if any(not name.startswith(ENDPOINT) for name in names):
        return
    for field in fields(settings):
        if field.name not in PLACE or getattr(settings, field.name) == field.default:
            continue
        if field.name == "device" and any(encoders):
            continue
        beside = "only an encoder" if any(encoders) else "none"
        raise BadInput(
            f"{field.name}: is a setting of local models, and {beside} is used, "
            f"found {' '.join(names) or 'none'}: leave it out"
        )


def check_tunable(settings: Any, *roles: str) -> None:
    """Raises BadInput where the model of one of these settings is behind a server, so that it can't be trained."""
    for role in roles:
        name = getattr(settings, role)
        if name.startswith(ENDPOINT):
            raise BadInput(f"{role}: {name} can't be tuned: give a folder or a Hugging Face name")

"""From a model's name to the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hansei.core.errors import BadInput
from hansei.models.names import ENDPOINT
from hansei.town.districts import district, district_of

if TYPE_CHECKING:
    from hansei.models.protocol import Model


def load(
    name: str,
    *,
    base_url: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    device_map: Any = None,
    **settings: Any,
) -> Model:
    """The model that `name` names: `town`, `town:DISTRICT`, a folder, a Hugging Face name, or `openai:NAME`.

    `base_url` is the address of an OpenAI-compatible server, such as `http://localhost:8000/v1`; it goes with
    `openai:NAME` only; `device`, `dtype` and `device_map` go with the others. `settings` are those of
    `LocalModel` or `Endpoint`. A server is asked once whether it is there. Raises BadInput where there is no such
    model or a setting doesn't fit it.
    """
    if name.startswith(ENDPOINT):
        if (device, dtype, device_map) != ("auto", "auto", None):
            raise BadInput(f"{name}: device, dtype and device_map are settings of local models; leave them out")
        from hansei.models.endpoint import Endpoint

        endpoint = Endpoint(name.removeprefix(ENDPOINT), base_url, **settings)
        endpoint.check()
        return endpoint
    if base_url is not None:
        raise BadInput(f"{name}: a base URL goes with openai:NAME, not with a local model; use openai:{name}")
    from hansei.models.local import LocalModel

    home = district_of(name)
    path = name if home is None else town_path(home)
    return LocalModel(path, name=name, device=device, dtype=dtype, device_map=device_map, **settings)


def load_beside(name: str, base_url: str | None = None, **local: Any) -> Model:
    """A model that is used beside another one, under one command's settings.

    `local` (device, dtype, device_map) is then the other one's, if this one is an endpoint. A base URL goes with an
    endpoint only, as in `load`: with a local model it is an error, and never left out in silence.
    """
    return load(name, base_url=base_url, **({} if name.startswith(ENDPOINT) else local))


def town_path(name: str = "workshop") -> str:
    """Folder of the shipped base of a district. Raises BadInput where it is not there."""
    base = district(name).base
    if not (base / "config.json").is_file():
        raise BadInput(f"town: no model in {base}; `hansei town train --district {name}` builds it")
    return str(base)

"""A model beside another: what is the other one's is left out, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from hansei.core.errors import BadInput
from hansei.models import load as loading


def test_an_endpoint_takes_its_address_and_not_the_other_one_s_device(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(loading, "load", lambda name, **how: seen.append({"name": name} | how))
    loading.load_beside("openai:judge", "http://localhost:1/v1", device="cpu", dtype="bfloat16")
    loading.load_beside("folder", device="cpu")
    assert seen == [
        {"name": "openai:judge", "base_url": "http://localhost:1/v1"},
        {"name": "folder", "base_url": None, "device": "cpu"},
    ]


def test_an_address_for_a_local_model_is_said_and_not_left_out() -> None:
    with pytest.raises(BadInput, match="a base URL goes with openai:NAME"):
        loading.load_beside("town", "http://localhost:1/v1", device="cpu")

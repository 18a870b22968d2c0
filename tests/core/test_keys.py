import math
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hansei.core.keys import canonical, content_key
from hansei.core.records import Attempt, Figure, Prompt, Sampling, from_json, to_json, user

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_a_key_is_the_same_in_every_process_and_version():
    assert content_key("a", 1, {"b": [None, 0.1]}) == "2abb69845ddb59dd3220175f854d142f"
    code = "from hansei.core.keys import content_key; print(content_key('a', 1, {'b': [None, 0.1]}))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == content_key("a", 1, {"b": [None, 0.1]})


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_two_values_share_a_key_only_if_their_canonical_texts_are_equal(a, b):
    assert (content_key(a) == content_key(b)) == (canonical(a) == canonical(b))


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), VALUES, min_size=2))
def test_the_order_of_a_mapping_does_not_change_its_key(mapping):
    assert content_key(dict(reversed(mapping.items()))) == content_key(mapping)


def test_types_that_json_would_blur_have_different_keys():
    keys = [content_key(v) for v in (1, 1.0, True, "1", None, [1], [[1]], {"1": 1}, -0.0, 0.0, "", [], {})]
    assert len(set(keys)) == len(keys)


def test_parts_are_kept_apart():
    assert len({content_key("a", "b"), content_key("ab"), content_key("a,b"), content_key(["a", "b"])}) == 4


def test_a_record_has_the_key_of_its_fields():
    prompt = Prompt("p1", user("hello"), tags=MappingProxyType({"suite": "request"}))
    assert content_key(prompt) == content_key(to_json(prompt))
    assert content_key(prompt) != content_key(Prompt("p1", user("hello!"), tags={"suite": "request"}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1, {"a": math.nan}]])
def test_numbers_without_a_form_in_json_are_refused(value):
    with pytest.raises(ValueError, match="no form in JSON"):
        content_key(value)


@pytest.mark.parametrize("value", [Path("x"), {1: "a"}, b"bytes", {1, 2}, object(), Prompt])
def test_unknown_types_are_refused(value):
    with pytest.raises(TypeError):
        content_key(value)


def test_text_that_utf8_cannot_hold_has_a_key():
    assert content_key("\ud800") != content_key("\ud801")


def test_every_record_comes_back_from_json_as_it_went_in():
    attempt = Attempt("a", "p", "m", "plain", Sampling(0.7, seed=3), 0, user("x", "y", "z"), "t", "stop")
    figure = Figure(0.5, None, 1.0, 3, per_seed=(0.1, None))
    prompt = Prompt("p", user("x"), tags={"a": "b"}, truth={"n": [1, {"c": None}]})
    for record in (attempt, figure, prompt):
        assert from_json(type(record), to_json(record)) == record


def test_a_record_with_a_field_too_many_or_too_few_is_refused():
    value = to_json(Sampling())
    with pytest.raises(ValueError, match="unknown field 'top_k'"):
        from_json(Sampling, {**value, "top_k": 5})
    with pytest.raises(ValueError, match="missing"):
        from_json(Figure, {"value": 1.0})

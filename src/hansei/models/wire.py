"""OpenAI's chat-completions format: what is sent, and how an answer is read and validated."""

from __future__ import annotations

import re
from typing import Any

from hansei.core.records import Chat, Sampling, as_dicts
from hansei.models.protocol import Reply
from hansei.models.text import split_reasoning

STOPPED = ("stop", "eos", "eos_token", "end_turn")
"""What servers call an answer that ended by itself; OpenAI's own word is the first."""
CUT = ("length", "max_tokens")
"""What servers call an answer that was cut at the limit."""
LONGEST_TOKEN = 256
"""Characters of the longest token that a vocabulary has, and as many again: theirs are up to 128 spaces or signs."""


class Unusable(Exception):
    """An answer of the server that can't be used; the message is one line."""


def request(model: str, chat: Chat, sampling: Sampling, limit_field: str = "max_tokens") -> dict[str, Any]:
    """The body of a request for one answer. Every setting is sent, so that no server default applies."""
    body: dict[str, Any] = {
        "model": model,
        "messages": as_dicts(chat),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        limit_field: sampling.max_new_tokens,
    }
    if sampling.temperature > 0:
        body["seed"] = sampling.seed
    return body


def read_reply(body: Any, sampling: Sampling) -> Reply:
    """The answer in a response. Raises Unusable where there is none, or not the one that was asked for."""
    choice = _only_choice(body)
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        raise Unusable("the server's content filter stopped the answer")
    if finish not in STOPPED + CUT:
        raise Unusable(f"expected finish_reason stop or length, found {finish!r}")
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Unusable("expected a message in the choice, found none")
    apart = _reasoning(message)
    inside, answer = _content(message, allow_none=bool(apart))
    reasoning = "\n".join(part for part in (apart, inside) if part)
    prompt_tokens, completion_tokens = _usage(body)
    asked = f"asked for at most {sampling.max_new_tokens} tokens"
    if completion_tokens > sampling.max_new_tokens + 1:  # some servers count the end token on top
        raise Unusable(f"{asked}, got {completion_tokens}: the server ignores the limit")
    written = len(answer) + len(reasoning)
    if written > LONGEST_TOKEN * (sampling.max_new_tokens + 1):  # whatever it counts, or doesn't
        raise Unusable(f"{asked}, got {written:,} characters: the server ignores the limit")
    return Reply(
        _sound(answer),
        "stop" if finish in STOPPED else "length",
        prompt_tokens,
        completion_tokens,
        reasoning=_sound(reasoning),
    )


def scoring_request(model: str, chat: Chat, continuation: str | None) -> dict[str, Any]:
    """The body of a request for the log-probabilities of a prompt's tokens: vLLM's extension of the format.

    `continuation` is the unfinished last turn; None: the prompt up to where the model speaks.
    """
    messages = as_dicts(chat)
    if continuation is not None:
        messages.append({"role": "assistant", "content": continuation})
    return {
        "model": model,
        "messages": messages,
        "max_tokens": 1,
        "temperature": 0.0,
        "prompt_logprobs": 0,
        "add_generation_prompt": continuation is None,
        "continue_final_message": continuation is not None,
    }


def read_prompt_logprobs(body: Any) -> list[tuple[str, float]]:
    """(token id, log-probability) of each prompt token after the first.

    Raises Unusable where the server has ignored the wish.
    """
    listed = body.get("prompt_logprobs") if isinstance(body, dict) else None
    if not isinstance(listed, list) or not listed:
        raise Unusable("the server ignores prompt_logprobs")
    found: list[tuple[str, float]] = []
    for entry in listed[1:]:
        if not isinstance(entry, dict) or len(entry) != 1:
            raise Unusable("expected the log-probability of one token at each place of the prompt")
        token, value = next(iter(entry.items()))
        logprob = value.get("logprob") if isinstance(value, dict) else None
        if not isinstance(logprob, int | float):
            raise Unusable("expected a number as log-probability")
        found.append((token, float(logprob)))
    return found


def read_error(body: Any) -> str:
    """The message of an error response, as far as it has one."""
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message", error) if isinstance(error, dict) else error
    return str(message)


def _sound(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair: no tokenizer, server or file takes those."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", text)


def _only_choice(body: Any) -> dict[str, Any]:
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list):
        raise Unusable("expected `choices` in the response, found none")
    if len(choices) != 1:
        raise Unusable(f"asked for 1 answer, got {len(choices)}")
    if not isinstance(choices[0], dict):
        raise Unusable("expected an object as choice")
    return choices[0]


def _reasoning(message: dict[str, Any]) -> str:
    """Reasoning that the server keeps apart: `reasoning_content` (DeepSeek, vLLM, llama.cpp) or `reasoning`."""
    for field in ("reasoning_content", "reasoning"):
        if isinstance(message.get(field), str):
            return str(message[field]).strip()
    return ""


def _content(message: dict[str, Any], allow_none: bool) -> tuple[str, str]:
    """(reasoning, answer) of a message's content: a text, or a list of parts; or its refusal, where that is all."""
    content, refusal = message.get("content"), message.get("refusal")
    if not content and isinstance(refusal, str) and refusal.strip():
        return "", refusal.strip()
    if content is None and allow_none:
        return "", ""
    if isinstance(content, str):
        return split_reasoning(content)
    if not isinstance(content, list):
        raise Unusable(f"expected text as content, found {type(content).__name__}")
    thoughts = [_part_text(p.get("thinking")) for p in content if isinstance(p, dict) and "thinking" in p]
    reasoning, answer = split_reasoning(
        "".join(_part_text(p) for p in content if not (isinstance(p, dict) and "thinking" in p))
    )
    return "\n".join([*thoughts, reasoning]).strip(), answer


def _part_text(part: Any) -> str:
    """The words of one part of a content: a text, an object with a text or a refusal, or a list of those."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(_part_text(p) for p in part)
    words = part.get("text", part.get("refusal")) if isinstance(part, dict) else None
    if isinstance(words, str):
        return words
    raise Unusable("expected only text in the parts of the content")


def _usage(body: dict[str, Any]) -> tuple[int, int]:
    """(prompt tokens, completion tokens); 0 where the server doesn't say, or says what is no number of tokens."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return 0, 0
    read, written = (usage.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return _tokens(read), _tokens(written)


def _tokens(count: Any) -> int:
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 0

"""An autoencoder's latents as one HTML page that works without network: `hansei inside show`.

What the page shows stands in it as JSON, of which its script makes text nodes: no token or word of a model is ever
markup. Characters that can't be seen are made visible, and the content security policy allows no request, no style and
no script but the page's own.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from hansei.core.errors import BadInput
from hansei.core.files import check_writable, disk_errors, write_atomic
from hansei.report import words
from hansei.report.html import policy

if TYPE_CHECKING:
    from jinja2 import Template

    from hansei.inside.viewing import Effect, Example, Shown, View

_HERE = Path(__file__).parent


def write_latents(view: View, path: str | Path) -> Path:
    """Writes the page to `path`, whole or not at all. Raises BadInput where it can't be written."""
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"{path}: is a folder: give the page a file's name, such as {path / 'latents.html'}")
    check_writable(path.parent)
    with disk_errors(f"writing {path}"):
        write_atomic(path, render_latents(view))
    return path


def render_latents(view: View) -> str:
    """The page; the same view always gives the same text."""
    template, style, script = _parts()
    return template.render(
        view=view,
        title=words.plain(view.title),
        facts=[words.plain(fact, 200) for fact in facts(view)],
        style=Markup(style),  # noqa: S704 (our own files, no input)
        script=Markup(script),  # noqa: S704
        data=Markup(in_script([_latent(shown) for shown in view.shown])),  # noqa: S704 (every < is written as \u003c)
        policy=policy(style, script),
    )


@functools.cache
def _parts() -> tuple[Template, str, str]:
    """The compiled template, the style sheet and the script."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html, style, script = ((_HERE / f"latents.{end}").read_text(encoding="utf-8") for end in ("html", "css", "js"))
    return environment.from_string(html), style, script


def in_script(value: Any) -> str:
    """JSON that can stand in a script element: ASCII, and without the characters that could end it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def facts(view: View) -> list[str]:
    """What stands under the title."""
    return [
        f"{view.model}, {view.module}",
        f"{view.latents:,} latents, {view.k} active: {len(view.shown):,} are shown",
        f"{view.tokens:,} tokens in {view.contexts:,} texts",
        f"squared error {view.error:.1%} of the variance",
        f"{view.dead:.1%} of the latents never fire here",
    ]


def _latent(shown: Shown) -> dict[str, Any]:
    return {
        "latent": shown.latent,
        "note": words.visible(shown.note),
        "density": shown.density,
        "strongest": shown.strongest,
        "mean": shown.mean,
        "histogram": shown.histogram,
        "top": [_example(example) for example in shown.top],
        "others": [_example(example) for example in shown.others],
        "effect": None if shown.effect is None else _effect(shown.effect),
    }


def _example(example: Example) -> dict[str, Any]:
    tokens = [words.visible(token) for token in example.tokens]
    return {"tokens": tokens, "values": example.values, "document": example.document}


def _effect(effect: Effect) -> dict[str, Any]:
    pairs = {"promotes": effect.promotes, "demotes": effect.demotes}
    shown = {name: [[words.visible(token), value] for token, value in found] for name, found in pairs.items()}
    return shown | {"loss": effect.loss, "kl": effect.kl, "places": effect.places}

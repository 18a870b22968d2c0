"""WordNet in the formats in which it is given away, as a hierarchy of concepts.

A concept is a synset, its words are its members, and the concepts above it are its hypernyms; instances (Paris is one
of the capitals) are no hyponyms. Files of Open English WordNet and of Princeton WordNet are read; none is shipped.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hansei.core.errors import BadInput
from hansei.inside.concept_tree import Concept, Hierarchy

Pos = Literal["noun", "verb"]
LETTER: dict[Pos, str] = {"noun": "n", "verb": "v"}
EXPECTED = (
    "WN-LMF (.xml, .xml.gz), WNDB (data.noun or its folder), the release's JSON or YAML folder (noun.*.json), or JSONL "
    "with id, pos, members and hypernym"
)
VOWELS = "aeiou"


@dataclass
class Lexicon:
    """What a file of WordNet says of one part of speech."""

    synsets: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    """Of each synset: members and hypernyms."""
    forms: dict[str, list[str]] = field(default_factory=dict)
    """Irregular forms of a lemma, where the file has them."""


def read_wordnet(path: str | Path, pos: Pos = "noun") -> tuple[Hierarchy, Mapping[str, list[str]]]:
    """The hierarchy of nouns or verbs, and irregular forms. Raises BadInput at any other file, with the place."""
    path = Path(path)
    if not path.exists():
        raise BadInput(f"{path}: there is no such file: check the path")
    try:
        lexicon = _read(path, pos)
    except BadInput:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, zlib.error) as error:
        why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise BadInput(f"{path}: WordNet was expected ({EXPECTED}), found what can't be read: {why}") from error
    if not lexicon.synsets:
        raise BadInput(f"{path}: synsets of part of speech {pos!r} were expected, found none ({EXPECTED})")
    return _hierarchy(lexicon, LETTER[pos]), lexicon.forms


def _read(path: Path, pos: Pos) -> Lexicon:
    name = path.name.removesuffix(".gz")
    if path.is_dir():
        if (path / f"data.{pos}").is_file():
            return _wndb(path / f"data.{pos}", pos)
        return _release(path, pos)
    if name.endswith(".jsonl"):
        return _jsonl(path, pos)
    if name.endswith(".xml"):
        return _lmf(path, pos)
    if name.startswith("data."):
        return _wndb(path, pos)
    raise BadInput(f"{path}: WordNet was expected: {EXPECTED}")


def _jsonl(path: Path, pos: Pos) -> Lexicon:
    from hansei.core.rows import read_rows

    found = Lexicon()
    for row in read_rows(path):
        values = row.values
        if not all(isinstance(values.get(key), list) for key in ("members", "hypernym")) or "id" not in values:
            raise BadInput(f"{row.where}: id, pos, members (a list) and hypernym (a list) were expected")
        if values.get("pos") == LETTER[pos]:
            found.synsets[values["id"]] = (values["members"], values["hypernym"])
    return found


def _lmf(path: Path, pos: Pos) -> Lexicon:
    """WN-LMF: entries with lemma, forms and senses; synsets with relations."""
    from xml.etree import ElementTree

    found, members = Lexicon(), dict[str, list[str]]()
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        try:
            for _, element in ElementTree.iterparse(file):  # noqa: S314
                if element.tag == "LexicalEntry":
                    _lmf_entry(element, LETTER[pos], members, found)
                    element.clear()
                elif element.tag == "Synset":
                    if element.get("partOfSpeech") == LETTER[pos]:
                        links = element.iter("SynsetRelation")
                        above = [str(e.get("target")) for e in links if e.get("relType") == "hypernym"]
                        found.synsets[str(element.get("id"))] = ([], above)
                    element.clear()
        except ElementTree.ParseError as error:
            raise BadInput(f"{path}: XML was expected, found a broken file ({error})") from error
    for name in found.synsets:
        found.synsets[name] = (members.get(name, []), found.synsets[name][1])
    return found


def _lmf_entry(element: Any, letter: str, members: dict[str, list[str]], found: Lexicon) -> None:
    lemma = element.find("Lemma")
    if lemma is None or lemma.get("partOfSpeech") != letter:
        return
    word = str(lemma.get("writtenForm"))
    forms = [str(form.get("writtenForm")) for form in element.iter("Form")]
    if forms:
        found.forms.setdefault(word, []).extend(forms)
    for sense in element.iter("Sense"):
        members.setdefault(str(sense.get("synset")), []).append(word)


def _wndb(path: Path, pos: Pos) -> Lexicon:
    """Princeton's data.noun: offset, file, type, number of words (hexadecimal), words, pointers; `@` is a hypernym."""
    found = Lexicon()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" ") or not line.strip():
            continue  # the licence at the head
        parts = line.partition(" | ")[0].split()
        if parts[2] != LETTER[pos]:
            continue
        count = int(parts[3], 16)
        words = [word.partition("(")[0] for word in parts[4 : 4 + 2 * count : 2]]
        pointers = parts[5 + 2 * count :]
        links = zip(pointers[0::4], pointers[1::4], strict=False)
        found.synsets[parts[0]] = (words, [target for symbol, target in links if symbol == "@"])
    exceptions = path.with_name(f"{pos}.exc")
    for line in exceptions.read_text(encoding="utf-8").splitlines() if exceptions.is_file() else ():
        form, *lemmas = line.split()
        for lemma in lemmas:
            found.forms.setdefault(lemma, []).append(form)
    return found


def _release(folder: Path, pos: Pos) -> Lexicon:
    """The JSON or YAML files of a release of Open English WordNet: noun.*.json and entries-*.json."""
    found = Lexicon()
    for path in _both(folder, f"{pos}.*"):
        for name, synset in _loaded(path).items():
            found.synsets[name] = (synset["members"], synset.get("hypernym", []))
    for path in _both(folder, "entries-*"):
        for lemma, parts in _loaded(path).items():
            forms = [form for key, entry in parts.items() if key[:1] == LETTER[pos] for form in entry.get("form", ())]
            if forms:
                found.forms.setdefault(str(lemma), []).extend(map(str, forms))
    return found


def _both(folder: Path, name: str) -> Iterator[Path]:
    return iter(sorted([*folder.glob(f"{name}.json"), *folder.glob(f"{name}.yaml")]))


def _loaded(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        made = json.loads(text)
    else:
        import yaml  # type: ignore[import-untyped]

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            made = yaml.load(text, loader)  # noqa: S506  (a safe loader)
        except yaml.YAMLError as error:
            raise BadInput(f"{path}: YAML was expected, found a broken file: {str(error).splitlines()[0]}") from error
    if not isinstance(made, dict):
        raise BadInput(f"{path}: a table was expected, found {type(made).__name__}")
    return made


def _hierarchy(lexicon: Lexicon, letter: str) -> Hierarchy:
    """Synsets by a name that can be read: first member, part of speech, and a number for each of that name."""
    seen: dict[str, int] = {}
    names = {}
    for key, (members, _) in lexicon.synsets.items():
        first = str(members[0]).replace(" ", "_") if members else key
        seen[first] = seen.get(first, 0) + 1
        names[key] = f"{first}.{letter}.{seen[first]:02d}"
    return {
        names[key]: Concept(
            tuple(str(word).replace("_", " ") for word in members),
            tuple(dict.fromkeys(names[one] for one in above if one in names)),
        )
        for key, (members, above) in lexicon.synsets.items()
    }


def forms(word: str, pos: Pos, irregular: Mapping[str, list[str]]) -> list[str]:
    """The word, its plural (of a verb: third person, past and -ing), and each with a capital.

    Regular English rules, and what the file says of irregular ones. A form that is no word is no token either.
    """
    made = [word, *irregular.get(word, ()), *(_verb_forms(word) if pos == "verb" else [_with_s(word)])]
    return list(dict.fromkeys(form for one in made for form in (one, one[:1].upper() + one[1:])))


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _verb_forms(word: str) -> list[str]:
    if word.endswith("e"):
        return [_with_s(word), word + "d", word[:-1] + "ing"]
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return [_with_s(word), word[:-1] + "ied", word + "ing"]
    return [_with_s(word), word + "ed", word + "ing"]

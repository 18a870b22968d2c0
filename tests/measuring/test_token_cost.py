"""What content costs by language: exact identities, oracles, tokenizers of all kinds, and what can't be worked with."""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hansei.core.errors import BadInput
from hansei.measuring import token_cost_paper
from hansei.measuring.byte_bpe import GPT2, train, train_for_parity
from hansei.measuring.parallel_text import read_parallel
from hansei.measuring.premiums import Priced, fitting, gini, script
from hansei.measuring.token_cost import Settings, run
from hansei.measuring.token_cost_chart import _broken, heat_map, ordered
from hansei.measuring.token_counts import count, load_tokenizer

ROWS = 40
SENTENCES = {
    "eng_Latn": "The {n} cats sleep in the house and the {n} dogs do not.",
    "deu_Latn": "Die {n} Katzen schlafen im Haus und die {n} Hunde tun es nicht, größer.",
    "ell_Grek": "Οι {n} γάτες κοιμούνται στο σπίτι και οι {n} σκύλοι όχι.",
    "hin_Deva": "{n} बिल्लियाँ घर में सोती हैं और {n} कुत्ते नहीं सोते।",
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Forty rows in four languages, of many lengths."""
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    rows = [{k: " ".join([v.format(n=n)] * (1 + n % 5)) for k, v in SENTENCES.items()} for n in range(ROWS)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def byte_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer without a fast version: ByT5's, a token a byte."""
    from transformers import ByT5Tokenizer

    folder = tmp_path_factory.mktemp("byt5")
    ByT5Tokenizer().save_pretrained(folder)
    return str(folder)


def rows_of(result: Any, label: str) -> dict[str, dict[str, Any]]:
    return {row["row"]: row for row in result.parts[f"languages, {label}"]}


def test_the_premium_is_the_product_of_its_parts_to_the_last_digit(text: str, llama_folder: str) -> None:
    result = run(Settings(tokenizers=(llama_folder,), text=text))
    rows = rows_of(result, Path(llama_folder).name)
    home = rows["eng_Latn"]
    assert home["premium"].value == home["premium"].low == home["premium"].high == 1.0
    assert home["context_lost_percent"] == 0.0
    for row in rows.values():
        counts = [(row[name], home[name]) for name in ("characters", "bytes", "tokens")]
        texts, sizes, tokens = (Fraction(here, there) for here, there in counts)
        factors = (texts, sizes / texts, tokens / sizes)
        shown = ("characters_ratio", "bytes_per_character_ratio", "tokens_per_byte_ratio")
        assert [row[name] for name in shown] == [float(factor) for factor in factors]
        assert row["premium"].value == float(factors[0] * factors[1] * factors[2])
        assert math.prod(row[name] for name in shown) == pytest.approx(row["premium"].value, rel=4e-16 * 3)


def test_a_tokenizer_without_a_fast_version_counts_bytes(text: str, byte_folder: str) -> None:
    result = run(Settings(tokenizers=(byte_folder,), text=text))
    for name, row in rows_of(result, Path(byte_folder).name).items():
        assert row["tokens"] == row["bytes"] == sum(len(t.encode()) for t in read_parallel(text).rows[name])
        assert row["tokens_per_byte_ratio"] == 1.0


def test_the_interval_is_that_of_resampled_rows(text: str, byte_folder: str) -> None:
    row = rows_of(run(Settings(tokenizers=(byte_folder,), text=text)), Path(byte_folder).name)["deu_Latn"]
    rows = read_parallel(text).rows
    here, there = (np.array([len(t.encode()) for t in rows[name]]) for name in ("deu_Latn", "eng_Latn"))
    rng = np.random.default_rng(1)
    picks = rng.integers(0, ROWS, (4000, ROWS))
    drawn = here[picks].sum(axis=1) / there[picks].sum(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert (row["premium"].low, row["premium"].high) == pytest.approx((low, high), abs=0.1 * (high - low))
    assert row["mean_of_row_premiums"] == pytest.approx(float((here / there).mean()), abs=6e-4)


def test_demonstrations_are_what_fits_before_the_row_that_is_asked() -> None:
    rng = np.random.default_rng(0)
    for room in (0, 5, 60, 300, 10**6):
        tokens = rng.integers(1, 30, 25)
        found = fitting(tokens, room, seed=3)
        order = list(np.random.default_rng(3).permutation(25))
        for row in range(25):
            place, left, fits = order.index(row), room - tokens[row], 0
            for other in (order[(place + step) % 25] for step in range(1, 25)):
                left -= tokens[other]
                if left < 0:
                    break
                fits += 1
            assert found[row] == fits
    assert (fitting(np.array([5, 5]), 9, 0) == 0).all() and (fitting(np.array([5, 5]), 10, 0) == 1).all()


def test_a_larger_window_fits_more_and_a_dearer_language_less(text: str, byte_folder: str) -> None:
    results = [
        rows_of(run(Settings(tokenizers=(byte_folder,), text=text, context=context)), Path(byte_folder).name)
        for context in (600, 4096)
    ]
    assert results[0]["hin_Deva"]["demonstrations"].value < results[1]["hin_Deva"]["demonstrations"].value
    assert results[0]["hin_Deva"]["demonstrations"].value < results[0]["eng_Latn"]["demonstrations"].value
    assert results[0]["hin_Deva"]["no_room_percent"] > results[1]["hin_Deva"]["no_room_percent"] == 0.0


def test_prices_are_premiums_times_the_price(text: str, byte_folder: str, llama_folder: str) -> None:
    result = run(Settings(tokenizers=(byte_folder, llama_folder), text=text, price=(2.5, 10.0)))
    for folder, price in ((byte_folder, 2.5), (llama_folder, 10.0)):
        row = rows_of(result, Path(folder).name)["hin_Deva"]
        assert row["price"] == pytest.approx(price * row["premium"].value, abs=1e-4)
    assert len(result.parts["side-by-side"]) == len(SENTENCES)


def test_unknown_tokens_are_counted_and_told(text: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({"<unk>": 0, "The": 1, "cats": 2}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>").save_pretrained(tmp_path / "words")
    result = run(Settings(tokenizers=(str(tmp_path / "words"),), text=text))
    assert rows_of(result, "words")["ell_Grek"]["unknown_percent"] == 100.0
    assert any("unknown tokens in 4 languages: it loses text" in note for note in result.notes)


def test_truncation_and_padding_of_a_tokenizer_do_not_touch_the_counts(llama_folder: str) -> None:
    tokenizer = load_tokenizer(llama_folder)
    texts = ["a longer text of several words", "short"]
    before = count(tokenizer, texts)[0].tolist()
    tokenizer.backend_tokenizer.enable_truncation(2)
    tokenizer.backend_tokenizer.enable_padding(length=50)
    assert count(tokenizer, texts)[0].tolist() == before


def test_rows_in_another_order_are_doubted(tmp_path: Path, byte_folder: str) -> None:
    lines = ["word " * (1 + 7 * n % 31) for n in range(60)]
    (tmp_path / "eng.txt").write_text("\n".join(lines))
    (tmp_path / "deu.txt").write_text("\n".join(line.replace("word", "Wort") for line in lines))
    (tmp_path / "fra.txt").write_text("\n".join(np.random.default_rng(0).permutation(lines)))
    notes = run(Settings(tokenizers=(byte_folder,), text=str(tmp_path))).notes
    assert any("rows of fra do not follow those of eng in length" in note for note in notes)


def test_training_on_equal_text_makes_a_fairer_tokenizer_that_writes_everything(text: str, tmp_path: Path) -> None:
    material = [{k: v.format(n=f"{n} {n * n}") for k, v in SENTENCES.items()} for n in range(60, 300)]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in material))
    out = str(tmp_path / "out")
    result = run(Settings(train=(400,), train_text=str(tmp_path / "train.jsonl"), text=text, out=out, parity=1))
    assert rows_of(result, "byte-bpe-400")["hin_Deva"]["premium"].value < 2
    again = load_tokenizer(f"{out}/byte-bpe-400")
    strange = "Ünïcode ᚠ 🎉 हिन्दी"
    assert again.decode(again(strange)["input_ids"]) == strange
    with pytest.raises(BadInput, match="rows are in both"):
        run(Settings(train=(400,), train_text=text, text=text))


def test_keeping_marks_with_their_letters_makes_indic_words_cheaper() -> None:
    rows = {name: [sentence.format(n=n) for n in range(200)] for name, sentence in SENTENCES.items()}
    with_marks, gpt2 = (int(count(train(rows, 420, *more), rows["hin_Deva"])[0].sum()) for more in ((), (GPT2,)))
    assert with_marks < 0.8 * gpt2
    with pytest.raises(BadInput, match="a vocabulary of 50000 was expected, the text gives"):
        train(rows, 50_000)


def test_parity_takes_from_the_cheap_and_gives_to_the_dear() -> None:
    words = np.random.default_rng(0).permutation([f"{a}{b}{c}" for a in "kmnt" for b in "aeiou" for c in "lrsz"])
    rows = {"eng": [" ".join(words[n : n + 4]) for n in range(70)]}
    rows["ell"] = [row.translate(str.maketrans("kmntaeioulrsz", "κμντaειουλρσζ")) + " ξένος" for row in rows["eng"]]
    spread = []
    for rounds in (0, 4):
        tokenizer = train_for_parity(rows, 330, rounds)
        totals = [int(count(tokenizer, texts)[0].sum()) for texts in rows.values()]
        spread.append(max(totals) / min(totals))
    assert spread[1] < 0.97 * spread[0]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tokenizers": ()}, "a tokenizer was expected"),
        ({"text": None}, "give it with --text"),
        ({"train": (500,)}, "--train SIZE and --train-text PATH go together"),
        ({"train": (10,), "train_text": "x"}, "sizes of 300 or more"),
        ({"parity": 2}, "together with --train SIZE"),
        ({"price": (1.0, 2.0)}, "one price above 0, or one for each of 1"),
        ({"price": (float("nan"),)}, "one price above 0"),
        ({"context": 100, "answer_tokens": 100}, "0 <= answer < context"),
        ({"draws": 1}, "100 or more"),
    ],
)
def test_settings_that_make_no_measurement_are_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Settings(**({"tokenizers": ("town",), "text": "x"} | more))


def test_what_is_no_tokenizer_gets_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "tokenizer.json").write_text("{broken")
    for name in (tmp_path / "empty", tmp_path / "tokenizer.json", tmp_path / "none"):
        with pytest.raises(BadInput, match=r"a tokenizer .* was expected, found none: ") as error:
            run(Settings(tokenizers=(str(name),), text=text))
        assert "\n" not in str(error.value)


def test_the_gini_coefficient_is_half_the_mean_difference_over_the_mean() -> None:
    values = np.array([1.0, 1.0, 2.0, 7.5])
    plain = np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean())
    assert gini(values) == pytest.approx(plain)
    assert gini(np.ones(5)) == pytest.approx(0)


def test_scripts_are_told_from_names_and_order_the_map(text: str, byte_folder: str) -> None:
    assert [script(name) for name in ("eng_Latn", "zho_Hans", "en", "en_US", "aka_akuapem")] == [
        "Latn",
        "Hans",
        None,
        None,
        None,
    ]
    rows = {"eng_Latn": 10, "deu_Latn": 14, "mya_Mymr": 50, "shn_Mymr": 40, "fra_Latn": 12}
    tokens = {name: np.array([n]) for name, n in rows.items()}
    priced = Priced("eng_Latn", rows, rows, tokens, dict.fromkeys(rows, 0), 100, 0, 100)
    assert ordered(priced) == ["mya_Mymr", "shn_Mymr", "deu_Latn", "fra_Latn", "eng_Latn"]
    figure = heat_map({"one": priced})
    labels = [label.get_text() for axis in figure.axes for label in axis.get_yticklabels()]
    assert set(rows) <= set(labels)


@pytest.mark.parametrize("label", ["cl100k_base", "equal text, 5000, GPT-2's splitting", "a-very-longwordindeed", "x"])
def test_names_above_the_map_are_broken_and_never_cut(label: str) -> None:
    lines = _broken(label).split("\n")
    assert max(map(len, lines)) <= 9
    assert "".join(lines).replace(" ", "") == label.replace(" ", "")


def test_the_paper_needs_its_data(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--data DIR"):
        token_cost_paper.Settings()
    with pytest.raises(BadInput, match="flores200: parallel text was expected, found none"):
        token_cost_paper.run(token_cost_paper.Settings(data=str(tmp_path)))
    with pytest.raises(BadInput, match="sizes of 300 or more"):
        token_cost_paper.Settings(data="x", sizes=(5,))


def test_the_papers_measurement_runs_on_parts_of_the_public_data(
    public_data: Callable[[str], Path], byte_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some languages and rows, and small vocabularies; bytes, so that the premiums can be told from the text alone."""
    kept = {"flores200": token_cost_paper.XQUAD_TO_FLORES | {n: n for n in token_cost_paper.PUBLISHED_CL100K}}
    read = read_parallel

    def few(path: Path) -> Any:
        languages = tuple(kept["flores200"].values()) if "flores" in str(path) else ()
        found = read(path, None, languages)
        size = 60 if found.size > 60 else found.size
        return type(found)(found.name, {k: v[:size] for k, v in found.rows.items()}, found.reference)

    monkeypatch.setattr(token_cost_paper, "read_parallel", few)
    monkeypatch.setattr(token_cost_paper, "ENGLISH_SIZE", 400)
    monkeypatch.setattr(token_cost_paper, "ROUNDS", 1)
    data = str(public_data("flores200").parent)
    settings = token_cost_paper.Settings(data=data, tokenizers=(byte_folder,), sizes=(600, 700), quick=True, draws=100)
    result = token_cost_paper.run(token_cost_paper.replace(settings, out=str(tmp_path)))
    trained = {row["row"]: row for row in result.parts["trained"]}
    assert trained["equal text, 600"]["largest_premium"] < trained["English alone, 400"]["largest_premium"]
    assert trained["equal text, 600"]["hin"] < trained["equal text, 600, GPT-2's splitting"]["hin"]
    (agreement,) = result.parts["two-texts"]
    assert agreement["languages_in_both"] >= 8 and 0.3 < agreement["rank_correlation"] <= 1
    assert len(result.parts["published"]) == 10 and len(result.parts["prompts"]) == 11
    assert {Path(file).name for file in result.files} == {"token-cost.svg", "token-cost-trained.svg", "result.json"}


def test_a_dry_run_measures_nothing(public_data: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    settings = token_cost_paper.Settings(data=str(public_data("flores200").parent), dry_run=True)
    assert token_cost_paper.run(settings).rows == []
    assert "1 tokenizers, 14 trainings" in capsys.readouterr().out

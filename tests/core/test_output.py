"""Where a result is written: looked at before the work, and never in place of another command's result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hansei.cli import main
from hansei.core.errors import BadInput
from hansei.core.output import RESULT, check_out


def test_looking_at_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    check_out(tmp_path / "a" / "b", "exam")
    check_out(tmp_path, "exam")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="this is a file"):
        check_out(tmp_path / "file", "exam")
    with pytest.raises(BadInput, match=r"a file stands where|a part of the path is a file"):
        check_out(tmp_path / "file" / "below", "exam")


@pytest.mark.parametrize("kind", ["measure", "paper"])
def test_the_result_of_another_command_is_not_replaced(tmp_path: Path, kind: str) -> None:
    (tmp_path / RESULT).write_text(json.dumps({kind: "exam", "rows": []}))
    check_out(tmp_path, "exam")
    with pytest.raises(BadInput, match=r"holds the result.json of exam, which scaling would replace"):
        check_out(tmp_path, "scaling")
    (tmp_path / RESULT).write_text("[]")
    check_out(tmp_path, "scaling")


def test_a_command_says_so_before_it_reads_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / RESULT).write_text(json.dumps({"measure": "exam", "rows": []}))
    before = (tmp_path / RESULT).read_bytes()
    for command in (["measure", "scaling", "none.csv"], ["measure", "calibration", "none.csv"]):
        assert main([*command, "--out", str(tmp_path)]) == 2
        assert "holds the result.json of exam" in capsys.readouterr().err
    assert (tmp_path / RESULT).read_bytes() == before

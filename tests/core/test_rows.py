"""Rows of packed files; everything else about rows is tested through test_inputs.py."""

import gzip

import pytest

from hansei.core.errors import BadInput
from hansei.core.rows import read_rows


def test_a_gzipped_file_is_read_as_the_plain_one(tmp_path):
    for name, text in {"a.jsonl": '{"x": "é"}\n', "b.csv": "x\né\n"}.items():
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress(text.encode()))
        assert [row.values for row in read_rows(packed)] == [{"x": "é"}]


CUT = gzip.compress(b"{}" * 99, mtime=0)[:-9]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [("a.jsonl.gz", b"{}", "gzip"), ("a.txt.gz", b"", ".parquet"), ("a.jsonl.gz", CUT, "gzip")],
)
def test_what_is_no_packed_table_is_one_line(tmp_path, name, data, says):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=says) as raised:
        list(read_rows(tmp_path / name))
    assert "\n" not in str(raised.value)

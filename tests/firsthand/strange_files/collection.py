"""Strange files and what every reader must answer on them: formats × oddities, each made from its description.

The texts "Model text number i." are known as a model's, "Human text number i." as human (`write_known`).
"""

import bz2
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from firsthand.core.digests import digest_text, stack
from firsthand.core.verdicts import IS_HUMAN, IS_MODEL, Verdicts
from firsthand.snapshots import SnapshotWriter, Subject

MODEL = [f"Model text number {n}." for n in range(10)]
HUMAN = [f"Human text number {n}." for n in range(10)]
M, H, U = MODEL[0], HUMAN[0], "Nobody knows this."
LONG = "A long text of a model. " * 250_000


@dataclass(frozen=True)
class StrangeFile:
    """A file, and the answer on it: a verdict per row, or the words of a refusal."""

    name: str
    content: bytes
    #: One letter per row: m model, h human, u unknown, "-" no item (null), "b" bytes that are not text; both are
    #: unknown. None if the file is refused.
    verdicts: str | None
    #: A regular expression that the refusal matches.
    refusal: str = ""
    #: The letters if bad rows are skipped, "!" for a bad row; None if nothing can be skipped.
    skipped: str | None = None


def write_known(folder: Path) -> Path:
    """Write a snapshot of 28 bits, which knows the texts of MODEL and HUMAN, and LONG as a model's."""
    folder.mkdir()
    known = {digest_text(text): IS_MODEL for text in [*MODEL, LONG]} | {digest_text(text): IS_HUMAN for text in HUMAN}
    codes = np.array(list(known.values()), dtype=np.uint8)
    generations = np.where(codes == IS_MODEL, 1, 0).astype(np.int16)
    with SnapshotWriter(folder, Subject(7, None, bits=28)) as writer:
        writer.add(stack(list(known)), Verdicts(codes, generations, np.zeros(len(codes), dtype=np.bool_)))
        writer.finish()
    return folder


def row(text: str | None, **fields: Any) -> str:
    return json.dumps({"text": text, **fields})


def compressed(content: bytes, suffix: str) -> bytes:
    match suffix:
        case ".gz":
            return gzip.compress(content, mtime=0)
        case ".zst":
            return bytes(pa.compress(content, "zstd", asbytes=True))
        case ".bz2":
            return bz2.compress(content)
        case ".xz":
            return lzma.compress(content)
    return content


Oddity = tuple[str, str | bytes, str | None, str, str | None]


def good(name: str, content: str | bytes, verdicts: str) -> Oddity:
    return name, content, verdicts, "", None


def bad(name: str, content: str | bytes, refusal: str, skipped: str | None = None) -> Oddity:
    return name, content, None, refusal, skipped


DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "9" * 5_000

JSON_LINES = [
    good("two", f"{row(M)}\n{row(H)}\n", "mh"),
    good("crlf", f"{row(M)}\r\n{row(H)}\r\n", "mh"),
    good("no_last_line_end", f"{row(M)}\n{row(H)}", "mh"),
    good("blank_lines", f"\n{row(M)}\n\n  \n{row(H)}\n\n", "mh"),
    good("byte_order_mark", f"\ufeff{row(M)}\n{row(H)}\n", "mh"),
    good("empty", "", ""),
    good("only_blank_lines", "\n\n \n", ""),
    good("null", f"{row(M)}\n{row(None)}\n{row(H)}\n", "m-h"),
    good("lone_surrogate", f"{row(M)}\n{row(chr(0xD800) + ' alone')}\n{row(H)}\n", "muh"),
    good("surrogate_pair", f"{row(M)}\n{row(chr(0x1F600))}\n", "mu"),
    good("escaped", '{"te\\u0078t": "\\u004dodel text number 0."}\n', "m"),
    good("escaped_zero", f'{row(M)}\n{{"text": "a\\u0000z"}}\n', "mu"),
    good("two_keys", f'{{"text": "{U}", "text": "{M}"}}\n', "m"),
    good("huge_integer", f'{row(M)}\n{{"text": "{H}", "n": {HUGE}}}\n', "mh"),
    good("huge_integer_and_null", f'{{"text": "{H}", "n": {HUGE}}}\n{row(None)}\n{row(M)}\n', "h-m"),
    good("null_before_huge_integer", f'{row(None)}\n{{"text": "{H}", "n": -{HUGE}}}\n', "-h"),
    good("deep", f'{{"text": "{M}", "n": {DEEP}}}\n{row(H)}\n', "mh"),
    good("deep_and_null", f'{{"text": "{M}", "n": {DEEP}}}\n{row(None)}\n', "m-"),
    good("not_a_number", f'{{"text": "{M}", "n": NaN}}\n{{"text": "{H}", "n": -Infinity}}\n', "mh"),
    good("huge_float", f'{{"text": "{M}", "n": 1e999}}\n', "m"),
    good("nested_text", f'{{"more": {{"text": 5}}, "text": "{M}"}}\n', "m"),
    good("changing_types", f'{{"text": "{M}", "n": 1}}\n{{"text": "{H}", "n": "one"}}\n', "mh"),
    good("date_like", f'{{"text": "2020-01-01T00:00:00Z"}}\n{row(M)}\n', "um"),
    good("year_10000", f'{{"text": "{M}", "at": "10000-01-01T00:00:00Z"}}\n', "m"),
    good("other_white_space", f"{row(' Model  text number 0. ')}\n{row(M + chr(10))}\n", "mm"),
    good("zero_width", f"{row('Mo' + chr(0x200B) + 'del text number 0.')}\n", "m"),
    good("line_separator", f'{{"text": "{M}", "n": "\u2028"}}\n{row(H)}\n', "mh"),
    good("empty_text", f"{row('')}\n{row(M)}\n", "um"),
    good("space_before", f"   {row(M)}\n\t{row(H)}\n", "mh"),
    good("long_line", f"{row(LONG)}\n{row(H)}\n", "mh"),
    bad("leading_zero", f'{row(M)}\n{{"text": "{H}", "n": 01}}\n', "line 2: not JSON in UTF-8", "m!"),
    bad("control_character", f'{row(M)}\n{{"text": "tab\there"}}\n', "line 2: not JSON in UTF-8", "m!"),
    bad("not_utf8", row(M).encode() + b'\n{"text": "caf\xe9"}\n', "line 2: .*byte 14 .* not UTF-8", "m!"),
    bad("encoded_surrogate", row(M).encode() + b'\n{"text": "\xed\xa0\x80"}\n', "line 2: .* not UTF-8", "m!"),
    bad("utf16", f"{row(M)}\n".encode("utf-16"), "is UTF-16, .*iconv -f UTF-16"),
    bad("utf32", f"{row(M)}\n".encode("utf-32"), "is UTF-32, .*iconv -f UTF-32"),
    bad("array", f"[{row(M)}, {row(H)}]\n", r"one JSON array, not one object per line.*jq -c '\.\[\]'"),
    bad("array_of_lines", f"[\n{row(M)},\n{row(H)}\n]\n", "one JSON array, not one object per line"),
    bad("array_after_mark", f"\ufeff[{row(M)}]", "one JSON array, not one object per line"),
    bad("arrays", f"[1]\n{row(M)}\n", "line 1: the line holds an array", "!m"),
    bad("pretty", json.dumps({"text": M}, indent=1), "line 1: a JSON object of several lines.*jq -c"),
    bad("comma", f"{row(M)},\n{row(H)}\n", "line 1: not JSON in UTF-8", "!h"),
    bad("two_on_a_line", f"{row(M)}{row(H)}\n{row(M)}\n", "line 1: not JSON in UTF-8", "!m"),
    bad("number", f'{row(M)}\n{{"text": 5}}\n', "line 2: the field 'text' must hold a text, but holds 5", "m!"),
    bad("truth", f'{{"text": true}}\n{row(M)}\n', "line 1: the field 'text' must hold a text", "!m"),
    bad("huge_text", f'{{"text": {HUGE}}}\n{row(M)}\n', "line 1: the field 'text' must hold a text", "!m"),
    bad("list", f'{row(M)}\n{{"text": ["{H}"]}}\n', "line 2: the field 'text' must hold a text", "m!"),
    bad("missing", f'{row(M)}\n{{"body": "{H}"}}\n', "line 2: there is no field 'text'; the fields are body", "m!"),
    bad("a_text", f'{row(M)}\n"{H}"\n', "line 2: the line holds a text", "m!"),
    bad("a_number", f"{row(M)}\n5\n", "line 2: the line holds a number", "m!"),
    bad("a_null", f"null\n{row(M)}\n", "line 1: the line holds null", "!m"),
    bad("comment", f"{row(M)}\n# comment\n{row(H)}\n", "line 2: not JSON in UTF-8", "m!h"),
    bad("cut_off", f"{row(M)}\n{row(H)[:-4]}", "line 2: not JSON in UTF-8", "m!"),
    bad("zero_bytes", row(M).encode() + b"\n" + bytes(100), "line 2: not JSON in UTF-8", "m!"),
    bad("carriage_returns", f"{row(M)}\r{row(H)}\r", "line 1: not JSON in UTF-8", "!"),
    bad("deep_null", f'{{"text": null, "n": {DEEP}}}\n{row(M)}\n', "line 1: .*nested too deeply", "!m"),
]  # fmt: skip


def delimited(d: str) -> list[Oddity]:
    """Return the oddities of CSV, or of TSV."""
    head = f"id{d}text\n"
    return [
        good("two", f"{head}1{d}{M}\n2{d}{H}\n", "mh"),
        good("crlf", f"{head}1{d}{M}\n2{d}{H}\n".replace("\n", "\r\n"), "mh"),
        good("no_last_line_end", f"{head}1{d}{M}\n2{d}{H}", "mh"),
        good("byte_order_mark", f"\ufeff{head}1{d}{M}\n", "m"),
        good("quoted", f'"id"{d}"text"\n"1"{d}"{M}"\n', "m"),
        good("line_in_quotes", f'{head}1{d}"{M}\n"\n2{d}"two\nlines"\n3{d}{H}\n', "muh"),
        good("doubled_quotes", f'{head}1{d}"say ""no"""\n2{d}{M}\n', "um"),
        good("separator_in_quotes", f'{head}1{d}"a{d} b"\n2{d}{M}\n', "um"),
        good("quote_inside", f'{head}1{d}say "no"\n2{d}{M}\n', "um"),
        good("blank_lines", f"\n{head}\n1{d}{M}\n\n2{d}{H}\n\n", "mh"),
        good("empty", "", ""),
        good("only_mark", "\ufeff", ""),
        good("only_blank_lines", "\n\r\n\n", ""),
        good("only_header", head, ""),
        good("header_without_line_end", head.strip(), ""),
        good("empty_text", f"{head}1{d}\n2{d}{M}\n", "um"),
        good("long_field", f"{head}1{d}{LONG}\n2{d}{H}\n", "mh"),
        good("zero_width", f"{head}1{d}Mo\u200bdel text number 0.\n", "m"),
        good("two_other_columns", f"id{d}id{d}text\n1{d}2{d}{M}\n", "m"),
        good("line_separator", f"{head}1{d}{M}\u2028\n2{d}{H}\n", "mh"),
        bad("never_closed", f'{head}1{d}{M}\n2{d}"open\n3{d}{H}\n', "line 3: a quote opens in this line"),
        bad("never_closed_later", f'{head}1{d}"a\n""b"\n"2{d}{M}\n', "line 4: a quote opens in this line"),
        bad("closed_too_late", f'{head}1{d}"open\n2{d}"{M}"\n3{d}{H}\n', "lines 2 to 3: a closing quote is followed"),
        bad("swallowing", f'{head}1{d}"open\n2{d}{M}\n3{d}"{H}"\n', "lines 2 to 4: a closing quote is followed by"),
        bad("after_quote", f'{head}1{d}"a" b\n2{d}{M}\n', "line 2, record 1: a closing quote is followed by", "!m"),
        bad("backslash", f'{head}1{d}"say \\"no\\""\n2{d}{M}\n', "line 2, record 1: a closing quote", "!m"),
        bad("ragged_long", f"{head}1{d}{M}\n2{d}{H}{d} cut\n", "line 3, record 2: the record has 3 fields", "m!"),
        bad("ragged_short", f"{head}1{d}{M}\n2\n3{d}{H}\n", "line 3, record 2: the record has 1 field,", "m!h"),
        bad("broken_line", f"id{d}text{d}n\n1{d}first\nhalf{d}0\n2{d}{M}{d}0\n", "line 2, record 1: .*2 fields", "!!m"),
        bad("two_columns", f"text{d}text\n{M}{d}{H}\n", "2 columns have the name 'text'"),
        bad("no_column", f"id{d}body\n1{d}{M}\n", "no field 'text'; the fields are id, body"),
        bad("upper_case", f"ID{d}TEXT\n1{d}{M}\n", "no field 'text'; the fields are ID, TEXT"),
        bad("not_utf8", f"{head}1{d}{M}\n2{d}".encode() + b"caf\xe9\n", "line 3, record 2: byte 6 .* not UTF-8", "m!"),
        bad("header_not_utf8", b"caf\xe9" + f"{d}text\n1{d}{M}\n".encode(), "line 1, in the header: byte 4 .*UTF-8"),
        bad("utf16", f"{head}1{d}{M}\n".encode("utf-16"), "is UTF-16, .*iconv -f UTF-16"),
        bad("lone_return", f"{head}1{d}a\rb\n2{d}{M}\n", "line 2, record 1: a field without quotes", "!m"),
        bad("carriage_returns", f"{head}1{d}{M}\n".replace("\n", "\r"), "in the header: a field without quotes"),
        bad("header_never_closed", f'id{d}"text\n1{d}{M}\n', "line 1: a quote opens in this line"),
    ]  # fmt: skip


def tables(suffix: str, oddities: list[Oddity], endings: tuple[str, ...]) -> Iterator[StrangeFile]:
    for name, content, verdicts, refusal, skipped in oddities:
        raw = content.encode("utf-8") if isinstance(content, str) else content
        for ending in endings:
            yield StrangeFile(f"{name}{suffix}{ending}", compressed(raw, ending), verdicts, refusal, skipped)


def compressions() -> Iterator[StrangeFile]:
    """Yield JSON Lines whose compression is strange."""
    rows = f"{row(M)}\n{row(H)}\n".encode()
    first, second = f"{row(M)}\n".encode(), f"{row(H)}\n".encode()
    for ending in (".gz", ".zst", ".bz2", ".xz"):
        packed = compressed(rows, ending)
        yield StrangeFile(
            f"packing_members.jsonl{ending}", compressed(first, ending) + compressed(second, ending), "mh"
        )
        yield StrangeFile(f"packing_cut_off.jsonl{ending}", packed[:-6], None, "cannot be read: .*runcated")
        yield StrangeFile(f"packing_cut_off_early.jsonl{ending}", packed[:12], None, "cannot be read: .*runcated")
        yield StrangeFile(f"packing_zero_bytes.jsonl{ending}", b"", "")
        yield StrangeFile(f"packing_not_compressed.jsonl{ending}", rows, None, "cannot be read: ")
        yield StrangeFile(f"packing_junk_after.jsonl{ending}", packed + b"junk", None, "cannot be read: ")
        damaged = bytearray(packed)
        damaged[-6] ^= 255
        yield StrangeFile(f"packing_damaged.jsonl{ending}", bytes(damaged), None, "cannot be read: ")
        if ending != ".zst":
            yield StrangeFile(f"packing_zero_padding.jsonl{ending}", packed + bytes(512), "mh")
            padded = compressed(first, ending) + bytes(1_000_000) + compressed(second, ending) + bytes(3)
            yield StrangeFile(f"packing_zero_padding_between.jsonl{ending}", padded, "mh")
    packed = compressed(rows, ".zst")
    skippable = b"\x5a\x2a\x4d\x18" + (7).to_bytes(4, "little") + b"skipped"
    yield StrangeFile("skippable.jsonl.zst", skippable + packed + skippable, "mh")
    window = b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"  # a window of 2 GiB, and an empty last block
    yield StrangeFile("long31.jsonl.zst", window, None, "window of more than 128 MiB.*zstd --decompress --long=31")
    yield StrangeFile("text.txt.gz", gzip.compress(M.encode(), mtime=0), "m")
    yield StrangeFile("padded.txt.gz", gzip.compress(M.encode(), mtime=0) + bytes(100), "m")
    yield StrangeFile("text.txt.zst", compressed(M.encode(), ".zst"), "m")
    yield StrangeFile("text.md.bz2", compressed(M.encode(), ".bz2"), "m")
    yield StrangeFile("text.html.xz", compressed(M.encode(), ".xz"), "m")
    yield StrangeFile("cut_off.txt.gz", gzip.compress(M.encode(), mtime=0)[:-4], None, "cannot be read: .*runcated")


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def unchecked(texts: list[bytes], kind: Any) -> Any:
    """A column of texts whose bytes Arrow has not checked."""
    binary = pa.array(texts, pa.binary() if kind == pa.string() else pa.large_binary())
    return pa.Array.from_buffers(kind, len(texts), binary.buffers())


def parquets() -> Iterator[StrangeFile]:
    texts = [M, H, U]
    kinds = {
        "string": pa.string(),
        "large_string": pa.large_string(),
        "string_view": pa.string_view(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
        "binary": pa.binary(),
        "large_binary": pa.large_binary(),
        "binary_view": pa.binary_view(),
        "dictionary_of_bytes": pa.dictionary(pa.int8(), pa.binary()),
    }
    for name, kind in kinds.items():
        of_bytes = "binary" in name or "bytes" in name
        items: list[Any] = [text.encode() if of_bytes else text for text in texts]
        table = pa.table({"n": [1, 2, 3], "text": pa.array(items, kind)})
        yield StrangeFile(f"{name}.parquet", parquet(table), "mhu")
        with_null = pa.table({"text": pa.array([items[0], None, items[1]], kind)})
        yield StrangeFile(f"{name}_null.parquet", parquet(with_null), "m-h")
        yield StrangeFile(f"{name}_empty.parquet", parquet(table.slice(0, 0)), "")
        yield StrangeFile(f"{name}_groups.pq", parquet(table, row_group_size=1), "mhu")
    for name, kind in (("string", pa.string()), ("large_string", pa.large_string())):
        invalid = unchecked([M.encode(), b"caf\xe9", H.encode()], kind)
        refusal = "row 2: the text is not UTF-8"
        yield StrangeFile(f"{name}_not_utf8.parquet", parquet(pa.table({"text": invalid})), None, refusal, "m!h")
        indices = pa.array([0, 1, 2, 1, None], pa.int32())
        encoded = pa.table({"text": pa.DictionaryArray.from_arrays(indices, invalid)})
        yield StrangeFile(f"{name}_dictionary_not_utf8.parquet", parquet(encoded), None, refusal, "m!h!-")
    surrogate = unchecked([M.encode(), b"\xed\xa0\x80"], pa.string())
    yield StrangeFile("encoded_surrogate.parquet", parquet(pa.table({"text": surrogate})), None, "row 2: .*UTF-8", "m!")
    fixed = pa.table({"text": pa.array([M.encode(), b"\x89PNG" + bytes(16)], pa.binary(20))})
    yield StrangeFile("fixed_size.parquet", parquet(fixed), "mb")
    pictures = pa.table({"text": [M.encode(), b"\x89PNG\xff", b"\xed\xa0\x80"]})
    yield StrangeFile("pictures.parquet", parquet(pictures), "mbu")
    yield StrangeFile("all_null.parquet", parquet(pa.table({"text": pa.nulls(2)})), "--")
    for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        yield StrangeFile(f"codec_{codec}.parquet", parquet(pa.table({"text": texts}), compression=codec), "mhu")
    for version in ("1.0", "2.0"):
        pages = parquet(pa.table({"text": texts * 100}), data_page_version=version, data_page_size=100)
        yield StrangeFile(f"pages_{version}.parquet", pages, "mhu" * 100)
    twice = pa.table([pa.array(texts), pa.array(texts)], names=["text", "text"])
    yield StrangeFile("two_columns.parquet", parquet(twice), None, "2 columns have the name 'text'")
    others_twice = pa.table([pa.array([1, 2, 3]), pa.array(texts), pa.array(texts)], names=["n", "text", "n"])
    yield StrangeFile("two_other_columns.parquet", parquet(others_twice), "mhu")
    others = {
        "views": pa.array([["a"], None, []], pa.list_(pa.string_view())),
        "struct": pa.array([{"text": "a"}] * 3),
        "late": pa.array([2**60, 0, -(2**60)], pa.timestamp("us")),
        "large_list": pa.array([[1], [2], []], pa.large_list(pa.int8())),
        "decimal": pa.array([1, 2, 3], pa.decimal128(38)),
        "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int8())),
    }
    for name, column in others.items():
        table = pa.table({"other": column, "text": texts})
        yield StrangeFile(f"with_{name}.parquet", parquet(table), "mhu")
        refused = parquet(pa.table({"text": column}))
        yield StrangeFile(f"only_{name}.parquet", refused, None, "'text' must hold texts or bytes, but holds")
    dotted = pa.table({"text.more": ["a"], "text": [M], "te": pa.array([{"xt": "b"}])})
    yield StrangeFile("dotted.parquet", parquet(dotted), "m")
    yield StrangeFile("numbers.parquet", parquet(pa.table({"text": [1, 2]})), None, "must hold texts or bytes")
    yield StrangeFile("no_column.parquet", parquet(pa.table({"body": texts})), None, "no field 'text'.* are body")
    whole = parquet(pa.table({"text": texts}))
    yield StrangeFile("zero_bytes.parquet", b"", None, "cannot be read as Parquet")
    yield StrangeFile("junk.parquet", b"nothing of the sort" * 10, None, "cannot be read as Parquet")
    yield StrangeFile("cut_off.parquet", whole[:-40], None, "cannot be read as Parquet")
    yield StrangeFile("no_start.parquet", whole[20:], None, "cannot be read as Parquet")
    yield StrangeFile("encrypted.parquet", whole[:-4] + b"PARE", None, "cannot be read as Parquet")
    damaged = bytearray(whole)
    damaged[4:12] = b"\xff" * 8
    yield StrangeFile("damaged_page.parquet", bytes(damaged), None, "cannot be read as Parquet")
    yield StrangeFile("aborting.parquet", aborting_parquet(), None, "cannot be read as Parquet")


def aborting_parquet() -> bytes:
    """Return a file that says of a column that it has no nulls, with statistics of a column that has.

    pyarrow ends the process if it is asked for the codec of such a column.
    """
    content = parquet(pa.table({"text": [M]}), compression="none", use_dictionary=False)
    optional, required = b"\x25\x02\x18\x04text", b"\x25\x00\x18\x04text"
    assert content.count(optional) == 1
    return content.replace(optional, required)


def record(
    kind: str, content: bytes, content_type: str = "application/http", *headers: str, end: str = "\r\n"
) -> bytes:
    lines = ["WARC/1.0", f"WARC-Type: {kind}", "WARC-Target-URI: http://a.example/", *headers]
    lines += [f"Content-Type: {content_type}", f"Content-Length: {len(content)}", "", ""]
    return end.join(lines).encode() + content + (end * 2).encode()


def response(body: bytes, *http_headers: str, warc: tuple[str, ...] = ()) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/html", *http_headers, "", ""]
    return record("response", "\r\n".join(lines).encode() + body, "application/http; msgtype=response", *warc)


def chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n3;ext=1\r\n%b\r\n0\r\n\r\n" % (len(body) - 3, body[:-3], body[-3:])


INFO = record("warcinfo", b"software: a test\r\n", "application/warc-fields")
PICTURE = b"\x89PNG\xff" + bytes(20)


def archives() -> Iterator[StrangeFile]:
    m, h = M.encode(), H.encode()
    raw_deflate = zlib.compressobj(wbits=-15)
    brotli, zstd = (bytes(pa.compress(m, codec, asbytes=True)) for codec in ("brotli", "zstd"))
    bodies: dict[str, tuple[bytes, str]] = {
        "identity": (m, "Content-Encoding: identity"),
        "gzip": (gzip.compress(m), "Content-Encoding: gzip"),
        "x_gzip": (gzip.compress(m), "Content-Encoding: X-GZIP"),
        "gzip_members": (gzip.compress(m[:5]) + gzip.compress(m[5:]), "Content-Encoding: gzip"),
        "deflate": (zlib.compress(m), "Content-Encoding: deflate"),
        "raw_deflate": (raw_deflate.compress(m) + raw_deflate.flush(), "Content-Encoding: deflate"),
        "br": (brotli, "Content-Encoding: br"),
        "zstd": (zstd, "Content-Encoding: zstd"),
        "zstd_frames": (compressed(m[:5], ".zst") + compressed(m[5:], ".zst"), "Content-Encoding: zstd"),
        "chunked": (chunks(m), "Transfer-Encoding: chunked"),
        "chunked_br": (chunks(brotli), "Transfer-Encoding: chunked\r\nContent-Encoding: br"),
        "chunked_upper": (chunks(m), "transfer-encoding: Chunked"),
        "transfer_gzip": (chunks(gzip.compress(m)), "Transfer-Encoding: gzip, chunked"),
        "twice": (gzip.compress(brotli), "Content-Encoding: br, gzip"),
        "decoded_gzip": (m, "Content-Encoding: gzip"),
        "decoded_br": (m, "Content-Encoding: br"),
        "decoded_deflate": (m, "Content-Encoding: deflate"),
        "decoded_zstd": (m, "Content-Encoding: zstd"),
        "decoded_chunks": (m, "Transfer-Encoding: chunked"),
        "folded": (m, "X-Other: a\r\n b"),
    }  # fmt: skip
    contents: list[tuple[str, list[bytes], str | None, str, str | None]] = [
        (name, [INFO, response(body, header), response(h)], "mh", "", None) for name, (body, header) in bodies.items()
    ]
    contents += [
        (name, [INFO, response(body, header), response(h)], None, refusal, "!h")
        for name, body, header, refusal in (
            ("unknown", m, "Content-Encoding: exi", "at byte .*content encoding 'exi', which is not supported"),
            ("compress", b"\x1f\x9d\x90", "Content-Encoding: compress", "content encoding 'compress'"),
            ("gzip_cut_off", gzip.compress(m)[:-9], "Content-Encoding: gzip", "encoding gzip, but is cut off"),
            (
                "gzip_damaged",
                gzip.compress(m)[:-8] + bytes(8),
                "Content-Encoding: gzip",
                "encoding gzip, but is damaged",
            ),
            ("br_damaged", PICTURE, "Content-Encoding: br", "encoding br, but is"),
            ("zstd_cut_off", zstd[:-6], "Content-Encoding: zstd", "encoding zstd, but is"),
            ("deflate_damaged", PICTURE, "Content-Encoding: deflate", "encoding deflate, but is damaged"),
            ("chunks_damaged", b"5\r\nhello\r\nzz\r\n", "Transfer-Encoding: chunked", "there is no valid chunk"),
        )
    ]
    truncated = response(gzip.compress(m)[:-4], "Content-Encoding: gzip", warc=("WARC-Truncated: length",))
    metadata = record("metadata", b'{"a": 1}', "application/json")
    request = record("request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    texts = [record("conversion", text, "text/plain") for text in (m, h)]
    contents += [
        ("truncated", [INFO, truncated, response(h)], "mh", "", None),
        ("conversions", [INFO, *texts], "mh", "", None),
        ("resource", [record("resource", m, "text/plain"), request], "m", "", None),
        ("others", [INFO, request, metadata, record("revisit", b"HTTP/1.1 304 \r\n\r\n")], "", "", None),
        ("name_lookup", [record("response", b"20200101\na.example", "text/dns")], "u", "", None),
        ("picture", [response(PICTURE), response(m)], "bm", "", None),
        ("no_body", [response(b""), response(m)], "um", "", None),
        ("only_header", [record("response", b"HTTP/1.1 200 OK\r\nA: b\r\n"), response(m)], "um", "", None),
        ("line_feeds", [record("conversion", m, "text/plain", end="\n")], "m", "", None),
        ("no_uri", [response(m).replace(b"WARC-Target-URI: http://a.example/\r\n", b"")], "m", "", None),
        ("upper_case", [texts[0].replace(b"conversion", b"Conversion")], "m", "", None),
        ("no_length", [INFO, texts[0].replace(b"Content-Length", b"Length")], None, "no valid Content-Length", None),
        ("bad_length", [texts[0].replace(b"Length: 20", b"Length: +2")], None, "no valid Content-Length", None),
        ("too_long", [texts[0].replace(b"Length: 20", b"Length: 9999")], None, "at byte 0 is incomplete", None),
        ("far_too_long", [texts[0].replace(b": 20", b": 99999999999999")], None, "at byte 0 is incomplete", None),
        ("too_short", [texts[0].replace(b"Length: 20", b"Length: 10")], None, "does not have the length", None),
        ("no_archive", [b"nothing of the sort\r\n" * 20], None, "no record at byte 0", None),
        ("junk_after", [texts[0], b"junk"], None, "cannot be read as WARC", None),
        ("damaged_header", [texts[0].replace(b"WARC-Type:", b"WARC-Type")], None, "header of .* is damaged", None),
        ("empty", [], "", "", None),
    ]
    for name, records, verdicts, refusal, skipped in contents:
        for ending in ("", ".gz", ".zst"):
            content = b"".join(compressed(part, ending) for part in records)
            yield StrangeFile(f"{name}.warc{ending}", content, verdicts, refusal, skipped)
    together = b"".join([INFO, *texts])
    for ending in (".gz", ".zst"):
        yield StrangeFile(f"crawl.warc.wet{ending}", b"".join(compressed(r, ending) for r in [INFO, *texts]), "mh")
        yield StrangeFile(f"crawl.warc.wat{ending}", compressed(INFO, ending) + compressed(metadata, ending), "")
        refusal = "records from byte 0 on are compressed as one member"
        yield StrangeFile(f"together.warc{ending}", compressed(together, ending), None, refusal)
        cut = compressed(INFO, ending) + compressed(texts[0], ending)[:-6]
        yield StrangeFile(f"cut_off.warc{ending}", cut, None, "record at byte .* is incomplete")
        yield StrangeFile(f"not_compressed.warc{ending}", together, "mh")
    padded = compressed(texts[0], ".gz") + bytes(300_000) + compressed(texts[1], ".gz") + bytes(9)
    yield StrangeFile("padded.warc.gz", padded, "mh")
    yield StrangeFile("compressed.warc", compressed(texts[0], ".gz"), "m")
    yield StrangeFile("cut_off.warc", together[:-30], None, "is incomplete")
    dictionary = b"\x5d\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"\x37\xa4\x30\xec\x01\0\0\0"
    yield StrangeFile("dictionary.warc.zst", dictionary + compressed(INFO, ".zst"), None, "with a zstd dictionary")


def single_items() -> Iterator[StrangeFile]:
    contents = {
        "plain": (M.encode(), "m"),
        "byte_order_mark": (b"\xef\xbb\xbf" + M.encode(), "m"),
        "crlf": (M.encode() + b"\r\n", "m"),
        "white_space": (b"  " + H.encode().replace(b" ", b"\t") + b"\n\n", "h"),
        "zero_width": ("Mo\u200bdel text number 0.".encode(), "m"),
        "empty": (b"", "u"),
        "zeros": (bytes(10), "u"),
        "not_utf8": (b"caf\xe9", "b"),
        "encoded_surrogate": (b"\xed\xa0\x80", "u"),
        "not_utf8_at_the_end": (M.encode() * 1_000 + b"\xff", "b"),
        "utf16": (M.encode("utf-16"), "b"),
    }  # fmt: skip
    for name, (content, verdict) in contents.items():
        for suffix in (".txt", ".bin"):
            yield StrangeFile(f"{name}{suffix}", content, verdict)
    for name in ("array.json", "crawl.arc", "crawl.arc.gz", "table.parquet.gz", "text.bz2", "text.xz", "module.wat"):
        yield StrangeFile(name, M.encode(), "m")


def everything() -> list[StrangeFile]:
    files = [
        *tables(".jsonl", JSON_LINES, ("", ".gz")),
        *tables(".csv", delimited(","), ("", ".zst")),
        *tables(".tsv", delimited("\t"), ("",)),
        *compressions(),
        *parquets(),
        *archives(),
        *single_items(),
    ]
    assert len({file.name for file in files}) == len(files)
    return files


def readable() -> list[StrangeFile]:
    """Return all files that readers accept."""
    return [file for file in everything() if file.verdicts is not None]


def written(file: StrangeFile, folder: Path) -> Path:
    (folder / "in").mkdir(exist_ok=True)
    path = folder / "in" / file.name
    path.write_bytes(file.content)
    return path


def in_verdicts(file: StrangeFile) -> str:
    """The verdicts on a file: no item and bytes that are not text are unknown."""
    return re.sub("[-b]", "u", file.verdicts or "")

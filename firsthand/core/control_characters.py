"""Escape control characters, so that texts of other users cannot control a terminal or forge a line of a log.

Titles, names, file names and error messages can contain any character. A terminal executes C0 and C1 control
characters: they can, for example, set its title or overwrite earlier lines. Bidirectional controls change the order in
which the characters of a text are shown. Some programs treat line and paragraph separators as line ends.
"""

import re

#: The bidirectional controls of Unicode (UAX 9).
_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
#: C0, DEL and C1; bidirectional controls; U+2028 and U+2029; surrogates, which no stream can encode.
_CONTROLS = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDIRECTIONAL}\u2028\u2029\ud800-\udfff]")
_CONTROLS_IN_JSON = re.compile(f"[\x7f-\x9f{_BIDIRECTIONAL}\u2028\u2029]")


def escape_controls(text: str, keep: str = "") -> str:
    r"""Return the text with control characters as `\x1b` or `\u202e`. Those in `keep`, such as "\n", remain."""
    return _CONTROLS.sub(lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def escape_controls_in_json(document: str) -> str:
    r"""Return a JSON document of the same value, in which the controls that JSON allows in texts are `\u009b`."""
    return _CONTROLS_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def _escaped(character: str) -> str:
    code = ord(character)
    short = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")

"""Prepares MIME bundles for sending: known types only, each as a text within the cell's budget; the text states cuts.

JSON is sent as text: neither agent nor server parses it. A bundle that is longer than a message is sent in parts.
"""
from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Any, Dict, Iterator, List, Optional

from . import charts, html_text, pictures, wire
from .budget import budget, within_budget

# The most characters of text in one message. As JSON each takes at most six bytes, so that the message stays below its limit.
MESSAGE_CHARACTERS = 40_000
# Longer HTML is not converted to text.
_MAX_HTML_CHARACTERS = 1 << 20
# A base64 text of the largest picture.
_MAX_PICTURE_CHARACTERS = -(-pictures.MAX_BYTES // 3) * 4

_CUTTABLE = ("text/plain", "text/markdown", "text/latex")
_TEXTS = _CUTTABLE + ("text/html", "image/svg+xml", "application/javascript")
_BINARIES = (*pictures.KINDS, "application/pdf")
# A repr that consists of an object's name only.
_OPAQUE = re.compile(r"<[\w.]+(?: object| at 0x[0-9a-f]+| object at 0x[0-9a-f]+)>$")


def bundle(data: Any, whole: str = "print the object to have all of it") -> Dict[str, str]:
    """A bundle that may be sent. A text that is too long is cut if it is for reading; otherwise only its size is sent.

    `whole`: how to get the whole text, as a part of a sentence.
    """
    if not isinstance(data, dict):
        raise TypeError("a display bundle must be a dict; received %s" % type(data).__name__)
    data = dict(data)
    charts.explain(data)
    pictures.one(data)
    texts: Dict[str, str] = {}
    for name in [name for name in data if isinstance(name, str) and _known(name)][:32]:
        text = _text(name, data[name])
        if text is not None:
            texts[name] = text
    _say_plainly(texts)
    for name in [name for name in pictures.KINDS if len(texts.get(name, "")) > _MAX_PICTURE_CHARACTERS]:
        note = "[%s of %d bytes, too large to be shown]" % (name, len(texts.pop(name)) * 3 // 4)
        texts["text/plain"] = "%s %s" % (texts["text/plain"], note) if "text/plain" in texts else note
    kept = {name: within_budget(text, whole) for name, text in texts.items() if name in _CUTTABLE}
    for name, text in texts.items():
        if name in pictures.KINDS or name not in kept and len(text) <= budget.characters:
            kept[name] = text
    return kept


def in_parts(message: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Yields a message; if it is too long, yields parts of its longest texts first, then the rest."""
    data: Dict[str, str] = message.get("data") or {}
    if sum(map(len, data.values())) > MESSAGE_CHARACTERS:
        left = MESSAGE_CHARACTERS
        inline: Dict[str, str] = {}
        for name, text in data.items():
            if len(text) <= left:
                left -= len(text)
                inline[name] = text
                continue
            for start in range(0, len(text), MESSAGE_CHARACTERS):
                yield {"type": "part", "mime_type": name, "text": text[start : start + MESSAGE_CHARACTERS]}
        message = {**message, "data": inline}
    yield message


def _say_plainly(texts: Dict[str, str]) -> None:
    """Replaces a plain text that is only an object's name by a readable one."""
    plain = texts.get("text/plain")
    if plain is not None and _OPAQUE.match(plain) is None:
        return
    found = [texts[name] for name in ("text/markdown", "text/latex") if name in texts]
    html, svg, json = (texts.get(name) for name in ("text/html", "image/svg+xml", "application/json"))
    if html is not None and len(html) <= _MAX_HTML_CHARACTERS:
        found.append(html_text.text_of(html))
    if svg is not None:
        found.append("[SVG%s, %d characters: save it in /workspace, or show a PNG]" % (_svg_size(svg), len(svg)))
    if json is not None:
        found.append(json)
    if not found and not any(kind in texts for kind in pictures.KINDS):
        found.extend(_kinds(texts))
    if found:
        texts["text/plain"] = found[0]


def _svg_size(svg: str) -> str:
    sides = [re.search(r"<svg\b[^>]*?\s%s=[\"']([^\"']{1,20})" % name, svg[:4096]) for name in ("width", "height")]
    return " of %s x %s" % (sides[0][1], sides[1][1]) if sides[0] and sides[1] else ""


def _kinds(texts: Dict[str, str]) -> List[str]:
    kinds = "; ".join("%s, %d characters" % (name, len(text)) for name, text in texts.items() if name != "text/plain")
    return ["[%s: not shown; print the part that matters, or save it in /workspace]" % kinds] if kinds else []


def _known(name: str) -> bool:
    if name in _TEXTS or name in _BINARIES or name == "application/json":
        return True
    return name.startswith("application/vnd.") and name.endswith("+json") and len(name) < 128


def _text(name: str, value: Any) -> Optional[str]:
    if name in _TEXTS:
        return wire.clean(value) if isinstance(value, str) else None
    if name in _BINARIES:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return b2a_base64(value, newline=False).decode("ascii")
        return wire.clean("".join(value.split())) if isinstance(value, str) else None
    try:
        return wire.encode_json(value)
    except (ValueError, TypeError, RecursionError):
        return None

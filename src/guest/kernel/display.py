"""MIME bundles as they leave a kernel: known types only, bytes as base64, lengths capped, and what was cut told."""
from __future__ import annotations

import re
from binascii import b2a_base64
from typing import Any, Dict, Tuple

from . import charts, html_text, pictures, wire
from .tracebacks import cut

# The base64 of a picture, or a text, of one MIME type; and of the bundle together. Below the wire's message limit.
MAX_BUNDLE_CHARACTERS = 8 << 20
MAX_TEXT_CHARACTERS = 1 << 20

_CUTTABLE = ("text/plain", "text/markdown", "text/latex")
_TEXTS = _CUTTABLE + ("text/html", "image/svg+xml", "application/javascript")
_BINARIES = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")
# What is kept first when the bundle as a whole is too long.
_ORDER = ("text/plain", "image/png", "image/svg+xml", "image/jpeg", "text/html", "text/markdown", "text/latex")
# The repr of an object that has more to show than its name.
_OPAQUE = re.compile(r"<[\w.]+(?: object| at 0x[0-9a-f]+| object at 0x[0-9a-f]+)>$")
METADATA_KEY = "omcp"


def bundle(data: Any, metadata: Any = None) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """A bundle that may be sent, and its metadata, where `omcp.cut` tells what was cut or left out."""
    if not isinstance(data, dict):
        raise TypeError("a display bundle must be a dict: received %s" % type(data).__name__)
    data = dict(data)
    charts.explain(data)
    pictures.one(data)
    _say_plainly(data)
    kept: Dict[str, Any] = {}
    lost: Dict[str, Any] = {}
    left = MAX_BUNDLE_CHARACTERS
    names = [name for name in data if isinstance(name, str) and _known(name)][:32]
    for name in sorted(names, key=_rank):
        value, size = _value(name, data[name])
        if value is None:
            continue
        if name in _CUTTABLE and size > MAX_TEXT_CHARACTERS:
            value, size = cut(value, MAX_TEXT_CHARACTERS), MAX_TEXT_CHARACTERS
            lost[name] = {"characters": len(data[name]), "kept": MAX_TEXT_CHARACTERS}
        if size > left:
            lost[name] = {"characters": size, "kept": 0}
            continue
        left -= size
        kept[name] = value
    dropped = ["%s (%d characters)" % (name, what["characters"]) for name, what in lost.items() if not what["kept"]]
    if dropped:
        note = "[left out, longer than %d characters together: %s]" % (MAX_BUNDLE_CHARACTERS, ", ".join(dropped))
        kept["text/plain"] = "%s\n%s" % (kept["text/plain"], note) if "text/plain" in kept else note
    told = _plain_metadata(metadata)
    if lost:
        told[METADATA_KEY] = {"cut": lost}
    return kept, told


def _say_plainly(data: Dict[Any, Any]) -> None:
    """Puts into the plain text what a reader can use, where it is only an object's name."""
    plain = data.get("text/plain")
    if isinstance(plain, str) and _OPAQUE.match(plain) is None:
        return
    html, svg, latex = (data.get(name) for name in ("text/html", "image/svg+xml", "text/latex"))
    if isinstance(latex, str):
        data["text/plain"] = latex
    elif isinstance(html, str) and len(html) <= MAX_TEXT_CHARACTERS:
        data["text/plain"] = html_text.text_of(html)
    elif isinstance(svg, str):
        size = [re.search(r"<svg\b[^>]*?\s%s=[\"']([^\"']{1,20})" % name, svg[:4096]) for name in ("width", "height")]
        shape = " of %s x %s" % (size[0][1], size[1][1]) if size[0] and size[1] else ""
        data["text/plain"] = "[SVG%s, %d characters: save it in /workspace, or show a PNG]" % (shape, len(svg))


def _known(name: str) -> bool:
    if name in _TEXTS or name in _BINARIES or name == "application/json":
        return True
    return name.startswith("application/vnd.") and name.endswith("+json") and len(name) < 128


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _value(name: str, value: Any) -> Tuple[Any, int]:
    if name in _TEXTS:
        text = value if isinstance(value, str) else None
        return (None, 0) if text is None else (wire.clean(text[: MAX_BUNDLE_CHARACTERS + 1]), len(text))
    if name in _BINARIES:
        if isinstance(value, (bytes, bytearray, memoryview)):
            if len(value) > MAX_BUNDLE_CHARACTERS:
                return "", len(value)
            value = b2a_base64(value, newline=False).decode("ascii")
        elif isinstance(value, str):
            value = "".join(value[: MAX_BUNDLE_CHARACTERS + 1].split())
        else:
            return None, 0
        return value, len(value)
    try:
        return value, len(wire.encode_json(value))
    except (ValueError, TypeError, RecursionError):
        return None, 0


def _plain_metadata(metadata: Any) -> Dict[str, Any]:
    if not isinstance(metadata, dict):
        return {}
    try:
        return dict(metadata) if len(wire.encode_json(metadata)) <= 65536 else {}
    except (ValueError, TypeError, RecursionError):
        return {}

"""Pictures within the limits of model providers: larger ones are drawn or scaled smaller; each object sends one picture."""
from __future__ import annotations

import io
from binascii import a2b_base64
from typing import Any, Dict, Optional, Tuple

# Model providers scale or refuse larger pictures.
MAX_SIDE = 1568
MAX_BYTES = 1 << 20
# Pictures with more pixels are not decoded: a few kilobytes can claim a terabyte.
_MAX_PIXELS = 50_000_000
# Below it a PNG is never worth a lossy picture.
_SMALL_BYTES = 200 << 10
_JPEG_QUALITY = 85

KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")


def one(data: Dict[Any, Any]) -> None:
    """Keeps one picture in a bundle, scaled if it is too large; the text states how it was changed."""
    found = [kind for kind in KINDS if kind in data]
    if not found:
        return
    kind = found[0]
    for other in found[1:]:
        del data[other]
    content = _bytes(data[kind])
    if content is None:
        # The server reports that it is not a picture.
        return
    fitted, note = fit(kind, content)
    if fitted is not None:
        del data[kind]
        data[fitted[0]] = fitted[1]
    elif note:
        del data[kind]
    if note:
        text = data.get("text/plain")
        data["text/plain"] = "%s %s" % (text, note) if isinstance(text, str) else note


def fit(kind: str, content: bytes) -> Tuple[Optional[Tuple[str, bytes]], str]:
    """MIME type and bytes of a picture that may be sent, and a note of changes; None if no picture can be made."""
    try:
        from PIL import Image
    except ImportError:
        return (kind, content), ""
    try:
        picture = _open(Image, content)
        width, height = picture.size
        if width * height > _MAX_PIXELS:
            return None, "[%s of %d x %d pixels, too large to be shown]" % (kind, width, height)
        # Decode it: providers refuse a whole conversation because of one invalid picture.
        picture.load()
        kind = Image.MIME.get(picture.format, kind)
        scale = min(1.0, MAX_SIDE / max(width, height, 1))
        fits = kind in KINDS and scale == 1.0 and len(content) <= MAX_BYTES
        if fits and (kind != "image/png" or len(content) <= _SMALL_BYTES):
            return (kind, content), ""
        moving = getattr(picture, "n_frames", 1) > 1
        if picture.mode not in ("RGB", "RGBA", "L"):
            picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        best = (kind, content) if fits else None
        while True:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            scaled = picture if size == picture.size else picture.resize(size)
            best = _smallest(scaled, best)
            if len(best[1]) <= MAX_BYTES or max(size) <= 64:
                break
            best, scale = None, scale * 0.75
    except Exception as error:
        return None, "[%s of %d bytes, not shown: it cannot be read (%s)]" % (kind, len(content), type(error).__name__)
    if size != (width, height):
        note = "[scaled from %d x %d to %d x %d pixels%s]" % (width, height, *size, ", first frame only" if moving else "")
        return best, note
    return best, "[first frame only]" if moving and best[0] != kind else ""


def _open(image_module: Any, content: bytes) -> Any:
    """Opens a picture and reads its header, without Pillow's own limit, which would hide its size."""
    limit, image_module.MAX_IMAGE_PIXELS = image_module.MAX_IMAGE_PIXELS, None
    try:
        return image_module.open(io.BytesIO(content))
    finally:
        image_module.MAX_IMAGE_PIXELS = limit


def _smallest(picture: Any, best: Optional[Tuple[str, bytes]]) -> Tuple[str, bytes]:
    """PNG, or JPEG if that takes less than half the bytes."""
    if best is None:
        best = "image/png", _saved(picture, "PNG")
    if len(best[1]) > _SMALL_BYTES:
        flat = picture
        if picture.mode == "RGBA":
            from PIL import Image

            flat = Image.new("RGB", picture.size, "white")
            flat.paste(picture, mask=picture.getchannel("A"))
        jpeg = _saved(flat, "JPEG", quality=_JPEG_QUALITY)
        if 2 * len(jpeg) < len(best[1]) or len(best[1]) > MAX_BYTES:
            return "image/jpeg", jpeg
    return best


def _saved(picture: Any, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _bytes(value: Any) -> Optional[bytes]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        return a2b_base64(value)
    except (ValueError, TypeError):
        return None

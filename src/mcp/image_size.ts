/** Reads width and height of pictures from their headers. */
import type { ImageType } from "./image_types.ts";

/** In pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Reads a picture's size.
 *
 * @param mimeType Its type, as its first bytes say.
 * @param bytes The whole picture.
 * @returns Its size; undefined if the header, or a PNG's end, is missing.
 */
export function imageSize(mimeType: ImageType, bytes: Uint8Array): ImageSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return READERS[mimeType](view);
  } catch (error) {
    // A DataView throws it where the bytes end too early.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const READERS: Record<ImageType, (view: DataView) => ImageSize | undefined> = {
  "image/png": pngSize,
  "image/jpeg": jpegSize,
  "image/gif": (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  "image/webp": webpSize,
};

/** PNG (ISO/IEC 15948), 5.3 and 11.2: chunks of length, type, data and checksum; IHDR first, IEND last. */
function pngSize(view: DataView): ImageSize | undefined {
  if (view.getUint32(12) !== fourCharacters("IHDR")) return undefined;
  let at = 8;
  while (view.getUint32(at + 4) !== fourCharacters("IEND")) at += 12 + view.getUint32(at);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** JPEG (ITU-T T.81), B.1 and B.2.2: segments of a marker and a length; a frame header begins with one of SOF0 to SOF15. */
function jpegSize(view: DataView): ImageSize | undefined {
  let at = 2;
  while (view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
    } else if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    } else {
      at += 2 + (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7) ? 0 : view.getUint16(at + 2));
    }
  }
  return undefined;
}

/** WebP (RFC 9649), 2.5 to 2.7: a lossy, a lossless or an extended picture. */
function webpSize(view: DataView): ImageSize | undefined {
  const kind = view.getUint32(12);
  if (kind === fourCharacters("VP8 ")) {
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  }
  if (kind === fourCharacters("VP8L")) {
    const bits = view.getUint32(21, true);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind !== fourCharacters("VP8X")) return undefined;
  const [width, height] = [24, 27].map((at) =>
    (view.getUint16(at, true) | (view.getUint8(at + 2) << 16)) + 1
  );
  return width === undefined || height === undefined ? undefined : { width, height };
}

function fourCharacters(name: string): number {
  return new DataView(new TextEncoder().encode(name).buffer).getUint32(0);
}

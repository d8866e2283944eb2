/** The largest messages, and the largest number of messages, that a sandbox can send to the server. */

/** The kernel's end of its socket to the agent. */
const SOCKET = 200;
const SEND = `import gc, json, os
number = [o for o in gc.get_objects() if type(o).__name__ == "Kernel"][0]._number
def send(message, times=1):
    body = message.replace(b"{", b'{"execution":%d,' % number, 1) if isinstance(message, bytes) else json.dumps({**message, "execution": number}).encode()
    data = (len(body).to_bytes(4, "big") + body) * times
    while data: data = data[os.write(${SOCKET}, data):]
`;

/** A cell, and the pattern that its result must match. */
export interface HostileMessage {
  readonly name: string;
  readonly code: string;
  readonly expect: RegExp;
}

/** Displays, texts, errors and forged messages of each kind. */
export const HOSTILE_MESSAGES: readonly HostileMessage[] = [
  {
    name: "displays of nested JSON",
    code: "from IPython.display import JSON\nfor _ in range(30): display(JSON([[]] * 60_000))",
    expect: /^\[display\] \[\[\],\[\].*\[ok/s,
  },
  {
    name: "long HTML, and long texts",
    code:
      "from IPython.display import HTML\nfor _ in range(20): display(HTML('<b>' * 700_000), HTML('x' * 5_000_000))\n'v' * 50_000_000",
    expect: /left out.*\[ok/s,
  },
  {
    name: "text of control, overwriting and reordering characters",
    code:
      "for text in ('a\\b', '\\r1', '\\x07', '\\u202e', '\\x1b[2K'):\n    for _ in range(40): display({'text/plain': text * 20_000}, raw=True)\n    print(text * 200_000)",
    expect: /\[ok/,
  },
  {
    name: "pictures as large as they may be",
    code:
      "import io, numpy as np\nfrom PIL import Image\nb = io.BytesIO(); Image.fromarray(np.random.default_rng(1).integers(0, 255, (590, 590, 3), dtype='uint8')).save(b, 'JPEG', quality=100)\nassert 400_000 < len(b.getvalue()) < 1 << 20\nfor i in range(20): display({'image/jpeg': b.getvalue(), 'text/plain': f'picture {i}'}, raw=True)",
    expect: /picture 19 \[left out: image\/jpeg of \d+ characters; all displays.*\[ok/s,
  },
  {
    name: "output cleared many times",
    code:
      "from IPython.display import clear_output\nfor i in range(10_000): print(i); clear_output(wait=i % 2 == 0)",
    expect: /\[ok/,
  },
  {
    name: "long exceptions in long chains",
    code:
      "def chain(n):\n    try:\n        if n: chain(n - 1)\n        else: raise ValueError('m' * 2_000_000)\n    except Exception as e:\n        raise RuntimeError('\\x07' * 100_000) from e\nchain(40)",
    expect: /\[error, In/,
  },
  {
    name: "a forged flood of parts",
    code: `${SEND}for _ in range(200): send({"type": "part", "mime_type": "image/png", "text": ""}, 1000)`,
    expect: /\[ok/,
  },
  {
    name: "a forged flood of clearings and small displays",
    code:
      `${SEND}for _ in range(50): send({"type": "clear_output", "wait": False}, 1000); send({"type": "display_data", "data": {}}, 1000)`,
    expect: /\[ok|kernel_died/,
  },
  {
    name: "a forged message of nested lists",
    code:
      `${SEND}send(b'{"type":"display_data","data":{"application/json":' + b"[]," * 80_000 + b"[]}}")\nsend(b"[" * 200_000)\nimport time; time.sleep(5)`,
    expect: /kernel_died/,
  },
  {
    name: "a forged message of 16 MiB",
    code: `${SEND}send(b'{"type":"display_data","data":{"text/plain":"' + b"x" * (16 << 20) + b'"}}')`,
    expect: /kernel_died|\[error/,
  },
  {
    name: "a forged display whose text is beyond the budget",
    code:
      `${SEND}for _ in range(9): send({"type": "part", "mime_type": "text/html", "text": "x" * 200_000})\nimport time; time.sleep(5)`,
    expect: /kernel_died/,
  },
];

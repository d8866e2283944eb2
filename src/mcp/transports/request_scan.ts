/**
 * Finds the ids of requests in a line that cannot be parsed: too long, too deep, or not JSON. It reads the bytes once, as they
 * arrive, in constant memory.
 */
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;

/** Longest id that goes back to the client, and longest name that is compared, in bytes. */
const TOKEN_BYTES = 1024;
/** Requests of one batch whose ids are kept. */
const MAX_REQUESTS = 1000;

interface Entry {
  /** The id as JSON. */
  id: string | undefined;
  /** It has a `method`: a request or notification. */
  method: boolean;
  /** It has a `result` or an `error`: a response, which is never answered. */
  response: boolean;
}

/** Reads one line of JSON, whole or not, for its depth and the ids of its requests. */
export class RequestScan {
  readonly #entries: Entry[] = [];
  readonly #token: number[] = [];
  #entry: Entry | undefined;
  #deepest = 0;
  #level = 0;
  /** The level of messages: 1, or 2 in a batch. */
  #base = 1;
  #string = false;
  #escaped = false;
  #expectsKey = false;
  #keeps = false;
  #key = "";

  /** How deep arrays and objects are nested. */
  get depth(): number {
    return this.#deepest;
  }

  /**
   * Reads more of the line.
   *
   * @param bytes The next bytes of the line.
   */
  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#string) this.#readInString(byte);
      else this.#readOutside(byte);
    }
  }

  /**
   * The ids to answer: of each message that is not a response, as JSON. Call it once, at the line's end.
   *
   * @returns At most a thousand; an empty list if no id can be read.
   */
  ids(): string[] {
    this.#endScalar();
    this.#endEntry();
    return this.#entries.flatMap(({ id, method, response }) =>
      id === undefined || (response && !method) ? [] : [id]
    );
  }

  /** Whether the line holds responses only: nobody waits for an answer to them. */
  get isResponse(): boolean {
    return this.#entries.length > 0 && this.#entries.every(({ method, response }) => response && !method);
  }

  #readInString(byte: number): void {
    if (this.#keeps) this.#keep(byte);
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#string = false;
      if (this.#keeps && this.#expectsKey) this.#endKey();
    }
  }

  #readOutside(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#string = true;
        this.#keeps = this.#atMessage && (this.#expectsKey || this.#key === "id");
        if (this.#keeps) this.#keep(byte);
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        this.#open(byte);
        return;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        if (this.#atMessage) {
          this.#endScalar();
          this.#endEntry();
        }
        this.#level = Math.max(0, this.#level - 1);
        return;
      case COMMA:
        if (!this.#atMessage) return;
        this.#endScalar();
        this.#expectsKey = true;
        return;
      case COLON:
        if (this.#atMessage) this.#expectsKey = false;
        return;
      default:
        if (byte > SPACE && this.#atMessage && !this.#expectsKey && this.#key === "id") this.#keep(byte);
    }
  }

  get #atMessage(): boolean {
    return this.#entry !== undefined && this.#level === this.#base;
  }

  #open(byte: number): void {
    this.#level += 1;
    this.#deepest = Math.max(this.#deepest, this.#level);
    if (this.#level === 1) this.#base = byte === OPEN_ARRAY ? 2 : 1;
    if (this.#level === this.#base && byte === OPEN_OBJECT) {
      this.#entry = { id: undefined, method: false, response: false };
      this.#expectsKey = true;
      this.#key = "";
    } else if (this.#level === this.#base + 1 && this.#key === "id") {
      // An object or an array is not an id.
      this.#token.length = 0;
      this.#key = "";
    }
  }

  #keep(byte: number): void {
    // One byte more than the maximum marks it as too long.
    if (this.#token.length <= TOKEN_BYTES) this.#token.push(byte);
  }

  #endKey(): void {
    const key = parsed(this.#consumeToken());
    this.#key = typeof key === "string" ? key : "";
    if (this.#entry === undefined) return;
    if (this.#key === "method") this.#entry.method = true;
    if (this.#key === "result" || this.#key === "error") this.#entry.response = true;
    // Like JSON.parse: the last of several ids counts.
    if (this.#key === "id") this.#entry.id = undefined;
  }

  #endScalar(): void {
    const token = this.#consumeToken();
    if (this.#entry === undefined || this.#key !== "id") return;
    const id = parsed(token);
    if (typeof id === "string" || (typeof id === "number" && Number.isFinite(id))) this.#entry.id = token;
    this.#key = "";
  }

  #endEntry(): void {
    if (this.#entry !== undefined && this.#entries.length < MAX_REQUESTS) this.#entries.push(this.#entry);
    this.#entry = undefined;
  }

  #consumeToken(): string {
    const bytes = this.#token.splice(0);
    return bytes.length > TOKEN_BYTES ? "" : new TextDecoder().decode(Uint8Array.from(bytes));
  }
}

function parsed(token: string): unknown {
  try {
    return JSON.parse(token);
  } catch {
    return undefined;
  }
}

// @ts-types="./grammar_module.d.ts"
import { type GrammarModule, instantiateGrammar, type Pointer } from "./grammar_module.js";

/** PostgreSQL's own complaint about a text: an ordinary outcome, unlike any other error of the parser. */
export class GrammarError extends Error {
  override readonly name = "GrammarError";
  /** 1-based character where the error is. */
  readonly position: number;

  /**
   * @param message PostgreSQL's message.
   * @param position 1-based character.
   */
  constructor(message: string, position: number) {
    super(message);
    this.position = position;
  }
}

let loaded: GrammarModule | undefined;

/** Loads PostgreSQL's grammar; to be awaited before anything is parsed. */
export async function loadGrammar(): Promise<void> {
  loaded ??= await instantiateGrammar();
}

/**
 * Parses a text.
 *
 * @param sql Well-formed text without NUL, not empty.
 * @returns The parse tree that PostgreSQL's parser gives, as libpg_query writes it.
 * @throws {GrammarError} Where PostgreSQL would report a syntax error.
 */
export function parseTree(sql: string): unknown {
  return withText(sql, (module, text) => {
    const result = module._wasm_parse_query_raw(text);
    if (result === 0) throw new Error("Cannot parse: the parser is out of memory");
    try {
      // struct PgQueryParseResult { char *parse_tree; char *stderr_buffer; PgQueryError *error; }
      const error = module.getValue(result + 8, "i32");
      if (error !== 0) throw grammarError(module, error);
      return JSON.parse(module.UTF8ToString(module.getValue(result, "i32")));
    } finally {
      module._wasm_free_parse_result(result);
    }
  });
}

/**
 * Splits a text into tokens.
 *
 * @param sql Well-formed text without NUL, not empty.
 * @returns The tokens as libpg_query writes them.
 * @throws {Error} Where it cannot be split.
 */
export function tokenList(sql: string): unknown {
  return withText(sql, (module, text) => {
    const result = module._wasm_scan(text);
    if (result === 0) throw new Error("Cannot scan: the parser is out of memory");
    try {
      return JSON.parse(module.UTF8ToString(result)); // an error is not JSON, and throws here
    } finally {
      module._wasm_free_string(result);
    }
  });
}

function grammarError(module: GrammarModule, error: Pointer): GrammarError {
  // struct PgQueryError { char *message; char *funcname; char *filename; int lineno; int cursorpos; char *context; }
  const message = module.UTF8ToString(module.getValue(error, "i32"));
  return new GrammarError(message, Math.max(1, module.getValue(error + 16, "i32")));
}

function withText<T>(sql: string, work: (module: GrammarModule, text: Pointer) => T): T {
  if (loaded === undefined) throw new Error("Cannot parse: the grammar is not loaded");
  const bytes = loaded.lengthBytesUTF8(sql) + 1;
  const text = loaded._malloc(bytes);
  if (text === 0) throw new Error("Cannot parse: the parser is out of memory");
  try {
    loaded.stringToUTF8(sql, text, bytes);
    return work(loaded, text);
  } finally {
    loaded._free(text);
  }
}

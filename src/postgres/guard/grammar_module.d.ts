/** An address in the parser's memory. */
export type Pointer = number;

/** What is used of libpg_query's WebAssembly and of its glue. */
export interface GrammarModule {
  /** Parses NUL-terminated UTF-8. */
  _wasm_parse_query_raw(text: Pointer): Pointer;
  _wasm_free_parse_result(result: Pointer): void;
  /** Splits NUL-terminated UTF-8 into tokens. */
  _wasm_scan(text: Pointer): Pointer;
  _wasm_free_string(text: Pointer): void;
  _malloc(bytes: number): Pointer;
  _free(memory: Pointer): void;
  getValue(address: Pointer, type: "i32"): number;
  UTF8ToString(address: Pointer): string;
  stringToUTF8(text: string, address: Pointer, bytes: number): void;
  lengthBytesUTF8(text: string): number;
}

/** Loads the WebAssembly; each call makes an instance. */
export function instantiateGrammar(): Promise<GrammarModule>;

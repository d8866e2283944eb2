/** Python's keywords (3.13); soft keywords such as `match` may be names. */
const KEYWORDS =
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield";

/** Python's built-in functions and types (3.13), and what an interactive shell adds. */
const BUILTINS =
  "abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter len license list locals map max memoryview min next object oct open ord pow print property quit range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars zip display get_ipython In Out";

const RESERVED: ReadonlySet<string> = new Set(`${KEYWORDS} ${BUILTINS}`.split(" "));

/** The names that a result's variable may have, except reserved ones: ASCII, at most 64 characters. */
export const PYTHON_NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/**
 * Whether a name would hide a keyword, a built-in, an exception class or an interactive shell's variable.
 *
 * @param name A name that fits {@link PYTHON_NAME_PATTERN}.
 * @returns Whether it must not be used.
 */
export function isReservedPythonName(name: string): boolean {
  return RESERVED.has(name) ||
    /^[A-Z].*(?:Error|Exception|Warning|Exit|Interrupt|Iteration|Group)$/.test(name) ||
    name === "Ellipsis" || name === "NotImplemented";
}

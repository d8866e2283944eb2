// JavaScript, for TypeScript does not know `import source` yet. It brings the WebAssembly as a module of the program,
// so that nobody needs a permission to read it from Deno's cache.
import source binary from "libpg-query/wasm/libpg-query.wasm";
import createModule from "libpg-query/wasm/libpg-query.js";

export function instantiateGrammar() {
  const failed = Promise.withResolvers();
  const created = createModule({
    instantiateWasm(imports, done) {
      WebAssembly.instantiate(binary, imports).then(done).catch(failed.reject);
      return {};
    },
  });
  return Promise.race([created, failed.promise]);
}

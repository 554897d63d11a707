// node vector.mjs bare.wasm: every kernel in WebAssembly; traps where one number differs from the host's in one bit.
import { readFileSync } from "node:fs";

const module = await WebAssembly.compile(readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) {
  throw new Error(`a panic is reachable: the module imports ${imports.map((i) => i.name)}`);
}
const instance = await WebAssembly.instantiate(module, {});
instance.exports._start();

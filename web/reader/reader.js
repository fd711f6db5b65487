// The reader's first script, loaded when a file is dropped or a report exported. The names are replaced by hashed
// ones at build time.
import init from './reader-glue.js';

await init({ module_or_path: new URL('./reader.wasm', import.meta.url) });

export { analyze, measurement, names, read, report } from './reader-glue.js';

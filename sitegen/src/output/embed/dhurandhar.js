// dhurandhar as a module for other pages: the WebAssembly and the catalogue of the calculator. Nothing leaves the page.
import { analyze as report, names } from './reader.js';

const load = async () => {
  const { body } = await fetch(new URL('./catalogue.bin', import.meta.url));
  return new Uint8Array(await new Response(body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
};
let catalogue;
const loaded = () => catalogue ??= load();

// What is thrown inside is text; a caller expects an error.
const failed = (reason) => { throw reason instanceof Error ? reason : new Error(String(reason)); };

export const analyze = async ({ model, device, context, ...options }) => {
  const stated = { ...options, ...(context === undefined ? {} : { context_tokens: context }) };
  const pairs = Object.entries(stated).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]);
  const bytes = await loaded();
  try {
    return JSON.parse(report(bytes, String(model), String(device), pairs));
  } catch (reason) {
    return failed(reason);
  }
};

const listed = async (which) => names(await loaded())[which].map(([name, title]) => ({ name, title }));
export const models = () => listed(0);
export const devices = () => listed(1);

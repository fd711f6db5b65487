// The reader's first script, loaded when a file is dropped, a report exported, a name looked up or the device measured. The names are
// replaced by hashed ones at build time.
import init, { hub as find } from './reader-glue.js';

await init({ module_or_path: new URL('./reader.wasm', import.meta.url) });

// Bytes `from` to `to` of a file elsewhere, and no more even of a server that knows no ranges: status, the hub's words for a refusal,
// the range, the kind, the bytes, and whether the answer ended with them.
const part = async (url, from, to) => {
  const { body, headers, ok, status } = await fetch(url, {
    headers: { Range: `bytes=${from}-${to - 1}` }, credentials: 'omit', referrerPolicy: 'no-referrer',
  });
  const words = ['x-error-code', 'x-error-message', 'content-range', 'content-type'].map(name => headers.get(name) ?? '');
  const parts = [];
  let left = ok ? (status === 206 ? to - from : to) : 0;
  const reader = body?.getReader();
  while (reader && left > 0) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value.subarray(0, left));
    left -= value.length;
  }
  reader?.cancel().catch(() => {});
  return [status, ...words, new Uint8Array(await new Blob(parts).arrayBuffer()), left > 0];
};

export const hub = (endpoint, name, device) => find(endpoint, name, device, part);

// GB a second that the graphics processor moves in copies within its memory; nothing without WebGPU. `going` says whether it is still wanted.
export const gpuCopies = async (ms, going) => {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return undefined;
  const device = await adapter.requestDevice();
  const size = 1 << 26;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const [from, to] = [0, 0].map(() => device.createBuffer({ size, usage }));
  const took = async times => {
    const commands = device.createCommandEncoder();
    for (let i = 0; i < times; i++) commands.copyBufferToBuffer(from, 0, to, 0, size);
    const start = performance.now();
    device.queue.submit([commands.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  };
  const speeds = [];
  await took(1);
  const end = performance.now() + ms;
  for (let times = 8; performance.now() < end && going();) {
    const time = await took(times);
    speeds.push((2 * size * times) / time / 1e6);
    if (time < 50) times *= 2;
  }
  device.destroy();
  return speeds.sort((a, b) => a - b)[speeds.length >> 1];
};

export { analyze, dossier, measurement, names, read, report } from './reader-glue.js';

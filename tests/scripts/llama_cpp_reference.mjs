// What llama.cpp says about SmolLM2-135M: greedy continuations, and the likelihood of a text.
//
// Usage: node llama_cpp_reference.mjs model.gguf text.txt out.json   (npm install --ignore-scripts node-llama-cpp@3)

import { readFile, writeFile } from "node:fs/promises";
import { getLlama } from "node-llama-cpp";

const [modelPath, textPath, outPath] = process.argv.slice(2);
const PROMPTS = JSON.parse(process.env.PROMPTS ?? "null") ?? [
    "The water cycle describes how",
    "A short list of prime numbers:",
    "def fibonacci(n):",
];
const LENGTH = 64;
const WINDOW = 256;

const llama = await getLlama({ gpu: false, build: "never", skipDownload: true });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 2048, batchSize: 512, flashAttention: false });
const sequence = context.getSequence();
const greedy = { probabilities: true, options: { temperature: 0 } };

/** The two largest probabilities as a difference of logits. */
function margin(probabilities) {
    const sorted = [...probabilities.values()].sort((a, b) => b - a);
    return Math.log(sorted[0] / sorted[1]);
}

const continuations = [];
for (const prompt of PROMPTS) {
    await sequence.clearHistory();
    const ids = model.tokenize(prompt);
    let input = ids.map((id, at) => (at === ids.length - 1 ? [id, { generateNext: greedy }] : id));
    const out = { prompt, ids: [...ids], next: [], margins: [] };
    while (out.next.length < LENGTH) {
        const result = (await sequence.controlledEvaluate(input)).at(-1).next;
        let best, most = -1;
        for (const [token, probability] of result.probabilities) if (probability > most) [best, most] = [token, probability];
        if (model.isEogToken(best)) break;
        out.next.push(best);
        out.margins.push(margin(result.probabilities));
        input = [[best, { generateNext: greedy }]];
    }
    out.text = model.detokenize(out.next);
    continuations.push(out);
    console.error(prompt, out.next.length, Math.min(...out.margins).toFixed(3));
}

const text = await readFile(textPath, "utf8");
const ids = model.tokenize(text);
let sum = 0, scored = 0;
for (let at = 0; at + WINDOW <= ids.length; at += WINDOW) {
    await sequence.clearHistory();
    const piece = ids.slice(at, at + WINDOW);
    await sequence.controlledEvaluate(piece.slice(0, WINDOW / 2));
    // A few at a time: every answer holds the whole vocabulary.
    for (let index = WINDOW / 2; index < WINDOW - 1; index += 15) {
        const part = piece.slice(index, Math.min(index + 15, WINDOW - 1));
        const results = await sequence.controlledEvaluate(part.map((id) => [id, { generateNext: greedy }]));
        for (const [offset, result] of results.entries()) {
            sum -= Math.log(result.next.probabilities.get(piece[index + offset + 1]));
            scored++;
        }
    }
    console.error(at, Math.exp(sum / scored).toFixed(4));
}
const likelihood = { window: WINDOW, skip: WINDOW / 2, tokens: ids.length, scored, perplexity: Math.exp(sum / scored) };
await writeFile(outPath, JSON.stringify({ runtime: "llama.cpp v0.5.0", continuations, likelihood }, null, 1) + "\n");
process.exit(0);

/** Options by the names of the command line, with `_` for `-`. What is not stated is what people run. */
export interface Options {
  /** Tokens that one conversation can hold; the same as `context_tokens`. */
  context?: number;
  context_tokens?: number;
  /** Weight format: q4_k_m, q8_0, mxfp4_moe, ... */
  weights?: string;
  /** Formats of cached keys and values: f16, q8_0, q4_0, turbo4, ... */
  k_format?: string;
  v_format?: string;
  /** llama-cpp, llama-server, litert-lm, mlx, ... */
  runtime?: string;
  slots?: number;
  unified_kv?: boolean;
  prompt_cache_mib?: number;
  context_checkpoints?: number;
  load?: 'mmap' | 'copy' | 'mlock';
  lazy?: 'auto' | 'on' | 'off';
  gpu_layers?: number | 'auto' | 'all' | 'off';
  cpu_moe_layers?: number;
  kv_offload?: boolean;
  state?: 'foreground' | 'service' | 'background';
  vision?: boolean;
  audio?: boolean;
  ubatch?: number;
  flash_attention?: boolean;
  repack?: boolean;
  target_tps?: number;
  cached_tokens?: number;
  prompt_tokens?: number;
  answer_tokens?: number;
}

/** A name that `analyze` takes, and the name for people. */
export interface Named {
  name: string;
  title: string;
}

/** The report; its JSON Schema is `reports/analysis.schema.json` of the site. */
export interface Report {
  schema: string;
  tool_version: string;
  devices: Array<{
    device: string;
    mode: 'resident' | 'mmap' | 'infeasible';
    certainty: 'certain' | 'likely' | 'borderline';
    meets_target: boolean | null;
    reason: string;
    [field: string]: unknown;
  }>;
  [field: string]: unknown;
}

/** The prediction for a built-in model on a built-in device. Rejects with an Error that says what was wrong and what was expected. */
export function analyze(request: { model: string; device: string } & Options): Promise<Report>;

/** The built-in models. */
export function models(): Promise<Named[]>;

/** The built-in devices. */
export function devices(): Promise<Named[]>;

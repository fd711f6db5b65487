// What llama.cpp says about a model: greedy continuations with their margins, the perplexity of a text, and logits of its
// first tokens: of every STEP-th word, at some positions.
//
// Build against the headers of llama.cpp v0.5.0 and the prebuilt libraries of the npm package
// @node-llama-cpp/linux-x64:
//   gcc -O2 -I llama.cpp/include -I llama.cpp/ggml/include llama_cpp_reference.c \
//       $BINS/libllama.v0.5.0.so $BINS/libggml.v0.5.0.so $BINS/libggml-base.so -lm -Wl,-rpath,$BINS -o reference
// Usage: reference model.gguf text.txt prompt... > smollm2.json
// LORA=adapter.gguf in the environment adds an adapter (../fixtures/smollm2-lora).

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml-backend.h"
#include "llama.h"

#define LENGTH 64
#define WINDOW 256
#define BEGINNING 64
#define WORDS 64

static void quiet(enum ggml_log_level level, const char *text, void *data) { (void)level; (void)text; (void)data; }

static int tokenize(const struct llama_vocab *vocab, const char *text, llama_token *out, int room) {
    return llama_tokenize(vocab, text, (int)strlen(text), out, room, true, true);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(getenv("BINS"));
    llama_backend_init();
    struct llama_model_params model_params = llama_model_default_params();
    struct llama_model *model = llama_model_load_from_file(argv[1], model_params);
    if (!model) return 1;
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    int size = llama_vocab_n_tokens(vocab);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 1024;
    params.n_batch = params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = 2;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context) return 1;
    if (getenv("LORA")) {
        struct llama_adapter_lora *adapter = llama_adapter_lora_init(model, getenv("LORA"));
        float scale = 1;
        if (!adapter || llama_set_adapters_lora(context, &adapter, 1, &scale)) return 1;
    }
    printf("{\n \"runtime\": \"llama.cpp v0.5.0\",\n \"continuations\": [");
    for (int p = 3; p < argc; p++) {
        llama_token ids[512];
        int count = tokenize(vocab, argv[p], ids, 512);
        llama_memory_clear(llama_get_memory(context), true);
        llama_decode(context, llama_batch_get_one(ids, count));
        printf("%s\n  {\"prompt\": \"%s\", \"ids\": [", p > 3 ? "," : "", argv[p]);
        for (int i = 0; i < count; i++) printf("%s%d", i ? ", " : "", ids[i]);
        llama_token next[LENGTH];
        float margins[LENGTH];
        int made = 0;
        double start = seconds();
        while (made < LENGTH) {
            const float *logits = llama_get_logits_ith(context, -1);
            int best = 0;
            for (int i = 1; i < size; i++) if (logits[i] > logits[best]) best = i;
            float second = -INFINITY;
            for (int i = 0; i < size; i++) if (i != best && logits[i] > second) second = logits[i];
            if (llama_vocab_is_eog(vocab, best)) break;
            next[made] = best;
            margins[made++] = logits[best] - second;
            llama_decode(context, llama_batch_get_one(&next[made - 1], 1));
        }
        fprintf(stderr, "%s: %.1f tok/s\n", argv[p], made / (seconds() - start));
        printf("],\n   \"next\": [");
        for (int i = 0; i < made; i++) printf("%s%d", i ? ", " : "", next[i]);
        printf("],\n   \"margins\": [");
        for (int i = 0; i < made; i++) printf("%s%.3f", i ? ", " : "", margins[i]);
        printf("]}");
    }
    FILE *file = fopen(argv[2], "rb");
    static char text[1 << 20];
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    static llama_token ids[1 << 18];
    int count = tokenize(vocab, text, ids, 1 << 18);
    double sum = 0;
    int scored = 0;
    for (int at = 0; at + WINDOW <= count; at += WINDOW) {
        llama_memory_clear(llama_get_memory(context), true);
        struct llama_batch batch = llama_batch_init(WINDOW, 0, 1);
        batch.n_tokens = WINDOW;
        for (int i = 0; i < WINDOW; i++) {
            batch.token[i] = ids[at + i];
            batch.pos[i] = i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        llama_decode(context, batch);
        for (int i = WINDOW / 2; i < WINDOW - 1; i++) {
            const float *logits = llama_get_logits_ith(context, i);
            double most = -INFINITY, total = 0;
            for (int j = 0; j < size; j++) if (logits[j] > most) most = logits[j];
            for (int j = 0; j < size; j++) total += exp(logits[j] - most);
            sum -= logits[ids[at + i + 1]] - most - log(total);
            scored++;
        }
        llama_batch_free(batch);
    }
    printf("\n ],\n \"likelihood\": {\"window\": %d, \"tokens\": %d, \"scored\": %d, \"perplexity\": %.6f, \"first\": [",
           WINDOW, count, scored, exp(sum / scored));
    for (int i = 0; i < 32; i++) printf("%s%d", i ? ", " : "", ids[i]);
    printf("]},\n \"logits\": {\"tokens\": %d, \"step\": %d, \"at\": [", BEGINNING, size / WORDS);
    llama_memory_clear(llama_get_memory(context), true);
    struct llama_batch batch = llama_batch_init(BEGINNING, 0, 1);
    batch.n_tokens = BEGINNING;
    for (int i = 0; i < BEGINNING; i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    llama_decode(context, batch);
    const int at[] = {0, 1, 7, 20, 41, BEGINNING - 1};
    for (int p = 0; p < 6; p++) {
        printf("%s\n  {\"position\": %d, \"logits\": [", p ? "," : "", at[p]);
        for (int j = 0; j < WORDS; j++) {
            printf("%s%.5f", j ? ", " : "", llama_get_logits_ith(context, at[p])[j * (size / WORDS)]);
        }
        printf("]}");
    }
    printf("\n ]}\n}\n");
    return 0;
}

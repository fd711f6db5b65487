// How fast llama.cpp continues a prompt on two threads: tokens a second, after a first token.
//
// Built as llama_cpp_reference.c is. Usage: BINS=... speed model.gguf TOKENS prompt

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml-backend.h"
#include "llama.h"

static void quiet(enum ggml_log_level level, const char *text, void *data) { (void)level; (void)text; (void)data; }

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(getenv("BINS"));
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return 1;
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 2048;
    params.n_threads = params.n_threads_batch = 2;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context) return 1;
    static llama_token ids[2048];
    int count = llama_tokenize(vocab, argv[3], (int)strlen(argv[3]), ids, 2048, true, true);
    double prompt = now();
    if (llama_decode(context, llama_batch_get_one(ids, count))) return 1;
    double start = now();
    int limit = atoi(argv[2]), size = llama_vocab_n_tokens(vocab);
    for (int i = 0; i < limit; i++) {
        const float *logits = llama_get_logits_ith(context, -1);
        llama_token best = 0;
        for (int j = 1; j < size; j++) if (logits[j] > logits[best]) best = j;
        if (llama_decode(context, llama_batch_get_one(&best, 1))) return 1;
    }
    printf("%d tokens read in %.2f s, %d written (%.1f tok/s)\n", count, start - prompt, limit, limit / (now() - start));
    return 0;
}

// What llama.cpp's own cache types do to its predictions: mean divergence from those with a cache in f32.
//
// Built as llama_cpp_reference.c is. Usage: BINS=... caches model.gguf text.txt WINDOW UNSCORED TYPE... , where TYPE is
// f16, q8_0, q4_0 and so on, for keys and values alike. LLAMA_ATTN_ROT_DISABLE=1 in the environment keeps it from
// turning keys first where it would.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ggml-backend.h"
#include "ggml.h"
#include "llama.h"

static void quiet(enum ggml_log_level level, const char *text, void *data) { (void)level; (void)text; (void)data; }

// Log-probabilities of every token that is scored.
static float *predictions(struct llama_model *model, enum ggml_type type, const llama_token *ids, int window,
                          int unscored, int size) {
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = window;
    params.n_threads = params.n_threads_batch = 2;
    params.type_k = params.type_v = type;
    // Types below 16 bits for values ask for it; the rest goes without, so that nothing else is rounded.
    params.flash_attn_type =
        ggml_is_quantized(type) ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context) exit(1);
    struct llama_batch batch = llama_batch_init(window, 0, 1);
    batch.n_tokens = window;
    for (int i = 0; i < window; i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = i >= unscored;
    }
    if (llama_decode(context, batch)) exit(1);
    float *out = malloc(sizeof(float) * (size_t)(window - unscored) * size);
    for (int i = unscored; i < window; i++) {
        const float *logits = llama_get_logits_ith(context, i);
        double most = -INFINITY, total = 0;
        for (int j = 0; j < size; j++) if (logits[j] > most) most = logits[j];
        for (int j = 0; j < size; j++) total += exp(logits[j] - most);
        for (int j = 0; j < size; j++) out[(size_t)(i - unscored) * size + j] = logits[j] - most - log(total);
    }
    llama_batch_free(batch);
    llama_free(context);
    return out;
}

int main(int argc, char **argv) {
    if (argc < 6) return 2;
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(getenv("BINS"));
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return 1;
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    int size = llama_vocab_n_tokens(vocab), window = atoi(argv[3]), unscored = atoi(argv[4]);
    FILE *file = fopen(argv[2], "rb");
    static char text[1 << 20];
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    static llama_token ids[1 << 18];
    int count = llama_tokenize(vocab, text, (int)strlen(text), ids, 1 << 18, false, true);
    if (count < window) return 1;
    float *exact = predictions(model, GGML_TYPE_F32, ids, window, unscored, size);
    for (int a = 5; a < argc; a++) {
        enum ggml_type type = 0;
        while (type < GGML_TYPE_COUNT && (!ggml_type_name(type) || strcmp(ggml_type_name(type), argv[a]))) type++;
        if (type == GGML_TYPE_COUNT) return 2;
        float *coded = predictions(model, type, ids, window, unscored, size);
        double sum = 0;
        // The last token predicts what is not there.
        size_t rows = window - unscored - 1;
        for (size_t i = 0; i < rows * size; i++) sum += exp(exact[i]) * (exact[i] - coded[i]);
        printf("%s %.6f\n", argv[a], sum / rows);
        free(coded);
    }
    return 0;
}

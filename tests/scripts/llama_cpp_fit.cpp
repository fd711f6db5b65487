// How llama.cpp's own `--fit` lays a model out over a card of a given size: a line of JSON for each size.
//
// Several cards are sizes with + between, as in 8192+12288, and that many devices: GGML_VK_VISIBLE_DEVICES=0,0 takes one
// twice. A card's size is feigned by the margin: what is left free is the driver's free memory less (size - 1024 MiB). The file
// needs a header and a hole of the right length, no weights. With a software Vulkan driver:
// g++ -O1 -std=c++17 -I HEADERS -o fit llama_cpp_fit.cpp $BINS/libllama-common.so $BINS/libllama*.so* $BINS/libggml*.so* -Wl,-rpath,$BINS
// That driver hands out 1 GiB at a time, as no card does: GGML_VK_SUBALLOCATION_BLOCK_SIZE=4294967296 for larger matrices.
// LD_PRELOAD=./large_buffers.so GGML_VK_VISIBLE_DEVICES=0 BINS=... ./fit model.gguf CONTEXT MIB...
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "fit.h"
#include "ggml-backend.h"
#include "llama.h"

static void quiet(ggml_log_level, const char *, void *) {}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    ggml_backend_load_all_from_path(getenv("BINS"));
    llama_log_set(getenv("VERBOSE") ? nullptr : quiet, nullptr);
    std::vector<ggml_backend_dev_t> cards;
    for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
        ggml_backend_dev_t device = ggml_backend_dev_get(i);
        if (ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_CPU) cards.push_back(device);
    }
    if (cards.empty()) {
        fprintf(stderr, "no card: is libggml-vulkan.so in BINS, and a driver installed?\n");
        return 1;
    }
    cards.push_back(nullptr);
    for (int i = 3; i < argc; i++) {
        size_t free = 0, total = 0;
        ggml_backend_dev_memory(cards[0], &free, &total);
        llama_model_params model = llama_model_default_params();
        llama_context_params context = llama_context_default_params();
        context.n_ctx = atoi(argv[2]);
        context.n_batch = 2048;
        context.n_ubatch = 512;
        context.n_seq_max = 1;
        // As the command line has it.
        context.n_outputs_max = 1;
        context.swa_full = false;
        context.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_ENABLED;
        model.devices = cards.data();
        std::vector<float> split(llama_max_devices());
        std::vector<llama_model_tensor_buft_override> overrides(llama_max_tensor_buft_overrides());
        std::vector<size_t> margins(llama_max_devices());
        const char *rest = argv[i];
        for (size_t card = 0; card + 1 < cards.size(); card++) {
            long long room = atoll(rest) - 1024;
            margins[card] = (size_t)((long long)free - room * 1024 * 1024);
            const char *plus = strchr(rest, '+');
            if (!plus != (card + 2 == cards.size())) {
                fprintf(stderr, "%s: %zu devices are there\n", argv[i], cards.size() - 1);
                return 2;
            }
            rest = plus ? plus + 1 : rest;
        }
        int status = common_fit_params(argv[1], &model, &context, split.data(), overrides.data(), margins.data(),
                                       4096, nullptr, GGML_LOG_LEVEL_ERROR);
        // One for each layer whose experts stay with the processor, the output among them; the first may say less.
        size_t kept = 0;
        while (kept < overrides.size() && overrides[kept].pattern) kept++;
        std::string first;
        for (const char *c = kept ? overrides[0].pattern : ""; *c; c++) {
            first += *c == '\\' ? std::string("\\\\") : std::string(1, *c);
        }
        std::string shares, memory = argv[i];
        for (size_t card = 0; cards.size() > 2 && card + 1 < cards.size(); card++) {
            shares += (card ? ", " : "") + std::to_string((int)split[card]);
        }
        for (char &c : memory) c = c == '+' ? ',' : c;
        if (cards.size() > 2) memory = "[" + memory + "], \"layers\": [" + shares + "]";
        printf("{\"card_mib\": %s, \"context\": %u, \"status\": %d, \"gpu_layers\": %d, \"overrides\": %zu, \"first\": \"%s\"}\n",
               memory.c_str(), context.n_ctx, status, model.n_gpu_layers, kept, first.c_str());
        fflush(stdout);
    }
}

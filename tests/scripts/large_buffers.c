// Lets a software Vulkan driver promise buffers of 4 GiB, so that llama.cpp places tensors as on a card: Mesa's promises
// 128 MiB, and what is larger would fall back to the processor.
//
// gcc -shared -fPIC -O2 -o large_buffers.so large_buffers.c -ldl
// LD_PRELOAD=./large_buffers.so GGML_VK_VISIBLE_DEVICES=0 dhurandhar validate-sizes --card-llama-cpp ...
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

// VkPhysicalDeviceProperties: five words, a name, an identifier, then the limits, of which this is the eighth word.
enum { LIMITS = 296, STORAGE_RANGE = LIMITS + 7 * 4, HEAD = 16 };

static void promise(char *properties) {
    uint32_t most = UINT32_MAX;
    memcpy(properties + STORAGE_RANGE, &most, sizeof most);
}

// llama.cpp opens the loader for itself alone, so it is not among what comes next.
static void *loader(const char *name) { return dlsym(dlopen("libvulkan.so.1", RTLD_NOW), name); }

void vkGetPhysicalDeviceProperties(void *device, char *properties) {
    void (*next)(void *, char *) = loader("vkGetPhysicalDeviceProperties");
    next(device, properties);
    promise(properties);
}

void vkGetPhysicalDeviceProperties2(void *device, char *properties) {
    void (*next)(void *, char *) = loader("vkGetPhysicalDeviceProperties2");
    next(device, properties);
    promise(properties + HEAD);
}

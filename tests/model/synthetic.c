/* synthetic.c: see synthetic.h. */
#include "config.h"

#include "tests/model/synthetic.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/rng.h"

const DitConfig DIT_NANO = {
    .dim = 96, .layers = 2, .refiners = 1, .heads = 4, .kv_heads = 2, .head_dim = 24, .ffn = 160,
    .caption_dim = 40, .pooled_dim = 48, .conditioning_dim = 96, .channels = 16, .patch = 2,
    .axes_dims = {8, 8, 8}, .theta = 10000, .norm_eps = 1e-5, .qk_norm_eps = 1e-5,
};
const GemmaConfig GEMMA_NANO = {
    .hidden = 40, .ffn = 72, .layers = 4, .heads = 4, .kv_heads = 2, .head_dim = 24, .vocabulary = 50,
    .window = 5, .pattern = 3, .theta_full = 1e6, .theta_sliding = 1e4, .rope_factor = 1,
    .attention_scale = 0.2, .norm_eps = 1e-6,
};
const JinaConfig JINA_NANO = {
    .hidden = 48, .ffn = 80, .layers = 2, .heads = 4, .vocabulary = 60, .rotary_base = 20000,
    .norm_eps = 1e-5,
};
const VaeConfig VAE_NANO = {
    .latent_channels = 16, .groups = 4, .scale = 0.5, .shift = 0.25, .widths = {8, 12, 16, 16}, .levels = 4,
    .decoder_blocks = 2, .encoder_blocks = 1, .factor = 8,
};

Json *nano_json(ModelPart part) {
    static const char *const TEXTS[PART_COUNT] = {
        [PART_DIT] = "{\"axes_dims\": [8, 8, 8]}",
        [PART_GEMMA] =
        "{\"sliding_window\": 5, \"sliding_window_pattern\": 3, \"query_pre_attn_scalar\": 25}",
        [PART_JINA] = "{\"num_attention_heads\": 4}",
        [PART_VAE] = "{\"norm_num_groups\": 4, \"scaling_factor\": 0.5, \"shift_factor\": 0.25}",
    };
    Json *json = NULL;
    Status st = json_parse(&json, TEXTS[part], strlen(TEXTS[part]));
    assert(!st);
    (void)st;
    return json;
}

Synthetic synthetic_nano(ModelPart part, const char *prefix) {
    Synthetic file = {.prefix = prefix};
    switch (part) {
    case PART_DIT: dit_expected(&DIT_NANO, 0, synthetic_add, &file); break;
    case PART_GEMMA: gemma_expected(&GEMMA_NANO, synthetic_add, &file); break;
    case PART_JINA: jina_expected(&JINA_NANO, synthetic_add, &file); break;
    default: vae_expected(&VAE_NANO, 0, synthetic_add, &file); break;
    }
    return file;
}

static SafeTensor *append(Synthetic *file, const char *name) {
    Buf full = {0};
    buf_print(&full, "%s%s", file->prefix ? file->prefix : "", name);
    file->tensors = must_realloc(file->tensors, sizeof *file->tensors * (file->count + 1));
    SafeTensor *tensor = &file->tensors[file->count++];
    *tensor = (SafeTensor){.name = buf_take(&full), .type = DT_F32};
    return tensor;
}

static bool is_norm(const char *name) {
    return strstr(name, "norm") && strstr(name, ".weight");
}

/* Normal numbers of about 1/sqrt(inputs); norm weights near 1 (near 0 for Gemma, which adds 1). */
static float *made_up(const char *name, const ExpectedTensor *expected, int64_t count) {
    float *data = must_alloc(sizeof(float) * (size_t)(count ? count : 1));
    Mt19937 rng;
    mt19937_seed(&rng, hash64(name, strlen(name)));
    rng_normal_f32(&rng, data, count);
    double inputs = expected->rank > 1 ? (double)count / (double)expected->dims[0] : 100;
    bool gemma = strstr(name, "layernorm") || strstr(name, "self_attn");
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)(data[i] / sqrt(inputs)) + (expected->rank == 1 && is_norm(name) && !gemma ? 1 : 0);
    return data;
}

void synthetic_add(void *context, const ExpectedTensor *expected) {
    Synthetic *file = context;
    SafeTensor *tensor = append(file, expected->name);
    tensor->rank = expected->rank;
    tensor->count = 1;
    for (int i = 0; i < expected->rank; i++) {
        tensor->dims[i] = expected->dims[i];
        tensor->count *= expected->dims[i];
    }
    tensor->bytes = sizeof(float) * (size_t)tensor->count;
    tensor->data = made_up(expected->name, expected, tensor->count);
}

void synthetic_put(Synthetic *file, const char *name, const float *data, int64_t rows, int64_t columns) {
    SafeTensor *tensor = append(file, name);
    tensor->rank = columns ? 2 : 1;
    tensor->dims[0] = rows;
    tensor->dims[1] = columns;
    tensor->count = rows * (columns ? columns : 1);
    tensor->bytes = sizeof(float) * (size_t)tensor->count;
    float *copy = must_alloc(tensor->bytes);
    memcpy(copy, data, tensor->bytes);
    tensor->data = copy;
}

SafeTensor *synthetic_find(Synthetic *file, const char *name) {
    for (size_t i = 0; i < file->count; i++)
        if (!strcmp(file->tensors[i].name, name))
            return &file->tensors[i];
    return NULL;
}

static void drop(SafeTensor *tensor) {
    free((void *)tensor->name);
    free((void *)tensor->data);
}

void synthetic_remove(Synthetic *file, const char *name) {
    SafeTensor *tensor = synthetic_find(file, name);
    assert(tensor);
    drop(tensor);
    *tensor = file->tensors[--file->count];
}

void synthetic_round(Synthetic *file, DType type, StoreAs as) {
    for (size_t i = 0; i < file->count; i++) {
        SafeTensor *tensor = &file->tensors[i];
        float *numbers = (float *)tensor->data;
        uint16_t *rounded = must_alloc(sizeof *rounded * (size_t)(tensor->count + 1));
        for (int64_t k = 0; k < tensor->count; k++)
            rounded[k] = type == DT_BF16 ? bf16_from_float(numbers[k]) : f16_from_float(numbers[k]);
        if (as == AS_FLOAT32) {
            float_from_dtype(numbers, rounded, type, tensor->count);
            free(rounded);
            continue;
        }
        free(numbers);
        tensor->data = rounded;
        tensor->type = type;
        tensor->bytes = sizeof *rounded * (size_t)tensor->count;
    }
}

void synthetic_rename(Synthetic *file, const char *from, const char *to) {
    SafeTensor *tensor = synthetic_find(file, from);
    assert(tensor);
    free((void *)tensor->name);
    tensor->name = must_copy(to);
}

void synthetic_done(Synthetic *file) {
    for (size_t i = 0; i < file->count; i++)
        drop(&file->tensors[i]);
    free(file->tensors);
    *file = (Synthetic){0};
}

SafeTensors *synthetic_open(const Synthetic *file, char **path) {
    static int number;
    /* Files are written durably; in memory that costs nothing, and some tests write hundreds. */
    const char *temporary = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    const char *folder = access("/dev/shm", W_OK) ? temporary : "/dev/shm";
    Buf name = {0};
    buf_print(&name, "%s/synthetic-%ld-%d.safetensors", folder, (long)getpid(), number++);
    SafeTensors *opened = NULL;
    Status st = safetensors_write(buf_string(&name), file->tensors, file->count);
    if (!st)
        st = safetensors_open(&opened, buf_string(&name));
    if (st) {
        printf("Bail out! %s\n", st->message);
        exit(1);
    }
    if (path)
        *path = buf_take(&name);
    else
        unlink(buf_string(&name));
    buf_done(&name);
    return opened;
}

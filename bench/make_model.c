/* make_model.c: writes a checkpoint of the published model's size with random numbers: real shapes and names,
 * 14 GB, tokenizers of the right size, finite activations. For timing and memory only; it draws nothing.
 *
 * usage: make_model FOLDER [LAYERS]
 *
 * With LAYERS only a transformer of so many joint layers is written, each of the published width.
 *
 * Matrices are uniform with variance 1/in, so activations keep their size through the layers; norm weights
 * are neutral, biases zero. Each network is written by a process of its own, tensor after tensor: memory
 * stays small. Shapes: model/expected.h.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/half.h"
#include "io/json.h"
#include "model/expected.h"

#define CHUNK 65536 /* values made at once */

typedef struct Part {
    FILE *file;
    Buf header;
    uint64_t offset;      /* while the header is made */
    uint64_t random;
    float norm;           /* neutral norm weight: 1, or 0 where 1 + w is used */
    int64_t layers;       /* joint layers of the transformer */
} Part;

/* Ends the program when something did not work. */
static void must(Status st) {
    if (!st)
        return;
    fprintf(stderr, "make_model: %s\n", st->message);
    exit(1);
}

static void put(Part *part, const void *bytes, size_t size) {
    if (fwrite(bytes, 1, size, part->file) != size)
        must(fail_errno("write the model"));
}

static uint64_t count_of(const ExpectedTensor *tensor) {
    uint64_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= (uint64_t)tensor->dims[i];
    return count;
}

static void add_header(void *context, const ExpectedTensor *tensor) {
    Part *part = context;
    Buf *b = &part->header;
    json_key(b, tensor->name);
    json_open(b, '{');
    json_key(b, "dtype");
    json_put_string(b, "BF16");
    json_key(b, "shape");
    json_open(b, '[');
    for (int i = 0; i < tensor->rank; i++)
        json_put_integer(b, tensor->dims[i]);
    json_close(b, ']');
    json_key(b, "data_offsets");
    json_open(b, '[');
    json_put_integer(b, (int64_t)part->offset);
    part->offset += count_of(tensor) * 2;
    json_put_integer(b, (int64_t)part->offset);
    json_close(b, ']');
    json_close(b, '}');
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t next_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

static void add_data(void *context, const ExpectedTensor *tensor) {
    static uint16_t chunk[CHUNK];
    Part *part = context;
    size_t name = strlen(tensor->name);
    bool bias = name > 5 && !strcmp(tensor->name + name - 5, ".bias");
    uint64_t left = count_of(tensor);
    double in = tensor->rank > 1 ? (double)left / (double)tensor->dims[0] : 0;
    float constant = bias ? 0 : part->norm, reach = in ? (float)sqrt(3 / in) : 0;
    while (left) {
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        for (size_t i = 0; i < n; i++) {
            float unit = (float)(int32_t)(next_random(&part->random) >> 32) * 0x1p-31f;
            chunk[i] = bf16_from_float(in ? unit * reach : constant);
        }
        put(part, chunk, 2 * n);
        left -= n;
    }
}

static void visit_dit(WeightVisit *each, Part *part) {
    DitConfig config = DIT_FULL_SIZE;
    config.layers = part->layers;
    dit_expected(&config, 0, each, part);
}

static void visit_gemma(WeightVisit *each, Part *part) {
    gemma_expected(&GEMMA_FULL_SIZE, each, part);
}

static void visit_jina(WeightVisit *each, Part *part) {
    jina_expected(&JINA_FULL_SIZE, each, part);
}

static void visit_vae(WeightVisit *each, Part *part) {
    vae_expected(&VAE_FULL_SIZE, 1, each, part);
}

typedef struct Network {
    const char *path;
    void (*visit)(WeightVisit *each, Part *part); /* runs `each` over its tensors */
    float norm;
} Network;

static const Network NETWORKS[] = {
    {"transformer/diffusion_pytorch_model.safetensors", visit_dit, 1},
    {"text_encoder/model.safetensors", visit_gemma, 0},
    {"clip_model/model.safetensors", visit_jina, 1},
    {"vae/diffusion_pytorch_model.safetensors", visit_vae, 1},
};

static void write_text(const char *folder, const char *name, const char *text) {
    char *path = file_join(folder, name);
    must(file_write(path, text, strlen(text), 0666));
    free(path);
}

static void write_network(const char *folder, const Network *network, int64_t layers) {
    Part part = {.random = 88172645463325252u + (uint64_t)(network - NETWORKS), .norm = network->norm,
                 .layers = layers};
    char *path = file_join(folder, network->path);
    part.file = fopen(path, "wb");
    if (!part.file)
        must(fail_errno("write %s", path));
    json_open(&part.header, '{');
    network->visit(add_header, &part);
    json_close(&part.header, '}');
    while (part.header.size % 8)
        buf_byte(&part.header, ' ');
    uint64_t length = part.header.size;
    put(&part, &length, sizeof length);
    put(&part, part.header.data, part.header.size);
    network->visit(add_data, &part);
    if (fclose(part.file))
        must(fail_errno("write %s", path));
    printf("%s: %.2f GB\n", path, (double)part.offset / 1e9);
    buf_done(&part.header);
    free(path);
}

/* ---- tokenizers: as many pieces as the real ones, letters and numbered words ------------------------ */

static void put_varint(Buf *out, uint64_t value) {
    for (; value >= 128; value >>= 7)
        buf_byte(out, (unsigned char)(value | 128));
    buf_byte(out, (unsigned char)value);
}

/* ModelProto field 1: a piece {1: text, 2: score, 3: type}. */
static void put_piece(Buf *out, const char *text, float score, int type) {
    size_t size = strlen(text);
    put_varint(out, 1 << 3 | 2);
    put_varint(out, 2 + size + 5 + 2);
    put_varint(out, 1 << 3 | 2);
    put_varint(out, size);
    buf_add(out, text, size);
    put_varint(out, 2 << 3 | 5);
    buf_add(out, &score, 4);
    put_varint(out, 3 << 3 | 0);
    put_varint(out, (uint64_t)type);
}

typedef struct Vocabulary {
    const char *path;
    const char *special[4];
    int special_type[4];
    int pieces;
    int model_type;  /* 1 unigram, 2 BPE */
    bool bytes;      /* byte pieces <0x00> to <0xFF> */
} Vocabulary;

static void write_tokenizer(const char *folder, const Vocabulary *v) {
    Buf out = {0};
    char text[32];
    int made = 0;
    for (; made < 4 && v->special[made]; made++)
        put_piece(&out, v->special[made], 0, v->special_type[made]);
    for (int i = 0; v->bytes && i < 256; i++, made++) {
        snprintf(text, sizeof text, "<0x%02X>", i);
        put_piece(&out, text, 0, 6);
    }
    for (int c = 33; c < 127; c++, made++) {
        snprintf(text, sizeof text, "%c", c);
        put_piece(&out, text, -10, 1);
    }
    for (int i = 0; made < v->pieces; i++, made++) {
        snprintf(text, sizeof text, i ? "\xe2\x96\x81w%d" : "\xe2\x96\x81", i);
        put_piece(&out, text, -10 - (float)i / 1e5f, 1);
    }
    put_varint(&out, 2 << 3 | 2); /* trainer: model type, byte fallback */
    put_varint(&out, 2 + 3);
    put_varint(&out, 3 << 3);
    put_varint(&out, (uint64_t)v->model_type);
    put_varint(&out, 35 << 3);
    put_varint(&out, v->bytes);
    put_varint(&out, 3 << 3 | 2); /* normalizer: no dummy prefix, spaces kept, for BPE */
    put_varint(&out, v->bytes ? 4 : 0);
    for (int field = 3; v->bytes && field <= 4; field++) {
        put_varint(&out, (uint64_t)field << 3);
        put_varint(&out, 0);
    }
    char *path = file_join(folder, v->path);
    must(file_write(path, out.data, out.size, 0666));
    printf("%s: %d pieces\n", path, made);
    buf_done(&out);
    free(path);
}

static const Vocabulary VOCABULARIES[] = {
    {"tokenizer/tokenizer.model", {"<pad>", "<eos>", "<bos>", "<unk>"}, {3, 3, 3, 2}, 262144, 2, true},
    {"clip_tokenizer/sentencepiece.bpe.model", {"<unk>", "<s>", "</s>"}, {2, 3, 3}, 250000, 1, false},
};

static const struct { const char *name, *text; } TEXTS[] = {
    {"model_index.json", "{\"_class_name\": \"NewbiePipeline\"}\n"},
    {"newbie.json", "{\"name\": \"random numbers\", \"about\": \"full size, for timing only\"}\n"},
    {"scheduler/scheduler_config.json", "{\"shift\": 6.0}\n"},
};

/* All at once: sixteen gigabytes are made as fast as the largest of them. */
static int write_networks(const char *folder) {
    enum { COUNT = sizeof NETWORKS / sizeof *NETWORKS };
    int failed = 0;
    fflush(stdout);
    for (int i = 0; i < COUNT; i++) {
        pid_t child = fork();
        if (child < 0)
            must(fail_errno("start a process"));
        if (!child) {
            write_network(folder, &NETWORKS[i], DIT_FULL_SIZE.layers);
            exit(0);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        int status;
        failed += wait(&status) < 0 || status;
    }
    return failed;
}

static void make_folders(const char *folder) {
    static const char *const names[] = {"transformer", "text_encoder", "clip_model", "vae",
                                        "tokenizer", "clip_tokenizer", "scheduler"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = file_join(folder, names[i]);
        must(file_make_directories(path, 0777));
        free(path);
    }
}

int main(int argc, char **argv) {
    int layers = argc == 3 ? atoi(argv[2]) : 0;
    if (argc < 2 || argc > 3 || (argc == 3 && layers < 1)) {
        fprintf(stderr, "usage: make_model FOLDER [LAYERS]\n");
        return 2;
    }
    make_folders(argv[1]);
    if (layers) {
        write_network(argv[1], &NETWORKS[0], layers);
        return 0;
    }
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        write_text(argv[1], TEXTS[i].name, TEXTS[i].text);
    for (size_t i = 0; i < sizeof VOCABULARIES / sizeof *VOCABULARIES; i++)
        write_tokenizer(argv[1], &VOCABULARIES[i]);
    return write_networks(argv[1]) ? 1 : 0;
}

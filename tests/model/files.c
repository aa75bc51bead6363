/* files.c: whatever people call a model, folder or files, is recognised by what is in it; and what is no
 * model is refused with a sentence that says what it is. product.md 12 rows 1, 4, 7; model-spec.md 8.2. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "tests/model/synthetic.h"
#include "tests/tap.h"

static char root[256]; /* a new empty folder */

/* root/NAME in a buffer that lives until the next but seventh call. */
static const char *at(const char *name) {
    static char names[8][1024];
    static int next;
    char *out = names[next++ % 8];
    snprintf(out, sizeof names[0], "%s/%s", root, name);
    return out;
}

static void folder(const char *name) {
    Status st = file_make_directories(at(name), 0755);
    if (st)
        printf("Bail out! %s\n", st->message);
}

static void text(const char *name, const char *content) {
    Status st = file_write(at(name), content, strlen(content), 0644);
    if (st)
        printf("Bail out! %s\n", st->message);
}

/* Bytes that stand for a tokenizer inside the file. */
static void add_spiece(Synthetic *file, const char *name) {
    const float bytes[2] = {0};
    synthetic_put(file, name, bytes, 2, 0);
    SafeTensor *tensor = &file->tensors[file->count - 1];
    tensor->type = DT_U8;
    tensor->dims[0] = tensor->count = 8;
}

static void write_made(Synthetic *file, const char *name) {
    Status st = safetensors_write(at(name), file->tensors, file->count);
    if (st)
        printf("Bail out! %s\n", st->message);
    synthetic_done(file);
}

static void write_part(ModelPart part, const char *name) {
    Synthetic file = synthetic_nano(part, NULL);
    write_made(&file, name);
}

static void write_encoder(ModelPart part, const char *name) {
    Synthetic file = synthetic_nano(part, NULL);
    add_spiece(&file, "spiece_model");
    write_made(&file, name);
}

/* The sentence and the hint of a refusal, in one text; "" when the model opened. */
static const char *refusal(const ModelPaths *paths) {
    static char out[2600];
    ModelFiles files;
    Status st = model_files_open(&files, paths);
    snprintf(out, sizeof out, "%s%s%s", st ? st->message : "", st ? " | " : "", st ? st->hint : "");
    if (!st)
        model_files_close(&files);
    return out;
}

/* ---- what is no model ---------------------------------------------------------------------------------- */

static void check_nothing(void) {
    folder("empty");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("empty")}),
              "expected model_index.json or *.safetensors, found an empty directory | :model PATH chooses "
              "another, :demo uses the built-in one", "an empty folder");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("nowhere")}), "found no such directory",
              "a folder that is not there");
    folder("texts");
    text("texts/readme.txt", "hello");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("texts")}), "found 1 other files", "a folder of other things");
    folder("pickles");
    text("pickles/consolidated.00-of-01.pth", "PK");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("pickles")}),
              "consolidated.00-of-01.pth is a Python pickle, which newbie never runs | convert it to "
              "safetensors",
              "a folder with a pickle");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("pickles/consolidated.00-of-01.pth")}), "is a Python pickle",
              "a pickle");
    text("model.gguf", "GGUF");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("model.gguf")}), "is a GGUF file, which is not read yet",
              "a GGUF file");
    text("page.safetensors", "<!DOCTYPE html><html></html>");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("page.safetensors")}), "is not a safetensors file",
              "a web page");
    text("empty.safetensors", "");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("empty.safetensors")}), "is not a safetensors file",
              "an empty file");
}

static void check_adapter(void) {
    Synthetic file = {0};
    const float numbers[4] = {0};
    synthetic_put(&file, "base_model.model.layers.0.attention.qkv.lora_A.weight", numbers, 2, 2);
    write_made(&file, "lora.safetensors");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("lora.safetensors")}),
              "is a LoRA, expected the NewBie transformer",
              "a LoRA given as the model");
}

/* ---- layouts ------------------------------------------------------------------------------------------- */

static void write_diffusers(const char *name) {
    char path[300];
    static const char *const FOLDERS[] = {"transformer", "text_encoder", "clip_model", "vae", "tokenizer",
                                          "clip_tokenizer", "scheduler"};
    for (size_t i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "%s/%s", name, FOLDERS[i]);
        folder(path);
    }
#define INSIDE(file) (snprintf(path, sizeof path, "%s/%s", name, file), path)
    write_part(PART_DIT, INSIDE("transformer/diffusion_pytorch_model.safetensors"));
    write_part(PART_GEMMA, INSIDE("text_encoder/model.safetensors"));
    write_part(PART_JINA, INSIDE("clip_model/jina-clip-v2.safetensors"));
    write_part(PART_VAE, INSIDE("vae/diffusion_pytorch_model.safetensors"));
    text(INSIDE("transformer/config.json"), "{\"axes_dims\": [8, 8, 8]}");
    text(INSIDE("scheduler/scheduler_config.json"), "{\"shift\": 3.0}");
    text(INSIDE("tokenizer/tokenizer.json"), "{}");
    text(INSIDE("clip_tokenizer/sentencepiece.bpe.model"), "x");
    text(INSIDE("model_index.json"), "{\"_class_name\": \"NewbiePipeline\"}");
#undef INSIDE
}

static void check_diffusers(void) {
    write_diffusers("newbie");
    ModelFiles files = {0};
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("newbie/")}), "a diffusers folder opens");
    CHECK_STR(files.layout, "diffusers folder", "its layout is told");
    CHECK_STR(files.name, "newbie", "it has the folder's name");
    CHECK(files.config[PART_DIT] && !files.config[PART_GEMMA], "configs are read where they are");
    CHECK_NEAR(model_shift(&files), 3, 0, "the shift is the scheduler's");
    CHECK_HAS(files.tokenizer[0], "tokenizer/tokenizer.json", "Gemma's tokenizer is found");
    CHECK_HAS(files.tokenizer[1], "clip_tokenizer/sentencepiece.bpe.model", "Jina's tokenizer is found");
    CHECK_STR(model_file_kind(files.file[PART_JINA]), "Jina CLIP v2 text tower",
              "the pooled encoder is recognised");
    uint64_t sum = 0;
    for (int part = 0; part < PART_COUNT; part++)
        sum += safetensors_bytes(files.file[part]);
    CHECK_EQ(files.bytes, sum, "the bytes of all files are counted");
    model_files_close(&files);

    text("newbie/newbie.json", "{\"name\": \"demo world\"}");
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("newbie")}),
             "a folder with newbie.json opens");
    CHECK_STR(files.name, "demo world", "newbie.json names the model");
    model_files_close(&files);

    write_part(PART_VAE, "other.safetensors");
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("newbie"),
                                                    .part[PART_VAE] = at("other.safetensors")}),
             "a part given by name goes with a folder");
    CHECK_STR(safetensors_path(files.file[PART_VAE]), at("other.safetensors"), "and wins over the folder's");
    model_files_close(&files);
}

static void check_incomplete(void) {
    unlink(at("newbie/clip_tokenizer/sentencepiece.bpe.model"));
    unlink(at("newbie/vae/diffusion_pytorch_model.safetensors"));
    rmdir(at("newbie/vae"));
    const char *said = refusal(&(ModelPaths){.path = at("newbie")});
    CHECK_HAS(said, "lacks the VAE, the pooled text encoder's tokenizer",
              "all that is missing comes in one sentence");
    folder("newbie/vae");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("newbie")}), "VAE: no model in",
              "a part's folder without weights is named");
    text("newbie/vae/diffusion_pytorch_model.bin", "PK");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("newbie")}), "is a Python pickle",
              "a part that is a pickle is named");
    write_part(PART_GEMMA, "newbie/vae/diffusion_pytorch_model.safetensors");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("newbie")}),
              "is a Gemma 3 text encoder, expected the FLUX VAE",
              "a part in the wrong folder is named");
}

static void check_shards(void) {
    Synthetic all = synthetic_nano(PART_GEMMA, NULL), first = {0}, second = {0};
    Buf index = {0};
    buf_text(&index, "{\"metadata\": {}, \"weight_map\": {");
    for (size_t i = 0; i < all.count; i++) {
        Synthetic *shard = i % 2 ? &second : &first;
        shard->tensors = must_realloc(shard->tensors, sizeof *shard->tensors * (shard->count + 1));
        shard->tensors[shard->count++] = all.tensors[i];
        buf_print(&index, "%s\"%s\": \"model-0000%d-of-00002.safetensors\"", i ? ", " : "",
                  all.tensors[i].name,
                  i % 2 ? 2 : 1);
    }
    buf_text(&index, "}}");
    free(all.tensors);
    folder("sharded");
    write_made(&first, "sharded/model-00001-of-00002.safetensors");
    write_made(&second, "sharded/model-00002-of-00002.safetensors");
    text("sharded/model.safetensors.index.json", buf_string(&index));
    buf_done(&index);
    text("sharded/tokenizer.model", "x");
    write_part(PART_DIT, "dit.safetensors");
    write_encoder(PART_JINA, "jina.safetensors");
    write_part(PART_VAE, "vae.safetensors");
    ModelFiles files = {0};
    CHECK_OK(model_files_open(&files, &(ModelPaths){.part = {at("dit.safetensors"), at("sharded"),
                                                             at("jina.safetensors"), at("vae.safetensors")}}),
             "a text encoder in shards opens");
    CHECK(files.tokenizer[0] && strstr(files.tokenizer[0], "sharded/tokenizer.model"),
          "the tokenizer beside the weights is found");
    model_files_close(&files);
}

static void check_parts(void) {
    write_encoder(PART_GEMMA, "gemma.safetensors");
    ModelFiles files = {0};
    CHECK_OK(model_files_open(&files, &(ModelPaths){.part = {at("dit.safetensors"), at("gemma.safetensors"),
                                                             at("jina.safetensors"), at("vae.safetensors")}}),
             "four files given by name open");
    CHECK_STR(files.layout, "ComfyUI files", "their layout is told");
    CHECK_STR(files.name, "dit.safetensors", "the model has the transformer's name");
    CHECK(files.spiece[0] && files.spiece[1] &&
          !files.tokenizer[0], "the tokenizers inside the files are found");
    CHECK_NEAR(model_shift(&files), 6, 0, "without a scheduler the shift is 6");
    model_files_close(&files);
    CHECK_HAS(refusal(&(ModelPaths){.part[PART_DIT] = at("dit.safetensors")}),
              "the model given by its parts lacks the text encoder, the pooled text encoder, the VAE",
              "parts that were not given are listed");
    CHECK_HAS(refusal(&(ModelPaths){.part = {at("jina.safetensors"), at("gemma.safetensors"),
                                             at("jina.safetensors"), at("vae.safetensors")}}),
              "is a Jina CLIP v2 text tower, expected the NewBie transformer",
              "a part given for another is named");
}

static void check_comfy_folder(void) {
    folder("comfy/diffusion_models");
    folder("comfy/text_encoders");
    folder("comfy/vae");
    write_part(PART_DIT, "comfy/diffusion_models/newbie01.safetensors");
    write_encoder(PART_GEMMA, "comfy/text_encoders/gemma_3_4b_it.safetensors");
    write_encoder(PART_JINA, "comfy/text_encoders/jina_clip_v2.safetensors");
    write_part(PART_VAE, "comfy/vae/ae.safetensors");
    ModelFiles files = {0};
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("comfy")}), "ComfyUI's folders open");
    model_files_close(&files);
    write_part(PART_DIT, "comfy/diffusion_models/newbie02.safetensors");
    CHECK_HAS(refusal(&(ModelPaths){.path = at("comfy")}), "two files hold the transformer: ",
              "two of a kind are named");
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("comfy"),
                                                    .part[PART_DIT] =
                                                    at("comfy/diffusion_models/newbie02.safetensors")}),
             "and naming one of them decides");
    model_files_close(&files);
}

static void merge(Synthetic *into, ModelPart part, const char *prefix, const char *drop) {
    Synthetic file = synthetic_nano(part, NULL);
    for (size_t i = 0; i < file.count; i++) {
        Buf name = {0};
        buf_print(&name, "%s%s", prefix, file.tensors[i].name + strlen(drop));
        free((void *)file.tensors[i].name);
        file.tensors[i].name = buf_take(&name);
        into->tensors = must_realloc(into->tensors, sizeof *into->tensors * (into->count + 1));
        into->tensors[into->count++] = file.tensors[i];
    }
    free(file.tensors);
}

static void check_all_in_one(void) {
    Synthetic file = {0};
    merge(&file, PART_DIT, "model.diffusion_model.", "");
    merge(&file, PART_GEMMA, "text_encoders.gemma3.transformer.", "");
    merge(&file, PART_JINA, "text_encoders.jina_clip.transformer.", "");
    merge(&file, PART_VAE, "vae.", "");
    add_spiece(&file, "text_encoders.jina_clip.transformer.spiece_model");
    add_spiece(&file, "text_encoders.gemma3.transformer.spiece_model");
    write_made(&file, "all.safetensors");
    ModelFiles files = {0};
    CHECK_OK(model_files_open(&files, &(ModelPaths){.path = at("all.safetensors")}),
             "an all-in-one file opens");
    CHECK_STR(files.layout, "all-in-one file", "its layout is told");
    CHECK(files.spiece[0] && strstr(files.spiece[0]->name, "gemma3"), "Gemma's tokenizer inside is Gemma's");
    CHECK(files.spiece[1] && strstr(files.spiece[1]->name, "jina_clip"), "Jina's tokenizer inside is Jina's");
    CHECK_EQ(files.bytes, files.file[0] ? safetensors_bytes(files.file[0]) : 0, "its bytes are counted once");
    char *prefix = files.file[PART_GEMMA] ? model_prefix(files.file[PART_GEMMA], PART_GEMMA) : NULL;
    CHECK_STR(prefix, "text_encoders.gemma3.transformer.model.", "a part's prefix is found");
    free(prefix);
    model_files_close(&files);
    CHECK_HAS(refusal(&(ModelPaths){.path = at("dit.safetensors")}),
              "lacks the text encoder, the pooled text encoder, the VAE",
              "a transformer alone is not a model");
}

int main(void) {
    const char *temporary = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    snprintf(root, sizeof root, "%s/model-files-XXXXXX", temporary);
    if (!mkdtemp(root))
        return 1;
    check_nothing();
    check_adapter();
    check_diffusers();
    check_incomplete();
    check_shards();
    check_parts();
    check_comfy_folder();
    check_all_in_one();
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    if (system(command))
        printf("# %s stays\n", root);
    return tap_end();
}

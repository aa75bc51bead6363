/* layout.c: from what the user names to the files of the four parts. model-spec.md 8.2.
 *
 * Folders in the diffusers layouts have one subfolder for each part. In any other folder, and for single
 * files, the tensors' names decide (identify.c), so it does not matter what people call their files. */
#include "config.h"

#include "model/layout.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { TOKENIZER_GEMMA, TOKENIZER_JINA, TOKENIZERS };

/* Where a part lives in a folder of the diffusers kind; other names for it after the first. */
static const char *const PART_FOLDERS[PART_COUNT][3] = {
    [PART_DIT] = {"transformer"},
    [PART_GEMMA] = {"text_encoder"},
    [PART_JINA] = {"clip_model", "text_encoder_2"},
    [PART_VAE] = {"vae"},
};

/* Folders that ComfyUI keeps single files in; "" is the folder itself. */
static const char *const COMFY_FOLDERS[] = {"", "checkpoints", "diffusion_models", "unet", "text_encoders",
                                            "clip", "vae"};

static const char *const TOKENIZER_FOLDERS[TOKENIZERS][5] = {
    {"tokenizer", "text_encoder", ""},
    {"clip_tokenizer", "tokenizer_2", "clip_model", "text_encoder_2", ""},
};
static const char *const TOKENIZER_FILES[TOKENIZERS][4] = {
    {"tokenizer.model", "tokenizer.json"},
    {"sentencepiece.bpe.model", "tokenizer.model", "tokenizer.json"},
};

/* ---- names in a folder --------------------------------------------------------------------------------- */

typedef struct Names {
    char **name; /* sorted */
    size_t count;
} Names;

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_in(const char *name, const char *ending) {
    size_t length = strlen(name), size = strlen(ending);
    return length >= size && !strcmp(name + length - size, ending);
}

/* Entries of a folder that end in `ending`, without hidden ones; none when it cannot be read. */
static Names names_in(const char *folder, const char *ending) {
    Names names = {0};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] == '.' || !ends_in(entry->d_name, ending))
            continue;
        names.name = must_realloc(names.name, sizeof *names.name * (names.count + 1));
        names.name[names.count++] = must_copy(entry->d_name);
    }
    if (dir)
        closedir(dir);
    if (names.count)
        qsort(names.name, names.count, sizeof *names.name, by_name);
    return names;
}

static void names_done(Names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    *names = (Names){0};
}

/* ---- refusals ------------------------------------------------------------------------------------------ */

/* Files that are told by their ending before anything is read. product.md 12 row 7. */
static Status refuse_ending(const char *path) {
    static const char *const PICKLES[] = {".pth", ".pt", ".bin", ".ckpt", ".pkl"};
    for (size_t i = 0; i < sizeof PICKLES / sizeof *PICKLES; i++)
        if (ends_in(path, PICKLES[i]))
            return hint(fail(ERR_UNSUPPORTED, "%s is a Python pickle, which newbie never runs", path),
                        "convert it to safetensors (:help model)");
    if (ends_in(path, ".gguf"))
        return hint(fail(ERR_UNSUPPORTED, "%s is a GGUF file, which is not read yet", path),
                    "use the bf16 safetensors");
    return NULL;
}

/* A folder without weights we could read: say what is there instead. */
static Status refuse_folder(const char *folder) {
    static const char *const ENDINGS[] = {".pth", ".pt", ".bin", ".ckpt", ".gguf"};
    for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
        Names names = names_in(folder, ENDINGS[i]);
        if (names.count) {
            char *path = file_join(folder, names.name[0]);
            Status st = refuse_ending(path);
            free(path);
            names_done(&names);
            return st;
        }
    }
    Names all = names_in(folder, "");
    Buf found = {0};
    if (all.count)
        buf_print(&found, "%zu other files", all.count);
    else
        buf_text(&found, file_is_directory(folder) ? "an empty directory" : "no such directory");
    names_done(&all);
    Status st = fail(ERR_FORMAT, "no model in %s: expected model_index.json or *.safetensors, found %s",
                     folder, buf_string(&found));
    buf_done(&found);
    return hint(st, ":model PATH chooses another, :demo uses the built-in one");
}

static Status open_file(SafeTensors **out, const char *path) {
    TRY(refuse_ending(path));
    return safetensors_open(out, path);
}

/* ---- one part ------------------------------------------------------------------------------------------ */

static Status read_json_if_there(Json **out, const char *folder, const char *name) {
    char *path = file_join(folder, name);
    Status st = !*out && file_exists(path) ? json_read(out, path) : NULL;
    free(path);
    return st;
}

/* The weight file of a part's own folder: an index of shards, a well-known name, or the only file. Owned. */
static char *weights_in(const char *folder) {
    static const char *const KNOWN[] = {"diffusion_pytorch_model.safetensors", "model.safetensors"};
    Names indexes = names_in(folder, ".safetensors.index.json"), files = names_in(folder, ".safetensors");
    const char *chosen = indexes.count ? indexes.name[0] : NULL;
    for (size_t k = 0; k < 2 && !chosen; k++)
        for (size_t i = 0; i < files.count && !chosen; i++)
            if (!strcmp(files.name[i], KNOWN[k]))
                chosen = files.name[i];
    if (!chosen && files.count)
        chosen = files.name[0];
    char *path = chosen ? file_join(folder, chosen) : NULL;
    names_done(&indexes);
    names_done(&files);
    return path;
}

static bool holds(const SafeTensors *file, ModelPart part) {
    char *prefix = model_prefix(file, part);
    bool yes = prefix != NULL;
    free(prefix);
    return yes;
}

/* Takes an opened file for a part: it must hold that part. */
static Status accept(ModelFiles *out, ModelPart part, SafeTensors *file) {
    if (!holds(file, part) || (part == PART_VAE && !strncmp(model_file_kind(file), "SD VAE", 6))) {
        Status st = model_wrong_kind(file, part);
        safetensors_close(file);
        return st;
    }
    out->file[part] = file;
    return NULL;
}

/* A part from its own folder or file, with the config beside it. */
static Status open_part(ModelFiles *out, ModelPart part, const char *path) {
    bool is_folder = file_is_directory(path);
    char *weights = is_folder ? weights_in(path) : must_copy(path);
    if (!weights)
        return note(refuse_folder(path), "%s", model_part_name(part));
    SafeTensors *file;
    Status st = open_file(&file, weights);
    if (!st)
        st = accept(out, part, file);
    char *folder = is_folder ? must_copy(path) : file_directory(path);
    if (!st)
        st = read_json_if_there(&out->config[part], folder, "config.json");
    free(folder);
    free(weights);
    return st;
}

/* ---- folders ------------------------------------------------------------------------------------------- */

/* The subfolder of a part, owned; NULL when there is none. */
static char *part_folder(const char *root, ModelPart part) {
    for (int i = 0; i < 3 && PART_FOLDERS[part][i]; i++) {
        char *path = file_join(root, PART_FOLDERS[part][i]);
        if (file_is_directory(path))
            return path;
        free(path);
    }
    return NULL;
}

static bool is_diffusers(const char *root) {
    char *index = file_join(root, "model_index.json"), *transformer = part_folder(root, PART_DIT);
    bool yes = file_exists(index) || transformer != NULL;
    free(index);
    free(transformer);
    return yes;
}

static Status open_diffusers(ModelFiles *out, const ModelPaths *paths) {
    out->layout = "diffusers folder";
    for (int part = 0; part < PART_COUNT; part++) {
        char *folder = paths->part[part] ? NULL : part_folder(paths->path, part);
        Status st = folder ? open_part(out, part, folder) : NULL;
        free(folder);
        TRY(st);
    }
    char *scheduler = file_join(paths->path, "scheduler");
    Status st = read_json_if_there(&out->scheduler, scheduler, "scheduler_config.json");
    free(scheduler);
    TRY(st);
    return read_json_if_there(&out->newbie, paths->path, "newbie.json");
}

/* Gives an opened file to every part that it holds and that nobody has yet; closes it when nobody wants
 * it. */
static Status share_file(ModelFiles *out, SafeTensors *file, const ModelPaths *paths) {
    bool used = false;
    Status st = NULL;
    for (int part = 0; part < PART_COUNT && !st; part++) {
        bool wanted = !paths->part[part] && holds(file, part);
        if (wanted && out->file[part])
            st = hint(fail(ERR_FORMAT, "two files hold the %s: %s and %s", model_part_name(part),
                           safetensors_path(out->file[part]), safetensors_path(file)),
                      "name one of them with --dit, --gemma, --jina or --vae");
        else if (wanted) {
            out->file[part] = file;
            used = true;
        }
    }
    if (!used)
        safetensors_close(file);
    return st;
}

/* Single files in a folder, or in ComfyUI's folders below it. */
static Status open_loose_files(ModelFiles *out, const ModelPaths *paths) {
    out->layout = "ComfyUI files";
    size_t seen = 0;
    Status st = NULL;
    for (size_t f = 0; f < sizeof COMFY_FOLDERS / sizeof *COMFY_FOLDERS && !st; f++) {
        char *folder = COMFY_FOLDERS[f][0] ? file_join(paths->path, COMFY_FOLDERS[f])
                                           : must_copy(paths->path);
        Names names = names_in(folder, ".safetensors");
        seen += names.count;
        for (size_t i = 0; i < names.count && !st; i++) {
            char *path = file_join(folder, names.name[i]);
            SafeTensors *file;
            st = open_file(&file, path);
            if (!st)
                st = share_file(out, file, paths);
            free(path);
        }
        names_done(&names);
        free(folder);
    }
    if (!st && !seen)
        return refuse_folder(paths->path);
    return st ? st : read_json_if_there(&out->newbie, paths->path, "newbie.json");
}

/* A single file given as the model: it must hold at least the transformer, unless that is given by name. */
static Status open_single(ModelFiles *out, const ModelPaths *paths) {
    out->layout = "all-in-one file";
    SafeTensors *file;
    TRY(open_file(&file, paths->path));
    if (!holds(file, PART_DIT) && !paths->part[PART_DIT]) {
        Status st = model_wrong_kind(file, PART_DIT);
        safetensors_close(file);
        return st;
    }
    return share_file(out, file, paths);
}

/* ---- tokenizers ---------------------------------------------------------------------------------------- */

static size_t common_start(const char *a, const char *b, size_t limit) {
    size_t common = 0;
    while (common < limit && a && a[common] && a[common] == b[common])
        common++;
    return common;
}

/* The bytes of a SentencePiece model inside the text encoder's file. In an all-in-one file the models of the
 * two encoders are told apart by their prefixes: "text_encoders.gemma3." in front of
 * "transformer.layers...". */
static const SafeTensor *spiece_of(const SafeTensors *file, ModelPart part) {
    char *prefix = model_prefix(file, part);
    char *other = model_prefix(file, part == PART_GEMMA ? PART_JINA : PART_GEMMA);
    const SafeTensor *found = NULL;
    for (size_t i = 0; i < safetensors_count(file) && !found; i++) {
        const SafeTensor *tensor = safetensors_at(file, i);
        if (!ends_in(tensor->name, "spiece_model") || dtype_size(tensor->type) != 1)
            continue;
        size_t own = strlen(tensor->name) - strlen("spiece_model");
        if (!other || common_start(prefix, tensor->name, own) > common_start(other, tensor->name, own))
            found = tensor;
    }
    free(prefix);
    free(other);
    return found;
}

static char *tokenizer_in(const char *folder, int which) {
    for (int i = 0; i < 4 && TOKENIZER_FILES[which][i]; i++) {
        char *path = file_join(folder, TOKENIZER_FILES[which][i]);
        if (file_exists(path) && !file_is_directory(path))
            return path;
        free(path);
    }
    return NULL;
}

static void find_tokenizer(ModelFiles *out, const ModelPaths *paths, int which) {
    ModelPart part = which == TOKENIZER_GEMMA ? PART_GEMMA : PART_JINA;
    bool folder = paths->path && !paths->part[part] && file_is_directory(paths->path);
    for (int i = 0; folder && i < 5 && TOKENIZER_FOLDERS[which][i] && !out->tokenizer[which]; i++) {
        const char *name = TOKENIZER_FOLDERS[which][i];
        char *path = name[0] ? file_join(paths->path, name) : must_copy(paths->path);
        out->tokenizer[which] = tokenizer_in(path, which);
        free(path);
    }
    if (out->tokenizer[which] || !out->file[part])
        return;
    out->spiece[which] = spiece_of(out->file[part], part);
    if (!out->spiece[which]) {
        char *beside = file_directory(safetensors_path(out->file[part]));
        out->tokenizer[which] = tokenizer_in(beside, which);
        free(beside);
    }
}

/* ---- everything ---------------------------------------------------------------------------------------- */

/* All that is missing, in one sentence. */
static Status check_complete(const ModelFiles *files, const ModelPaths *paths) {
    static const char *const TOKENIZER_NAMES[TOKENIZERS] = {
        "the text encoder's tokenizer (tokenizer.model, tokenizer.json or spiece_model)",
        "the pooled text encoder's tokenizer (sentencepiece.bpe.model, tokenizer.json or spiece_model)",
    };
    Buf missing = {0};
    for (int part = 0; part < PART_COUNT; part++)
        if (!files->file[part])
            buf_print(&missing, "%sthe %s", missing.size ? ", " : "", model_part_name(part));
    for (int which = 0; which < TOKENIZERS; which++)
        if (!files->tokenizer[which] && !files->spiece[which] && files->file[which ? PART_JINA : PART_GEMMA])
            buf_print(&missing, "%s%s", missing.size ? ", " : "", TOKENIZER_NAMES[which]);
    Status st = NULL;
    if (missing.size)
        st = hint(fail(ERR_FORMAT, "the model %s lacks %s", paths->path ? paths->path : "given by its parts",
                       buf_string(&missing)), ":help model lists the files NewBie needs");
    buf_done(&missing);
    return st;
}

/* For people: what newbie.json says, else the name of the folder or file. */
static char *name_of(const ModelFiles *files, const ModelPaths *paths) {
    const char *given = json_get_string(files->newbie, "name", NULL);
    if (given)
        return must_copy(given);
    const char *path = paths->path ? paths->path : safetensors_path(files->file[PART_DIT]);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return must_copy_n(path + start, length - start);
}

static uint64_t count_bytes(const ModelFiles *files) {
    uint64_t bytes = 0;
    for (int part = 0; part < PART_COUNT; part++) {
        bool seen = false;
        for (int other = 0; other < part; other++)
            seen = seen || files->file[other] == files->file[part];
        if (files->file[part] && !seen)
            bytes += safetensors_bytes(files->file[part]);
    }
    return bytes;
}

static Status open_root(ModelFiles *out, const ModelPaths *paths) {
    if (!paths->path)
        return NULL;
    if (!file_exists(paths->path))
        return refuse_folder(paths->path);
    if (!file_is_directory(paths->path))
        return open_single(out, paths);
    return is_diffusers(paths->path) ? open_diffusers(out, paths) : open_loose_files(out, paths);
}

static Status open_all(ModelFiles *out, const ModelPaths *paths) {
    out->layout = "ComfyUI files";
    for (int part = 0; part < PART_COUNT; part++)
        if (paths->part[part])
            TRY(open_part(out, part, paths->part[part]));
    TRY(open_root(out, paths));
    for (int which = 0; which < TOKENIZERS; which++)
        find_tokenizer(out, paths, which);
    TRY(check_complete(out, paths));
    out->bytes = count_bytes(out);
    out->name = name_of(out, paths);
    return NULL;
}

Status model_files_open(ModelFiles *out, const ModelPaths *paths) {
    ModelFiles files = {0};
    Status st = open_all(&files, paths);
    if (st)
        model_files_close(&files);
    else
        *out = files;
    return st;
}

void model_files_close(ModelFiles *files) {
    for (int part = 0; part < PART_COUNT; part++) {
        for (int other = part + 1; other < PART_COUNT; other++)
            if (files->file[other] == files->file[part])
                files->file[other] = NULL; /* an all-in-one file is closed once */
        safetensors_close(files->file[part]);
        json_free(files->config[part]);
    }
    for (int which = 0; which < TOKENIZERS; which++)
        free(files->tokenizer[which]);
    json_free(files->scheduler);
    json_free(files->newbie);
    free(files->name);
    *files = (ModelFiles){0};
}

double model_shift(const ModelFiles *files) {
    /* A scheduler that leaves it out means its class's default (model-spec 8.6); no scheduler, 6. */
    return json_get_number(files->scheduler, "shift", files->scheduler ? 1 : 6);
}

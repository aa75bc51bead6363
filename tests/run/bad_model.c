/* bad_model.c: a model that cannot be used is a sentence, what to do, and status 3; in a session the
 * program stays up. product.md 8.3 and 12 (rows 1 to 7). */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "tests/tap.h"

/* Copies the demo model, file by file, as links; returns its path, relative. Owned by nobody. */
static void copy_model(const char *name) {
    char *from = program_source("samples/demo-model");
    Buf command = {0};
    buf_print(&command, "cp -r '%s' %s && chmod -R u+w %s", from, name, name);
    int failed = system(command.data);
    assert(!failed);
    buf_done(&command);
    free(from);
}

static void refused(const char *model, const char *sentence, const char *name) {
    Program program = program_run("", "--model", model, "1girl", NULL);
    CHECK_EQ(program.status, 3, name);
    CHECK_HAS(buf_string(&program.complained), sentence, name);
    CHECK_HAS(buf_string(&program.complained), "[HINT] ", "and says what to do");
    CHECK_EQ(count_of(buf_string(&program.complained), "[ERROR] "), 1, "once");
    CHECK(access("output_001.png", F_OK) != 0, "and no picture is made with another model");
    program_done(&program);
}

static void places(void) {
    refused("nowhere",
            "no model in nowhere: expected model_index.json or *.safetensors, found no such directory\n",
            "a missing folder is refused");
    mkdir("empty", 0777);
    refused("empty",
            "no model in empty: expected model_index.json or *.safetensors, found an empty directory\n",
            "an empty folder is refused");
    write_text("page.safetensors", "<!DOCTYPE html>\n<title>Not Found</title>\n");
    refused("page.safetensors", "page.safetensors is not a safetensors file: its header length reads "
            "5789751444030890300, the file has 41 bytes", "a web page named .safetensors is refused");
    write_text("pickle.pth", "PK\x03\x04");
    refused("pickle.pth", "pickle.pth", "a pickle is refused");
}

/* A safetensors file with one float32 tensor [4] and this header text instead of the right one. */
static void write_safetensors(const char *path, uint64_t length, const char *header, size_t data) {
    FILE *file = fopen(path, "wb");
    assert(file);
    fwrite(&length, 8, 1, file);
    fputs(header, file);
    for (size_t i = 0; i < data; i++)
        fputc(0, file);
    fclose(file);
}

static void headers(void) {
    static const char good[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    static const char beyond[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[8,24]}}";
    static const char overlap[] = "{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
                                  "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
    write_safetensors("long.safetensors", (uint64_t)1 << 60, good, 16);
    refused("long.safetensors", "its header length reads 1152921504606846976",
            "a header length of 2^60 is refused");
    write_safetensors("beyond.safetensors", strlen(beyond), beyond, 16);
    refused("beyond.safetensors", "beyond.safetensors", "offsets beyond the file are refused");
    write_safetensors("overlap.safetensors", strlen(overlap), overlap, 16);
    refused("overlap.safetensors", "overlap.safetensors", "overlapping tensors are refused");
    write_safetensors("other.safetensors", strlen(good), good, 16);
    refused("other.safetensors", "other.safetensors", "tensors of no known network are refused");
}

static void folders(void) {
    copy_model("cut");
    Buf command = {0};
    buf_print(&command, "for f in cut/transformer/*.safetensors; do truncate -s -1000 \"$f\"; done");
    int failed = system(command.data);
    assert(!failed);
    buf_done(&command);
    refused("cut", "is cut off", "a truncated file is refused");
    copy_model("lame");
    failed = system("rm -r lame/vae");
    assert(!failed);
    refused("lame", "[ERROR] the model lame lacks the VAE", "a folder without its VAE is refused");
    copy_model("mute");
    failed = system("rm -r mute/tokenizer mute/text_encoder/*.model 2>/dev/null; true");
    assert(!failed);
    refused("mute", "tokenizer", "a folder without its tokenizer is refused");
    copy_model("strange");
    Buf swap = {0};
    buf_print(&swap, "cp -f '%s/tests/fuzz/corpus/spm/bpe' strange/tokenizer/tokenizer.model",
              getenv("srcdir"));
    failed = system(swap.data);
    assert(!failed);
    buf_done(&swap);
    refused("strange", "rows: they do not belong together", "a tokenizer of too few pieces is refused");
}

static void session(void) {
    Program program = program_run("1girl\n\n:demo\n1girl\n\n", "--model=empty", CHEAP, NULL);
    CHECK_HAS(buf_string(&program.complained), "[ERROR] no model in empty",
              "8.3: a session says what is wrong");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved to output_001.png"), 1,
             "and stays up: :demo makes pictures possible");
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 1,
             "no picture is made with a model nobody named");
    CHECK_EQ(program.status, 1, "A5: some of it failed");
    program_done(&program);
    unlink("output_001.png");
    program = program_run("1girl\n\n:model nowhere\n1girl\n\n", CHEAP, NULL);
    CHECK_EQ(count_of(buf_string(&program.said), "Output saved"), 2,
             "a model that cannot be loaded leaves the old one");
    program_done(&program);
}

int main(void) {
    program_world();
    places();
    headers();
    folders();
    session();
    return tap_end();
}

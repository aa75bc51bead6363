/* library: a shared library of NVIDIA's is found where a machine may have it, and the file is told. Stands in
 * for one: the library of mathematics under another name, in folders that the test makes. */
#include "gpu/library.cu"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/tap.h"

static const char *const NAMES[] = {"libnewbie-of.so.2", "libnewbie-of.so.1", NULL};
static char folder[] = "/tmp/newbie-library-XXXXXX";

/* FOLDER/path becomes the library; its folders are made. */
static void put(const char *path) {
    char file[PATH_MAX];
    Dl_info info;
    snprintf(file, sizeof file, "%s/%s", folder, path);
    for (char *slash = strchr(file + sizeof folder, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(file, 0700);
        *slash = '/';
    }
    double (*of)(double) = cos;
    void *symbol;
    memcpy(&symbol, &of, sizeof symbol);
    if (!dladdr(symbol, &info) || symlink(info.dli_fname, file))
        printf("# cannot make %s\n", file);
}

/* Looks, and checks which file it was, in the folder; NULL: none. */
static void check_found(const char *expected, const char *name) {
    char path[PATH_MAX], whole[PATH_MAX];
    void *handle = library_open(path, sizeof path, NAMES, "NEWBIE_TEST_LIBRARY");
    snprintf(whole, sizeof whole, "%s/%s", folder, expected ? expected : "");
    if (!expected)
        whole[0] = 0;
    CHECK_STR(path, whole, name);
    if (handle)
        dlclose(handle);
}

static void set(const char *variable, const char *path) {
    char value[PATH_MAX];
    snprintf(value, sizeof value, "%s/%s", folder, path);
    setenv(variable, value, 1);
}

/* Later places stay full: what comes first wins. */
static void test_places(void) {
    check_found(NULL, "a library that is nowhere is not found, and has no file");
    put("home/.local/lib/python3.12/site-packages/nvidia/cublas/lib/libnewbie-of.so.1");
    check_found("home/.local/lib/python3.12/site-packages/nvidia/cublas/lib/libnewbie-of.so.1",
                "packages of Python in the home folder");
    put("conda/lib/libnewbie-of.so.1");
    set("CONDA_PREFIX", "conda");
    check_found("conda/lib/libnewbie-of.so.1", "an environment of conda");
    put("cuda/lib64/libnewbie-of.so.1");
    set("CUDA_HOME", "cuda");
    check_found("cuda/lib64/libnewbie-of.so.1", "a CUDA toolkit that CUDA_HOME names");
    put("venv/lib/python3.11/site-packages/nvidia/cu13/lib/libnewbie-of.so.1");
    set("PATH", "nothing/bin:/usr/bin:");
    check_found("cuda/lib64/libnewbie-of.so.1", "folders of PATH without it are passed over");
    set("PATH", "venv/bin/:/usr/bin");
    check_found("venv/lib/python3.11/site-packages/nvidia/cu13/lib/libnewbie-of.so.1",
                "packages of Python beside a folder of PATH");
    put("cuda/lib64/libnewbie-of.so.2");
    check_found("cuda/lib64/libnewbie-of.so.2", "the first name anywhere before the second");
}

static void test_told(void) {
    put("told.so");
    set("NEWBIE_TEST_LIBRARY", "told.so");
    check_found("told.so", "the file that the variable names before all others");
    set("NEWBIE_TEST_LIBRARY", "missing.so");
    check_found(NULL, "and no other when it is not there");
    setenv("NEWBIE_TEST_LIBRARY", "", 1);
    check_found("cuda/lib64/libnewbie-of.so.2", "an empty variable names nothing");
}

int main(void) {
    char command[PATH_MAX];
    if (!mkdtemp(folder))
        return 1;
    setenv("PATH", "/usr/bin", 1);
    set("HOME", "home");
    unsetenv("VIRTUAL_ENV");
    unsetenv("CONDA_PREFIX");
    unsetenv("CUDA_HOME");
    unsetenv("CUDA_PATH");
    test_places();
    test_told();
    setenv("PATH", "/usr/bin:/bin", 1);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) ? 1 : tap_end();
}

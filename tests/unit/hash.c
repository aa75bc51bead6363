/* hash: SHA-256 against the published examples. Source: NIST, "SHA-256 examples" to FIPS 180-4 and the FIPS
 * 180-2 appendix B (abc, 448 bits, a million a); the empty message from the NIST CAVP file SHA256ShortMsg. */
#include "config.h"

#include <stdlib.h>

#include "base/hash.h"
#include "tests/tap.h"

static const struct {
    const char *name, *message, *digest;
} CASES[] = {
    {"the empty message", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"448 bits", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"896 bits",
     "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
     "tnopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

int main(void) {
    char hex[65];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        sha256_hex(hex, CASES[i].message, strlen(CASES[i].message));
        CHECK_STR(hex, CASES[i].digest, CASES[i].name);
    }
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    Sha256 sha;
    unsigned char digest[32];
    sha256_begin(&sha);
    for (size_t at = 0, step = 1; at < 1000000; at += step, step = step % 199 + 1) {
        step = step < 1000000 - at ? step : 1000000 - at;
        sha256_add(&sha, million + at, step);
    }
    sha256_end(&sha, digest);
    sha256_digest_hex(hex, digest);
    CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
              "a million a in uneven pieces");
    free(million);
    CHECK(hash64("a", 1) != hash64("b", 1) && hash64("ab", 2) != hash64("ba", 2),
          "the table hash tells order");
    CHECK(hash64("a\0", 2) != hash64("a", 1), "the table hash tells length");
    return tap_end();
}

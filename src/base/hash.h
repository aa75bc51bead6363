/* hash.h: SHA-256 (FIPS 180-4) and a fast 64-bit hash for tables. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
} Sha256;

void sha256_begin(Sha256 *sha);
void sha256_add(Sha256 *sha, const void *bytes, size_t count);
void sha256_end(Sha256 *sha, unsigned char digest[32]);

/* 64 lower-case hex digits and NUL. */
void sha256_hex(char out[65], const void *bytes, size_t count);
void sha256_digest_hex(char out[65], const unsigned char digest[32]);

/* FNV-1a style with a final mix; not for hostile input that must not collide. */
uint64_t hash64(const void *bytes, size_t count);

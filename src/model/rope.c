/* rope.c: see rope.h. Angles are float32 products of a float32 frequency, as the originals have them. */
#include "config.h"

#include "model/rope.h"

#include <math.h>
#include <stdlib.h>

void rope_halves(Ops *o, Tensor *cos, Tensor *sin, const RopeHalves *how, const Seqs *seqs) {
    int64_t rows = seqs_rows(seqs), half = how->head_dim / 2;
    *cos = ops_table(o, rows, half);
    *sin = ops_table(o, rows, half);
    float *host = malloc(sizeof(float) * 2 * (size_t)(rows * half));
    if (!host) {
        ops_fail(o, fail(ERR_MEMORY, "no memory for %lld rows of rotation tables", (long long)rows));
        return;
    }
    float *host_sin = host + rows * half;
    for (int64_t d = 0; d < half; d++) {
        float frequency = (float)(pow(how->theta, -2.0 * (double)d / (double)how->head_dim) / how->factor);
        for (int s = 0; s < seqs->count; s++)
            for (int64_t p = 0; p < seqs_length(seqs, s); p++) {
                float angle = (float)p * frequency;
                host[(seqs->offsets[s] + p) * half + d] = cosf(angle);
                host_sin[(seqs->offsets[s] + p) * half + d] = sinf(angle);
            }
    }
    ops_upload(o, *cos, host);
    ops_upload(o, *sin, host_sin);
    free(host);
}

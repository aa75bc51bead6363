/* precision.c: what backends of every kind agree on about 8 bits: see backend.h. Part of the modules, too. */
#include "config.h"

#include "ops/backend.h"

const char *precision_name(Precision precision) {
    static const char *const NAMES[] = {[PRECISION_F32] = "f32",
                                        [PRECISION_BF16] = "bf16",
                                        [PRECISION_INT8] = "int8",
                                        [PRECISION_FP8] = "fp8"};
    return NAMES[precision];
}

DType weight_eight(const Weight *w, const WeightParts *parts, Precision precision, DType otherwise) {
    bool rows = parts->kind != WEIGHT_CONV && w->in % EIGHT_GROUP == 0 && w->in <= EIGHT_WIDTH_MAX;
    if (!rows || parts->bits == BITS_16_OR_MORE)
        return otherwise;
    if (parts->bits == BITS_INT8)
        return precision == PRECISION_F32 ? otherwise : DT_I8;
    if (precision == PRECISION_FP8) /* the library wants results in whole 16 bytes */
        return w->out % 8 == 0 ? DT_F8_E4M3 : otherwise;
    return precision == PRECISION_INT8 ? DT_I8 : otherwise;
}

size_t weight_layout(Weight *w, const WeightParts *parts, Precision precision, size_t alignment) {
    w->type = DT_BF16;
    for (int i = 0; i < parts->count; i++)
        if (parts->part[i].type != DT_BF16 && precision == PRECISION_F32)
            w->type = DT_F32;
    w->type = weight_eight(w, parts, precision, w->type);
    bool scales = w->type == DT_I8 || w->type == DT_F8_E4M3;
    size_t matrix = (size_t)(w->out * w->in * w->kernel * w->kernel) * dtype_size(w->type) +
                    (scales ? (size_t)w->out * sizeof(float) : 0);
    if (alignment)
        matrix = (matrix + alignment - 1) / alignment * alignment;
    w->bytes = matrix + (parts->bias[0].data ? (size_t)w->out * sizeof(float) : 0);
    return matrix;
}

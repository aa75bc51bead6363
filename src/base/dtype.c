/* dtype.c: the table of element types. */
#include "config.h"

#include "base/dtype.h"

#include <assert.h>

static const struct {
    size_t size;
    const char *name;
} TYPES[DT_COUNT] = {
    [DT_F32] = {4, "f32"}, [DT_F16] = {2, "f16"},         [DT_BF16] = {2, "bf16"},
    [DT_F64] = {8, "f64"}, [DT_F8_E4M3] = {1, "f8_e4m3"}, [DT_F8_E5M2] = {1, "f8_e5m2"},
    [DT_I8] = {1, "i8"},   [DT_U8] = {1, "u8"},           [DT_I32] = {4, "i32"},
    [DT_I64] = {8, "i64"}, [DT_BOOL] = {1, "bool"},
};

size_t dtype_size(DType type) {
    assert(type < DT_COUNT);
    return TYPES[type].size;
}

const char *dtype_name(DType type) {
    return type < DT_COUNT ? TYPES[type].name : "unknown";
}

/* dtype.h: the element types that files and tensors can have. */
#pragma once

#include <stddef.h>

typedef enum DType {
    DT_F32, DT_F16, DT_BF16, DT_F64, DT_F8_E4M3, DT_F8_E5M2, DT_I8, DT_U8, DT_I32, DT_I64, DT_BOOL, DT_COUNT
} DType;

/* Bytes of one element, 1 to 8. */
size_t dtype_size(DType type);

/* Lower-case name for people ("f32", "bf16", "f8_e4m3"). Never NULL. */
const char *dtype_name(DType type);

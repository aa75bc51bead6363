/* dtype: sizes and names of the element types. */
#include "config.h"

#include "base/dtype.h"
#include "tests/tap.h"

int main(void) {
    static const size_t sizes[DT_COUNT] = {4, 2, 2, 8, 1, 1, 1, 1, 4, 8, 1};
    for (int i = 0; i < DT_COUNT; i++)
        CHECK_EQ(dtype_size((DType)i), sizes[i], dtype_name((DType)i));
    CHECK_STR(dtype_name(DT_BF16), "bf16", "bf16 is called bf16");
    CHECK_STR(dtype_name(DT_F8_E4M3), "f8_e4m3", "the 8-bit float with 4 exponent bits is called f8_e4m3");
    return tap_end();
}

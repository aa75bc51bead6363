/* product.cu: y = act(x · wT + bias) on the tiles of tile.cuh. See product.cuh. */
#include "gpu/product.cuh"

#include "gpu/tile.cuh"

enum {
    PRODUCT_BAND = 16
}; /* blocks of rows that are walked together: their x and w stay in the second-level cache */

/* A product in numbers of 1 or 2 bytes. */
typedef struct ProductCall {
    const char *x, *w;
    void *y;
    const float *bias;              /* or NULL */
    const float *x_scale, *w_scale; /* of the rows of x and w when they are bytes */
    int64_t x_stride, w_stride;     /* bytes */
    int64_t y_stride;               /* numbers */
    int rows, out, depth_bytes;
    int y_f32, act, add;
    int y_pairs; /* not 0: two numbers of y, the first in an even column, may be stored at once */
} ProductCall;

/* Whether y, of 2-byte numbers, begins and goes on at multiples of 4 bytes. */
static bool product_pairs(const void *y, int64_t stride, DType type, StoreMode store) {
    return type == DT_BF16 && store == STORE_SET && stride % 2 == 0 && (uintptr_t)y % 4 == 0;
}

/* Which tile a block has: bands of PRODUCT_BAND tiles high, in a band column by column. */
__device__ __forceinline__ void product_tile(int *row, int *column, const ProductCall &a, int columns) {
    int down = (a.rows + TILE_ROWS - 1) / TILE_ROWS, across = (a.out + columns - 1) / columns;
    int block = (int)blockIdx.x, band = block / (PRODUCT_BAND * across) * PRODUCT_BAND;
    int height = down - band < PRODUCT_BAND ? down - band : PRODUCT_BAND;
    block -= band * across;
    *row = (band + block % height) * TILE_ROWS;
    *column = block / height * columns;
}

/* Begins to copy 64 bytes of depth of `count` rows of a matrix, zeros outside. */
template <int COUNT>
__device__ __forceinline__ void product_load(char *to, const char *from, int64_t stride, int first, int end,
                                             int depth, int depth_end) {
    int row = (int)threadIdx.x / TILE_CHUNKS, chunk = (int)threadIdx.x % TILE_CHUNKS;
    depth += chunk * 16;
#pragma unroll
    for (int i = 0; i < COUNT; i += TILE_LINES) {
        bool inside = first + i + row < end && depth < depth_end;
        if (i + row < COUNT)
            cp_async16(to + tile_place(i + row, chunk),
                       inside ? from + (first + i + row) * stride + depth : from, inside ? 16 : 0);
    }
}

/* ---- what is done with the sums -------------------------------------------------------------------------
 */

/* One number of the result. */
__device__ __forceinline__ void product_put(const ProductCall &a, int row, int column, float value) {
    int64_t place = row * a.y_stride + column;
    if (a.y_f32) {
        float *y = (float *)a.y + place;
        *y = a.add ? *y + value : value;
    } else {
        bf16_t *y = (bf16_t *)a.y + place;
        *y = from_float<bf16_t>(a.add ? to_float(*y) + value : value);
    }
}

/* A sum as the number it stands for. */
__device__ __forceinline__ float product_value(const ProductCall &, float sum, int, int) {
    return sum;
}
__device__ __forceinline__ float product_value(const ProductCall &a, int32_t sum, int row, int column) {
    return column < a.out ? (float)sum * (a.x_scale[row] * a.w_scale[column]) : 0;
}

/* act(gate) of a gated unit, SiLU or GELU_TANH, in few instructions: both are gate · sigmoid(z), because
 * 0.5 (1 + tanh(u)) = sigmoid(2 u). The general function, so many times over, takes ptxas half a minute. */
__device__ __forceinline__ float product_gate(float gate, int act) {
    float cubic = 1.5957691216f * (gate + 0.044715f * gate * gate * gate),
          z = act == DEVICE_SILU ? gate : cubic;
    return gate / (1 + expf(-z));
}

/* Two neighbouring columns. */
template <ProductEnd END>
__device__ __forceinline__ void product_end(const ProductCall &a, int row, int column, float first,
                                            float second) {
    if (END == PRODUCT_GLU) {
        int f = column / 2;
        if (a.bias && column < a.out) {
            first += a.bias[column];
            second += a.bias[column + 1];
        }
        if (column < a.out)
            product_put(a, row, f, product_gate(first, a.act) * second);
        return;
    }
    float value[2] = {first, second};
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (column + i < a.out)
            value[i] += a.bias ? a.bias[column + i] : 0;
    if (a.act != DEVICE_NONE)
#pragma unroll
        for (int i = 0; i < 2; i++)
            value[i] = activate_called(value[i], a.act);
    if (a.y_pairs && column + 1 < a.out) {
        *(uint32_t *)(void *)((bf16_t *)a.y + row * a.y_stride + column) = bf16_pair(value[0], value[1]);
        return;
    }
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (column + i < a.out)
            product_put(a, row, column + i, value[i]);
}

/* ---- kernel -------------------------------------------------------------------------------------------- */

template <class Sum, int COLUMNS, ProductEnd END>
static __global__ void __launch_bounds__(TILE_THREADS, 2) product_mma_kernel(ProductCall a) {
    SHARED_DYN(TileStage<COLUMNS>, stages);
    TileShare<COLUMNS> share = tile_share<COLUMNS>();
    int first, left, steps = (a.depth_bytes + 63) / 64;
    product_tile(&first, &left, a, COLUMNS);
    Sum sums[TileShare<COLUMNS>::MT][4][4] = {};
    for (int j = 0; j < steps + TILE_AHEAD; j++) { /* step j is brought, step j - TILE_AHEAD multiplied */
        if (j >= TILE_AHEAD) {
            cp_async_wait<TILE_AHEAD - 1>();
            __syncthreads(); /* it is there for all, and nobody reads the stage any more that is filled now */
        }
        if (j < steps) {
            TileStage<COLUMNS> *to = &stages[j % TILE_STAGES];
            product_load<TILE_ROWS>(to->x, a.x, a.x_stride, first, a.rows, j * 64, a.depth_bytes);
            product_load<COLUMNS>(to->w, a.w, a.w_stride, left, a.out, j * 64, a.depth_bytes);
        }
        cp_async_commit();
        if (j >= TILE_AHEAD)
            tile_multiply(sums, stages[(j - TILE_AHEAD) % TILE_STAGES], share);
    }
    int row = first + share.row + (int)threadIdx.x % 32 / 4,
        column = left + share.column + (int)threadIdx.x % 4 * 2;
#pragma unroll
    for (int m = 0; m < 2 * TileShare<COLUMNS>::MT; m++)
#pragma unroll
        for (int n = 0; n < 4; n++)
            if (row + 8 * m < a.rows)
                product_end<END>(
                    a, row + 8 * m, column + 8 * n,
                    product_value(a, sums[m / 2][n][m % 2 * 2], row + 8 * m, column + 8 * n),
                    product_value(a, sums[m / 2][n][m % 2 * 2 + 1], row + 8 * m, column + 8 * n + 1));
}

/* ---- host ---------------------------------------------------------------------------------------------- */

bool product_mma_suits(const Product *p) {
    return p->x_type == DT_BF16 && p->w_type == DT_BF16 && p->in % 8 == 0 && p->x_stride % 8 == 0 &&
           (uintptr_t)p->x % 16 == 0 && (uintptr_t)p->w % 16 == 0;
}

static ProductCall product_call(const Product *p) {
    ProductCall call = {};
    call.x = (const char *)p->x;
    call.w = (const char *)p->w;
    call.y = p->y;
    call.bias = p->bias;
    call.x_stride = p->x_stride * (int64_t)sizeof(bf16_t);
    call.w_stride = p->in * (int64_t)sizeof(bf16_t);
    call.y_stride = p->y_stride;
    call.rows = (int)p->rows;
    call.out = (int)p->out;
    call.depth_bytes = (int)(p->in * (int64_t)sizeof(bf16_t));
    call.y_f32 = p->y_type == DT_F32;
    call.act = (int)p->act;
    call.add = p->store == STORE_ADD;
    call.y_pairs = product_pairs(p->y, p->y_stride, p->y_type, p->store);
    return call;
}

template <class Sum, int COLUMNS, ProductEnd END>
static Status product_launch(Cuda *cuda, const ProductCall *call, const char *op) {
    int bytes = TILE_STAGES * (int)sizeof(TileStage<COLUMNS>);
    int64_t blocks = divide_up(call->rows, TILE_ROWS) * divide_up(call->out, COLUMNS);
    CUDA_TRY(cuda,
             cudaFuncSetAttribute(product_mma_kernel<Sum, COLUMNS, END>,
                                  cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
             op);
    LAUNCH((product_mma_kernel<Sum, COLUMNS, END>), (unsigned)blocks, TILE_THREADS, (size_t)bytes,
           cuda->compute, *call);
    return cuda_launched(cuda, op);
}

Status product_mma(Cuda *cuda, const Product *p) {
    ProductCall call = product_call(p);
    return call.out <= 32 ? product_launch<float, 32, PRODUCT_PLAIN>(cuda, &call, "linear")
                          : product_launch<float, 128, PRODUCT_PLAIN>(cuda, &call, "linear");
}

Status product_mma_glu(Cuda *cuda, const Product *p) {
    ProductCall call = product_call(p);
    call.add = 0;
    return product_launch<float, 128, PRODUCT_GLU>(cuda, &call, "glu_linear");
}

Status product_mma_bytes(Cuda *cuda, Tensor y, const Weight *w, const ProductBytes *how) {
    ProductCall call = {};
    call.x = (const char *)how->x;
    call.w = (const char *)how->w;
    call.x_scale = how->x_scale;
    call.w_scale = how->w_scale;
    call.y = y.data;
    call.bias = w->bias;
    call.x_stride = call.w_stride = w->in;
    call.y_stride = y.strides[0];
    call.rows = (int)y.dims[0];
    call.out = (int)w->out;
    call.depth_bytes = (int)w->in;
    call.y_f32 = y.type == DT_F32;
    call.act = (int)how->act;
    call.add = how->store == STORE_ADD;
    call.y_pairs = product_pairs(y.data, y.strides[0], y.type, how->store);
    return how->glu == PRODUCT_GLU ? product_launch<int32_t, 128, PRODUCT_GLU>(cuda, &call, "glu_linear")
                                   : product_launch<int32_t, 128, PRODUCT_PLAIN>(cuda, &call, "linear");
}

/* conv.cu: 3x3 and 1x1 convolutions of pictures [height, width, channels] as implicit matrix products.
 *
 * Rows of the left matrix are output pixels, its columns the channels of one tap after the other; a tile of
 * it is gathered from the picture straight into shared memory, with zeros outside, so no unfolded picture is
 * ever in memory. The right matrix is the weight as weight.cu keeps it, [out][taps][channels]. A step of the
 * product is 32 channels of one tap. Three stages: one being multiplied, two on their way.
 *
 * Doubling and a 3x3 convolution are four 2x2 convolutions of the small picture, one for each corner of the
 * four pixels that a pixel becomes, with the taps that fall on the same pixel added up: 16 products instead
 * of 36 (performance.md 1.6).
 *
 * Numbers are bf16, sums float32 in one fixed order: the same input gives the same bits. Float32 pictures,
 * and those whose pixels do not begin at 16 bytes, take the plain kernel. */
#include "gpu/ops.cuh"
#include "gpu/plain.cuh"
#include "gpu/tile.cuh"

enum { CONV_STEP = 32 }; /* channels */

/* What a launch computes: the pixels (r, c) of a grid [high, wide], stored at (r · spread + up, c · spread +
 * side) of y. A pixel's window begins at (r · stride - top, c · stride - left) of x. With corners 4 all four
 * are in one launch, and up, side, top and left follow from the corner. */
typedef struct ConvCall {
    const bf16_t *x, *w;
    const float *bias; /* [out] or NULL */
    bf16_t *y;
    int height, width, channels; /* of x */
    int high, wide, out;
    int taps; /* along one side */
    int stride, top, left;
    int y_width, spread, up, side;
    int corners; /* 1 or 4; w has so many weights one behind the other */
    int add;     /* not 0: y += */
    int pairs;   /* not 0: two numbers of y may be stored at once */
} ConvCall;

__device__ __forceinline__ ConvCall conv_corner(ConvCall a, int corner) {
    if (a.corners == 1)
        return a;
    a.up = corner / 2;
    a.side = corner % 2;
    a.top = 1 - a.up;
    a.left = 1 - a.side;
    a.w += (int64_t)corner * a.out * a.taps * a.taps * a.channels;
    return a;
}

/* ---- bringing tiles ------------------------------------------------------------------------------------ */

/* The pixel whose chunks a thread brings. */
typedef struct ConvPixel {
    int y, x;       /* corner of its window; y far outside when there is no such pixel */
    int64_t corner; /* place of the corner in the picture, in numbers */
} ConvPixel;

__device__ __forceinline__ ConvPixel conv_pixel(const ConvCall &a, int pixel) {
    ConvPixel p = {-(1 << 29), 0, 0};
    if (pixel < a.high * a.wide) {
        p.y = pixel / a.wide * a.stride - a.top;
        p.x = pixel % a.wide * a.stride - a.left;
    }
    p.corner = ((int64_t)p.y * a.width + p.x) * a.channels;
    return p;
}

/* Which columns of the left matrix a step has: channels from `channel` on of one tap. */
typedef struct ConvStep {
    int tap_y, tap_x, channel;
} ConvStep;

__device__ __forceinline__ void conv_advance(ConvStep &s, const ConvCall &a) {
    s.channel += CONV_STEP;
    if (s.channel < a.channels)
        return;
    s.channel = 0;
    if (++s.tap_x == a.taps) {
        s.tap_x = 0;
        s.tap_y++;
    }
}

/* Begins to copy one chunk of a pixel; zeros outside the picture and behind its last channel. */
__device__ __forceinline__ void conv_load_pixel(void *to, const ConvCall &a, const ConvPixel &p,
                                                const ConvStep &s, int channel) {
    int y = p.y + s.tap_y, x = p.x + s.tap_x;
    bool inside = (unsigned)y < (unsigned)a.height && (unsigned)x < (unsigned)a.width && channel < a.channels;
    const bf16_t *from = a.x + p.corner + ((int64_t)s.tap_y * a.width + s.tap_x) * a.channels + channel;
    cp_async16(to, inside ? from : a.x, inside ? 16 : 0);
}

/* Begins to copy all that a step needs. */
template <int COLUMNS>
__device__ __forceinline__ void conv_load(TileStage<COLUMNS> *to, const ConvCall &a,
                                          const ConvPixel (&pixel)[2], const ConvStep &s, int first_column) {
    int chunk = (int)threadIdx.x % TILE_CHUNKS, row = (int)threadIdx.x / TILE_CHUNKS;
    int channel = s.channel + chunk * 8;
#pragma unroll
    for (int i = 0; i < TILE_ROWS / TILE_LINES; i++)
        conv_load_pixel(to->x + tile_place(row + i * TILE_LINES, chunk), a, pixel[i], s, channel);
#pragma unroll
    for (int i = 0; i < COLUMNS; i += TILE_LINES) {
        int o = first_column + i + row, tap = s.tap_y * a.taps + s.tap_x;
        bool inside = o < a.out && channel < a.channels;
        int64_t place = ((int64_t)o * a.taps * a.taps + tap) * a.channels + channel;
        if (i + row < COLUMNS)
            cp_async16(to->w + tile_place(i + row, chunk), inside ? a.w + place : a.w, inside ? 16 : 0);
    }
}

/* ---- products ------------------------------------------------------------------------------------------ */

/* Two neighbouring numbers of a pixel: bias, addition, rounding. */
__device__ __forceinline__ void conv_put(const ConvCall &a, bf16_t *y, int column, float first,
                                         float second) {
    float value[2] = {first, second}, before[2] = {0, 0};
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (column + i < a.out) {
            value[i] += a.bias ? a.bias[column + i] : 0;
            before[i] = a.add ? to_float(y[column + i]) : 0;
        }
    uint32_t both = bf16_pair(value[0] + before[0], value[1] + before[1]);
    if (a.pairs && column < a.out)
        *(uint32_t *)(void *)(y + column) = both;
#pragma unroll
    for (int i = 0; i < 2; i++)
        if (!a.pairs && column + i < a.out)
            y[column + i].bits = (uint16_t)(both >> 16 * i);
}

template <int MT>
__device__ __forceinline__ void conv_store(const float (&sums)[MT][4][4], const ConvCall &a, int pixel,
                                           int column) {
    int lane = (int)threadIdx.x % 32;
#pragma unroll
    for (int m = 0; m < 2 * MT; m++) {
        int i = pixel + 8 * m + lane / 4, r = i / a.wide, c = i % a.wide;
        if (i >= a.high * a.wide)
            continue;
        bf16_t *y = a.y + ((int64_t)(r * a.spread + a.up) * a.y_width + c * a.spread + a.side) * a.out;
#pragma unroll
        for (int n = 0; n < 4; n++)
            conv_put(a, y, column + 8 * n + lane % 4 * 2, sums[m / 2][n][m % 2 * 2],
                     sums[m / 2][n][m % 2 * 2 + 1]);
    }
}

/* Blocks with the same pixels are neighbours, so that the picture is read from the second-level cache by all
 * but the first of them. */
template <int COLUMNS>
static __global__ void __launch_bounds__(TILE_THREADS, 2) conv_mma_kernel(ConvCall call) {
    SHARED_DYN(TileStage<COLUMNS>, stages);
    ConvCall a = conv_corner(call, (int)blockIdx.y);
    TileShare<COLUMNS> share = tile_share<COLUMNS>();
    int across = (a.out + COLUMNS - 1) / COLUMNS, row = (int)threadIdx.x / TILE_CHUNKS;
    int first_column = (int)blockIdx.x % across * COLUMNS, first_pixel = (int)blockIdx.x / across * TILE_ROWS;
    const ConvPixel pixel[2] = {conv_pixel(a, first_pixel + row),
                                conv_pixel(a, first_pixel + row + TILE_LINES)};
    ConvStep step = {0, 0, 0};
    int steps = a.taps * a.taps * ((a.channels + CONV_STEP - 1) / CONV_STEP);
    float sums[TileShare<COLUMNS>::MT][4][4] = {};
    for (int j = 0; j < steps + TILE_AHEAD; j++) { /* step j is brought, step j - TILE_AHEAD multiplied */
        if (j >= TILE_AHEAD) {
            cp_async_wait<TILE_AHEAD - 1>();
            __syncthreads(); /* it is there for all, and nobody reads the stage any more that is filled now */
        }
        if (j < steps) {
            conv_load(&stages[j % TILE_STAGES], a, pixel, step, first_column);
            conv_advance(step, a);
        }
        cp_async_commit();
        if (j >= TILE_AHEAD)
            tile_multiply(sums, stages[(j - TILE_AHEAD) % TILE_STAGES], share);
    }
    conv_store(sums, a, first_pixel + share.row, first_column + share.column);
}

/* ---- doubling ------------------------------------------------------------------------------------------ */

/* folded [4 corners][out][2 · 2][channels] from w [out][3 · 3][channels]. For an output row 2r the taps
 * above, at and below fall on the rows r - 1, r, r of x; for 2r + 1 on r, r, r + 1. So for columns. */
static __global__ void __launch_bounds__(POINT_THREADS)
    conv_fold(bf16_t *folded, const bf16_t *w, int out, int channels) {
    int64_t n = (int64_t)16 * out * channels;
    for (int64_t i = (int64_t)blockIdx.x * POINT_THREADS + threadIdx.x; i < n;
         i += (int64_t)gridDim.x * POINT_THREADS) {
        int channel = (int)(i % channels), tap = (int)(i / channels % 4);
        int o = (int)(i / channels / 4 % out), corner = (int)(i / channels / 4 / out);
        int top = corner / 2, side = corner % 2; /* taps of the first row and of the first column: 1 or 2 */
        int y_from = tap / 2 ? 1 + top : 0, y_to = tap / 2 ? 3 : 1 + top;
        int x_from = tap % 2 ? 1 + side : 0, x_to = tap % 2 ? 3 : 1 + side;
        float sum = 0;
        for (int y = y_from; y < y_to; y++)
            for (int x = x_from; x < x_to; x++)
                sum += to_float(w[((int64_t)o * 9 + y * 3 + x) * channels + channel]);
        folded[i] = from_float<bf16_t>(sum);
    }
}

/* ---- host ---------------------------------------------------------------------------------------------- */

/* True when the matrix kernel can do it. */
static bool conv_suits(Tensor x, const Weight *w) {
    return x.type == DT_BF16 && w->type == DT_BF16 && x.dims[2] % 8 == 0 && (uintptr_t)x.data % 16 == 0;
}

static ConvCall conv_call(Tensor y, Tensor x, const Weight *w) {
    ConvCall call = {};
    call.x = (const bf16_t *)x.data;
    call.w = (const bf16_t *)w->packed;
    call.bias = w->bias;
    call.y = (bf16_t *)y.data;
    call.height = (int)x.dims[0];
    call.width = (int)x.dims[1];
    call.channels = (int)x.dims[2];
    call.out = (int)w->out;
    call.y_width = (int)y.dims[1];
    call.pairs = call.out % 2 == 0 && (uintptr_t)y.data % 4 == 0;
    return call;
}

template <int COLUMNS> static Status conv_launch_as(Cuda *cuda, const ConvCall *call, const char *op) {
    int64_t across = divide_up(call->out, COLUMNS),
            down = divide_up((int64_t)call->high * call->wide, TILE_ROWS);
    int bytes = TILE_STAGES * (int)sizeof(TileStage<COLUMNS>);
    CUDA_TRY(
        cuda,
        cudaFuncSetAttribute(conv_mma_kernel<COLUMNS>, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
        op);
    LAUNCH(conv_mma_kernel<COLUMNS>, dim3((unsigned)(across * down), (unsigned)call->corners), TILE_THREADS,
           (size_t)bytes, cuda->compute, *call);
    return cuda_launched(cuda, op);
}

static Status conv_launch(Cuda *cuda, const ConvCall *call, const char *op) {
    return call->out <= 32 ? conv_launch_as<32>(cuda, call, op) : conv_launch_as<128>(cuda, call, op);
}

Status cuda_conv2d(void *state, Tensor y, Tensor x, const Weight *w, ConvHow how) {
    Cuda *cuda = (Cuda *)state;
    if (!conv_suits(x, w))
        return plain_conv(cuda, y, x, w, how, UPSCALE_NONE);
    ConvCall call = conv_call(y, x, w);
    call.high = (int)y.dims[0];
    call.wide = (int)y.dims[1];
    call.taps = w->kernel;
    call.stride = how.stride;
    call.top = call.left = how.stride == 1 ? w->kernel / 2 : 0;
    call.spread = call.corners = 1;
    call.add = how.store == STORE_ADD;
    return conv_launch(cuda, &call, "conv2d");
}

Status cuda_upsample2x_conv(void *state, Tensor y, Tensor x, const Weight *w) {
    Cuda *cuda = (Cuda *)state;
    int64_t folded = 16 * w->out * w->in;
    if (!conv_suits(x, w) || (size_t)folded * sizeof(bf16_t) > SCRATCH_BYTES) {
        ConvHow how = {1, STORE_SET};
        return plain_conv(cuda, y, x, w, how, UPSCALE_TWO);
    }
    ConvCall call = conv_call(y, x, w);
    bf16_t *scratch = (bf16_t *)(void *)cuda->scratch;
    LAUNCH(conv_fold, point_blocks(cuda, folded), POINT_THREADS, 0, cuda->compute, scratch, call.w, call.out,
           call.channels);
    call.w = scratch;
    call.high = call.height;
    call.wide = call.width;
    call.taps = call.spread = 2;
    call.stride = 1;
    call.corners = 4;
    return conv_launch(cuda, &call, "upsample2x_conv");
}

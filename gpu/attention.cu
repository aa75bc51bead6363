/* attention.cu: which kernel does an attention.
 *
 * bf16 goes to the matrix kernels, float32 to the plain one. The matrix kernels read q, k and v in place when
 * their head is as wide as a kernel's; else a copy padded with zeros is made, as many kv heads at a time as
 * the scratch memory holds. */
#include "gpu/attention.cuh"
#include "gpu/ops.cuh"
#include "gpu/plain.cuh"

enum { ATTENTION_PACK_THREADS = 256 };

/* to [rows, heads, padded] from the strided [rows, heads, width], eight numbers a thread. */
static __global__ void __launch_bounds__(ATTENTION_PACK_THREADS)
    attention_pack(bf16_t *to, const bf16_t *from, int64_t row_stride, int64_t head_stride, int64_t rows,
                   int heads, int width, int padded) {
    int64_t i = (int64_t)blockIdx.x * ATTENTION_PACK_THREADS + threadIdx.x;
    int chunks = padded / 8;
    if (i >= rows * heads * chunks)
        return;
    int column = (int)(i % chunks) * 8, head = (int)(i / chunks % heads);
    const bf16_t *source = from + i / chunks / heads * row_stride + head * head_stride;
    Pack<bf16_t, 8> pack;
#pragma unroll
    for (int j = 0; j < 8; j++)
        pack.x[j] = column + j < width ? source[column + j] : from_float<bf16_t>(0);
    *(Pack<bf16_t, 8> *)(to + i * 8) = pack;
}

int attention_blocks(const AttentionCall *call, int rows) {
    int blocks = 0;
    for (int i = 0; i < call->sequences; i++)
        blocks += (int)divide_up(call->offsets[i + 1] - call->offsets[i], rows);
    return blocks;
}

static AttentionCall attention_call(Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    AttentionCall call = {};
    call.q = (const bf16_t *)q.data;
    call.k = (const bf16_t *)k.data;
    call.v = (const bf16_t *)v.data;
    call.out = (bf16_t *)out.data;
    call.q_row = q.strides[0], call.q_head = q.strides[1];
    call.k_row = k.strides[0], call.k_head = k.strides[1];
    call.v_row = v.strides[0], call.v_head = v.strides[1];
    call.out_row = out.strides[0], call.out_head = out.strides[1];
    call.heads = (int)q.dims[1];
    call.group = (int)(q.dims[1] / k.dims[1]);
    call.width = (int)out.dims[2];
    call.sequences = how->seqs->count;
    for (int i = 0; i <= call.sequences; i++)
        call.offsets[i] = (int)how->seqs->offsets[i];
    call.causal = how->mask == MASK_CAUSAL;
    call.window = (int)how->window;
    call.scale = how->scale * 1.44269504f;
    call.out_pairs = call.out_row % 2 == 0 && call.out_head % 2 == 0 && (uintptr_t)out.data % 4 == 0;
    return call;
}

/* The width that the matrix kernels pad a head to. */
static int attention_padded(int64_t width) {
    static const int WIDTHS[] = {32, 64, 96, 128, 256, 512};
    int i = 0;
    while (WIDTHS[i] < width)
        i++;
    return WIDTHS[i];
}

/* The choice between the two matrix kernels. */
static Status attention_matrix(Cuda *cuda, const AttentionCall *call, int padded) {
    if (attention_wgmma_can(cuda, call, padded))
        return attention_wgmma(cuda, call, padded);
    return attention_mma(cuda, call, padded);
}

/* True when a matrix kernel can read the tensor as it is. */
static bool attention_in_place(Tensor t, int padded) {
    return t.dims[2] == padded && t.strides[0] % 8 == 0 && t.strides[1] % 8 == 0 &&
           (uintptr_t)t.data % 16 == 0;
}

/* Heads [from, from + count) of [rows, heads, width]. */
static Tensor attention_heads(Tensor t, int64_t from, int64_t count) {
    t.data = (bf16_t *)t.data + from * t.strides[1];
    t.dims[1] = count;
    return t;
}

/* A dense copy at `to` with padded heads. */
static Tensor attention_copy(Cuda *cuda, bf16_t *to, Tensor from, int padded) {
    int64_t rows = from.dims[0], heads = from.dims[1];
    unsigned blocks = (unsigned)divide_up(rows * heads * padded / 8, ATTENTION_PACK_THREADS);
    LAUNCH(attention_pack, blocks, ATTENTION_PACK_THREADS, 0, cuda->compute, to, (const bf16_t *)from.data,
           from.strides[0], from.strides[1], rows, (int)heads, (int)from.dims[2], padded);
    return tensor_3d(to, DT_BF16, rows, heads, padded);
}

/* q, k and v by way of copies, `count` kv heads at a time. */
static Status attention_copied(Cuda *cuda, Tensor out, const Tensor part[3], const AttentionHow *how,
                               int64_t count) {
    int64_t kv_heads = part[1].dims[1], group = part[0].dims[1] / kv_heads;
    int padded = attention_padded(out.dims[2]);
    for (int64_t first = 0; first < kv_heads; first += count) {
        int64_t heads = kv_heads - first < count ? kv_heads - first : count;
        bf16_t *to = (bf16_t *)(void *)cuda->scratch;
        Tensor copy[3];
        for (int i = 0; i < 3; i++) {
            int64_t each = i == 0 ? group : 1;
            copy[i] = attention_copy(cuda, to, attention_heads(part[i], first * each, heads * each), padded);
            to += tensor_count(copy[i]);
        }
        Tensor some = attention_heads(out, first * group, heads * group);
        AttentionCall call = attention_call(some, copy[0], copy[1], copy[2], how);
        TRY(attention_matrix(cuda, &call, padded));
    }
    return NULL;
}

Status cuda_attention(void *state, Tensor out, Tensor q, Tensor k, Tensor v, const AttentionHow *how) {
    Cuda *cuda = (Cuda *)state;
    if (q.type != DT_BF16 || q.dims[2] > ATTENTION_WIDTH_MAX || !(how->scale > 0))
        return plain_attention(cuda, out, q, k, v, how);
    int padded = attention_padded(q.dims[2]);
    if (attention_in_place(q, padded) && attention_in_place(k, padded) && attention_in_place(v, padded)) {
        AttentionCall call = attention_call(out, q, k, v, how);
        return attention_matrix(cuda, &call, padded);
    }
    size_t head_bytes = (size_t)(q.dims[0] * (q.dims[1] / k.dims[1] + 2) * padded) * sizeof(bf16_t);
    if (head_bytes > SCRATCH_BYTES)
        return plain_attention(cuda, out, q, k, v, how);
    const Tensor part[3] = {q, k, v};
    return attention_copied(cuda, out, part, how, (int64_t)(SCRATCH_BYTES / head_bytes));
}

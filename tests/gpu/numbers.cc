/* numbers.cc: the numbers and calls of NVIDIA's headers that gpu/ uses. It only has to compile, once with the
 * headers of the emulated device and, where there is a CUDA toolkit, once with NVIDIA's: then both say what
 * stands here (tests/gpu/numbers.sh). */
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <stddef.h>

#define SAME(name, number) static_assert((long)(name) == (number), #name " is not " #number)

SAME(cudaSuccess, 0);
SAME(cudaErrorInvalidValue, 1);
SAME(cudaErrorMemoryAllocation, 2);
SAME(cudaErrorInsufficientDriver, 35);
SAME(cudaErrorNoDevice, 100);
SAME(cudaErrorInvalidDevice, 101);
SAME(cudaErrorNoKernelImageForDevice, 209);
SAME(cudaErrorECCUncorrectable, 214);
SAME(cudaErrorNvlinkUncorrectable, 220);
SAME(cudaErrorIllegalAddress, 700);
SAME(cudaErrorLaunchTimeout, 702);
SAME(cudaErrorAssert, 710);
SAME(cudaErrorHardwareStackError, 714);
SAME(cudaErrorIllegalInstruction, 715);
SAME(cudaErrorMisalignedAddress, 716);
SAME(cudaErrorInvalidAddressSpace, 717);
SAME(cudaErrorInvalidPc, 718);
SAME(cudaErrorLaunchFailure, 719);
SAME(cudaErrorUnknown, 999);
SAME(cudaMemcpyHostToDevice, 1);
SAME(cudaMemcpyDeviceToHost, 2);
SAME(cudaMemcpyDeviceToDevice, 3);
SAME(cudaStreamNonBlocking, 1);
SAME(cudaEventDefault, 0);
SAME(cudaEventDisableTiming, 2);
SAME(cudaFuncAttributeMaxDynamicSharedMemorySize, 8);

SAME(CUBLAS_STATUS_SUCCESS, 0);
SAME(CUBLAS_STATUS_NOT_INITIALIZED, 1);
SAME(CUBLAS_STATUS_ALLOC_FAILED, 3);
SAME(CUBLAS_STATUS_INVALID_VALUE, 7);
SAME(CUBLAS_STATUS_EXECUTION_FAILED, 13);
SAME(CUBLAS_STATUS_NOT_SUPPORTED, 15);
SAME(CUBLAS_OP_N, 0);
SAME(CUBLAS_OP_T, 1);
SAME(CUBLAS_COMPUTE_32F, 68);
SAME(CUDA_R_32F, 0);
SAME(CUDA_R_16BF, 14);
SAME(CUDA_R_8F_E4M3, 28);
SAME(CUBLASLT_MATMUL_DESC_TRANSA, 3);
SAME(CUBLASLT_MATMUL_DESC_FAST_ACCUM, 25);
SAME(CUBLASLT_REDUCTION_SCHEME_NONE, 0);
SAME(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1);
SAME(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 3);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 5);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7);
SAME(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8);
SAME(sizeof(cublasOperation_t), 4); /* of the attribute TRANSA */
SAME(sizeof(cublasLtMatmulAlgo_t), 64);
SAME(offsetof(cublasLtMatmulHeuristicResult_t, algo), 0);
SAME(offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize), 64);
SAME(offsetof(cublasLtMatmulHeuristicResult_t, state), 72);

/* The calls: one that is declared otherwise does not fit its pointer. */
cudaError_t (*const runtime_of_sizes[])(void **, size_t) = {cudaMalloc, cudaMallocHost};
cudaError_t (*const runtime_of_blocks[])(void *) = {cudaFree, cudaFreeHost};
cudaError_t (*const runtime_of_numbers[])(int *) = {cudaGetDeviceCount, cudaGetDevice, cudaDriverGetVersion,
                                                    cudaRuntimeGetVersion};
cudaError_t (*const runtime_of_streams[])(cudaStream_t) = {cudaStreamSynchronize, cudaStreamDestroy};
cudaError_t (*const runtime_of_events[])(cudaEvent_t) = {cudaEventSynchronize, cudaEventDestroy};
cudaError_t (*const runtime_of_nothing[])() = {cudaGetLastError, cudaPeekAtLastError, cudaDeviceReset,
                                               cudaDeviceSynchronize};
cudaError_t (*const set_device)(int) = cudaSetDevice;
cudaError_t (*const memory)(size_t *, size_t *) = cudaMemGetInfo;
cudaError_t (*const stream_create)(cudaStream_t *, unsigned) = cudaStreamCreateWithFlags;
cudaError_t (*const stream_wait)(cudaStream_t, cudaEvent_t, unsigned) = cudaStreamWaitEvent;
cudaError_t (*const event_create)(cudaEvent_t *, unsigned) = cudaEventCreateWithFlags;
cudaError_t (*const event_record)(cudaEvent_t, cudaStream_t) = cudaEventRecord;
cudaError_t (*const event_time)(float *, cudaEvent_t, cudaEvent_t) = cudaEventElapsedTime;
cudaError_t (*const copy)(void *, const void *, size_t, cudaMemcpyKind, cudaStream_t) = cudaMemcpyAsync;
cudaError_t (*const copy_rows)(void *, size_t, const void *, size_t, size_t, size_t, cudaMemcpyKind,
                               cudaStream_t) = cudaMemcpy2DAsync;
const char *(*const error_text)(cudaError_t) = cudaGetErrorString;

size_t (*const lt_version)() = cublasLtGetVersion;
cublasStatus_t (*const lt_create)(cublasLtHandle_t *) = cublasLtCreate;
cublasStatus_t (*const lt_destroy)(cublasLtHandle_t) = cublasLtDestroy;
cublasStatus_t (*const lt_product)(cublasLtMatmulDesc_t *, cublasComputeType_t, cudaDataType_t) =
    cublasLtMatmulDescCreate;
cublasStatus_t (*const lt_product_set)(cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t, const void *,
                                       size_t) = cublasLtMatmulDescSetAttribute;
cublasStatus_t (*const lt_layout)(cublasLtMatrixLayout_t *, cudaDataType_t, uint64_t, uint64_t, int64_t) =
    cublasLtMatrixLayoutCreate;
cublasStatus_t (*const lt_preference_set)(cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t,
                                          const void *, size_t) = cublasLtMatmulPreferenceSetAttribute;
cublasStatus_t (*const lt_heuristic)(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t,
                                     cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                     cublasLtMatmulPreference_t, int, cublasLtMatmulHeuristicResult_t *,
                                     int *) = cublasLtMatmulAlgoGetHeuristic;
cublasStatus_t (*const lt_multiply)(cublasLtHandle_t, cublasLtMatmulDesc_t, const void *, const void *,
                                    cublasLtMatrixLayout_t, const void *, cublasLtMatrixLayout_t,
                                    const void *, const void *, cublasLtMatrixLayout_t, void *,
                                    cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t *, void *, size_t,
                                    cudaStream_t) = cublasLtMatmul;

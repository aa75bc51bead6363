/* module.cu: the backend's table, and the one symbol that the program sees of the module. */
#include "gpu/ops.cuh"
#include "gpu/runtime.cuh"

void runtime_entries(Backend *table);
void weight_entries(Backend *table);

static Backend module_table;

extern "C" __attribute__((visibility("default"))) const Backend *nb_backend_entry(int version) {
    if (version != BACKEND_VERSION)
        return NULL;
    Backend *table = &module_table;
    table->version = BACKEND_VERSION;
    table->name = "cuda";
    runtime_entries(table);
    weight_entries(table);
#define MODULE_ENTRY(op, ...) table->op = cuda_##op;
    OPS_LIST(MODULE_ENTRY)
#undef MODULE_ENTRY
    return table;
}

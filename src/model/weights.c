/* weights.c: walks the tables of weights.h: names, shapes, checking, packing, freeing. Knows no network.
 * Source: architecture.md 3 and 7 (weights table), product.md 12 rows 5, 6, 8. */
#include "config.h"

#include "model/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "model/adapter.h"
#include "model/stream.h"
#include "ops/backend.h"

enum { LAYERS_MAX = 1000, NAMED_PROBLEMS = 3 };

WeightScope *weights_scope(WeightList *list, void *object, const WeightRow *rows, int row_count) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        list->scopes = must_realloc(list->scopes, sizeof *list->scopes * (size_t)list->capacity);
    }
    WeightScope *scope = &list->scopes[list->count++];
    *scope = (WeightScope){.object = object, .rows = rows, .row_count = row_count};
    return scope;
}

/* ---- reading the table --------------------------------------------------------------------------------- */

static const char *row_text(const WeightRow *row, int naming) {
    while (naming > 0 && !row->modules[naming])
        naming--;
    return row->modules[naming];
}

static const char *scope_prefix(const WeightScope *scope, int naming) {
    while (naming > 0 && !scope->prefix[naming][0])
        naming--;
    return scope->prefix[naming];
}

/* One module of a row: its full name without ".weight", and the shape of its weight. */
typedef struct Module {
    char name[WEIGHT_NAME_MAX];
    int rank;
    int64_t dims[4]; /* 0: unknown */
} Module;

/* The value of "Q+2K" up to ',' or ']'; 0 when a letter is unknown. Moves *text behind it. */
static int64_t read_dim(const char **text, const WeightScope *scope) {
    int64_t sum = 0;
    bool known = true;
    const char *c = *text;
    while (*c != ',' && *c != ']') {
        int64_t factor = 0;
        bool digits = false;
        for (; *c >= '0' && *c <= '9'; c++, digits = true)
            factor = 10 * factor + (*c - '0');
        int64_t term = digits ? factor : 1;
        if (*c >= 'A' && *c <= 'Z') {
            int64_t value = scope->symbol[WEIGHT_SYMBOL(*c++)];
            known = known && value > 0;
            term *= value;
        }
        sum += term;
        if (*c == '+')
            c++;
    }
    *text = c;
    return known ? sum : 0;
}

/* Reads the next "name[shape]" of a row; false at the end. */
static bool next_module(Module *out, const char **text, const WeightList *list, const WeightScope *scope) {
    const char *c = *text;
    while (*c == ' ')
        c++;
    if (!*c)
        return false;
    size_t length = strcspn(c, "[");
    snprintf(out->name, sizeof out->name, "%s%s%.*s", list->prefix ? list->prefix : "",
             scope_prefix(scope, list->naming), (int)length, c);
    c += length;
    out->rank = 0;
    do {
        c++; /* over '[' or ',' */
        out->dims[out->rank++] = read_dim(&c, scope);
    } while (*c == ',');
    *text = c + 1;
    return true;
}

static bool has_bias(WeightForm form) {
    return form == FORM_MATRIX_BIAS || form == FORM_MODULATION || form == FORM_CONV_BIAS || form == FORM_NORM;
}

typedef void ModuleVisit(void *context, const Module *module, WeightForm form);

static void each_module(const WeightList *list, ModuleVisit *visit, void *context) {
    Module module;
    for (int s = 0; s < list->count; s++)
        for (int r = 0; r < list->scopes[s].row_count; r++) {
            const WeightRow *row = &list->scopes[s].rows[r];
            const char *text = row_text(row, list->naming);
            while (next_module(&module, &text, list, &list->scopes[s]))
                visit(context, &module, row->form);
        }
}

typedef struct Each {
    WeightVisit *visit;
    void *context;
} Each;

static void each_tensor(void *context, const Module *module, WeightForm form) {
    const Each *each = context;
    char name[WEIGHT_NAME_MAX + 16];
    ExpectedTensor tensor = {.name = name, .rank = module->rank, .form = form};
    memcpy(tensor.dims, module->dims, sizeof tensor.dims);
    snprintf(name, sizeof name, "%s.weight", module->name);
    each->visit(each->context, &tensor);
    if (!has_bias(form))
        return;
    snprintf(name, sizeof name, "%s.bias", module->name);
    tensor.rank = 1;
    each->visit(each->context, &tensor);
}

void weights_each(const WeightList *list, WeightVisit *visit, void *context) {
    Each each = {visit, context};
    each_module(list, each_tensor, &each);
}

/* ---- checking ------------------------------------------------------------------------------------------ */

typedef struct Check {
    const SafeTensors *file;
    Map known;            /* names of the file that the list accounts for */
    Buf missing;          /* the first missing name */
    Buf wrong;            /* sentences of the first few misshapen or unreadable tensors */
    Buf unknown;          /* the sentence of the first tensor with a dimension that nothing tells */
    int total, missing_count, shape_count, type_count;
    uint64_t bytes;       /* of all tensors there are */
} Check;

/* [192, ?, 3, 3]: unknown dimensions as "?", unless they are what a file has. */
static void print_dims(Buf *out, int rank, const int64_t *dims, char zero) {
    buf_byte(out, '[');
    for (int i = 0; i < rank; i++) {
        buf_text(out, i ? ", " : "");
        if (dims[i])
            buf_print(out, "%lld", (long long)dims[i]);
        else
            buf_byte(out, zero);
    }
    buf_byte(out, ']');
}

static bool has_unknown(int rank, const int64_t *dims) {
    for (int i = 0; i < rank; i++)
        if (!dims[i])
            return true;
    return false;
}

/* Same shape, but for unknown dimensions and for 1s at the end: [512, 512, 1, 1] is [512, 512], [] is [1]. */
static bool shape_fits(const SafeTensor *tensor, int rank, const int64_t *dims) {
    for (int i = 0; i < rank || i < tensor->rank; i++) {
        int64_t expected = i < rank ? dims[i] : 1, found = i < tensor->rank ? tensor->dims[i] : 1;
        if (expected && expected != found)
            return false;
    }
    return true;
}

static void add_wrong(Check *check, const char *sentence) {
    log_line(LOG_WARN, "%s", sentence);
    if (check->shape_count + check->type_count <= NAMED_PROBLEMS)
        buf_print(&check->wrong, "%s%s", check->wrong.size ? "; " : "", sentence);
}

static void check_type(Check *check, const SafeTensor *tensor) {
    if (tensor->type == DT_F32 || tensor->type == DT_F16 || tensor->type == DT_BF16)
        return;
    Buf sentence = {0};
    buf_print(&sentence, "%s is stored as %s; readable are f32 f16 bf16", tensor->name,
              dtype_name(tensor->type));
    check->type_count++;
    add_wrong(check, buf_string(&sentence));
    buf_done(&sentence);
}

/* An unknown dimension fits everything: it follows from a tensor that is missing, which is told. When nothing
 * is missing, check_verdict tells the first of them instead. */
static void check_shape(Check *check, const SafeTensor *tensor, int rank, const int64_t *dims) {
    bool fits = tensor->count > 0 && shape_fits(tensor, rank, dims);
    if (fits && (!has_unknown(rank, dims) || check->unknown.size))
        return;
    Buf sentence = {0};
    buf_print(&sentence, "%s is ", tensor->name);
    print_dims(&sentence, tensor->rank, tensor->dims, '0');
    buf_text(&sentence, ", expected ");
    print_dims(&sentence, rank, dims, '?');
    if (fits) {
        buf_text(&check->unknown, buf_string(&sentence));
    } else {
        check->shape_count++;
        add_wrong(check, buf_string(&sentence));
    }
    buf_done(&sentence);
}

static void check_tensor(Check *check, const SafeTensor *tensor, const char *name,
                         const ExpectedTensor *expected) {
    check->total++;
    if (!tensor) {
        if (expected->form == FORM_UNUSED)
            return;
        log_line(LOG_WARN, "%s is missing", name);
        if (!check->missing_count++)
            buf_text(&check->missing, name);
        return;
    }
    map_put(&check->known, tensor->name, strlen(tensor->name), 1);
    if (expected->form == FORM_UNUSED)
        return;
    check->bytes += tensor->bytes;
    check_shape(check, tensor, expected->rank, expected->dims);
    check_type(check, tensor);
}

static void check_module(void *context, const Module *module, WeightForm form) {
    Check *check = context;
    char name[WEIGHT_NAME_MAX + 16];
    ExpectedTensor expected = {.rank = module->rank, .form = form};
    memcpy(expected.dims, module->dims, sizeof expected.dims);
    snprintf(name, sizeof name, "%s.weight", module->name);
    check_tensor(check, adapter_weight(check->file, module->name), name, &expected);
    if (!has_bias(form))
        return;
    snprintf(name, sizeof name, "%s.bias", module->name);
    expected.rank = 1;
    check_tensor(check, safetensors_find(check->file, name), name, &expected);
}

/* Tensors that belong to nothing we know: said in the log, they do no harm. */
static void log_unknown(const Check *check, const WeightList *list) {
    const char *prefix = list->prefix ? list->prefix : "";
    size_t count = 0;
    Buf names = {0};
    for (size_t i = 0; i < safetensors_count(check->file); i++) {
        const char *name = safetensors_at(check->file, i)->name;
        if (strncmp(name, prefix, strlen(prefix)) || strstr(name, ".parametrizations.") ||
            map_get(&check->known, name, strlen(name), NULL))
            continue;
        if (count++ < NAMED_PROBLEMS)
            buf_print(&names, "%s%s", names.size ? ", " : "", name);
    }
    if (count)
        log_line(LOG_INFO, "%zu tensors of %s are not used by the %s: %s%s", count,
                 safetensors_path(check->file), list->part, buf_string(&names),
                 count > NAMED_PROBLEMS ? ", ..." : "");
    buf_done(&names);
}

#define OTHER_VERSION "the file may be pruned or of another version"

static Status check_verdict(const Check *check, const char *part) {
    int wrong = check->shape_count + check->type_count;
    if (!check->missing_count && !wrong)
        return check->unknown.size ? hint(fail(ERR_FORMAT, "%s", buf_string(&check->unknown)), OTHER_VERSION)
                                   : NULL;
    Buf sentence = {0};
    if (check->missing_count) {
        buf_print(&sentence, "the %s lacks %d of %d tensors: %s", part, check->missing_count, check->total,
                  buf_string(&check->missing));
        if (check->missing_count > 1)
            buf_print(&sentence, " and %d more", check->missing_count - 1);
    }
    if (wrong)
        buf_print(&sentence, "%s%s", sentence.size ? "; " : "", buf_string(&check->wrong));
    if (wrong > NAMED_PROBLEMS)
        buf_print(&sentence, "; and %d more", wrong - NAMED_PROBLEMS);
    Status st = fail(ERR_FORMAT, "%s", buf_string(&sentence));
    buf_done(&sentence);
    if (check->missing_count)
        return hint(st, ":log FILE and :model PATH again list all of them");
    return check->shape_count ? hint(st, OTHER_VERSION)
                              : hint(st, "use the bf16 file");
}

static Status check_file(uint64_t *bytes, const WeightList *list, const SafeTensors *file) {
    Check check = {.file = file};
    map_reserve(&check.known, safetensors_count(file));
    each_module(list, check_module, &check);
    Status st = check_verdict(&check, list->part);
    if (!st)
        log_unknown(&check, list);
    *bytes = check.bytes;
    map_done(&check.known);
    buf_done(&check.missing);
    buf_done(&check.wrong);
    buf_done(&check.unknown);
    return st;
}

/* ---- where the matrices are ---------------------------------------------------------------------------- */

int weights_of_row(Weight *out[WEIGHTS_PER_ROW], void *object, const WeightRow *row, unsigned group) {
    void *field = (char *)object + row->field;
    if ((row->form == FORM_MODULATION) != (group == GROUP_MODULATION))
        return 0;
    switch (row->form) {
    case FORM_MATRIX:
    case FORM_MATRIX_BIAS:
    case FORM_GLU: out[0] = field; return 1;
    case FORM_MODULATION:
        out[0] = &((ModulationWeights *)field)->scale;
        out[1] = &((ModulationWeights *)field)->gate;
        return 2;
    default: return 0;
    }
}

static unsigned group_of(const WeightScope *scope, const WeightRow *row) {
    return row->form == FORM_MODULATION ? GROUP_MODULATION : scope->group;
}

typedef void MatrixVisit(void *context, Weight *weight, unsigned group);

/* Every matrix of a row that belongs to a group. */
static void each_of_row(const WeightScope *scope, const WeightRow *row, MatrixVisit *visit, void *context) {
    Weight *weight[WEIGHTS_PER_ROW];
    unsigned group = group_of(scope, row);
    int count = group ? weights_of_row(weight, scope->object, row, group) : 0;
    for (int i = 0; i < count; i++)
        visit(context, weight[i], group);
}

static void each_of_scope(const WeightScope *scope, MatrixVisit *visit, void *context) {
    for (int r = 0; r < scope->row_count; r++)
        each_of_row(scope, &scope->rows[r], visit, context);
}

static void each_matrix(const WeightList *list, MatrixVisit *visit, void *context) {
    for (int s = 0; s < list->count; s++)
        each_of_scope(&list->scopes[s], visit, context);
}

static void send_streamed(void *context, Weight *weight, unsigned group) {
    Ops *o = context;
    if (group & o->streamed)
        weight_send(o, weight);
}

static void fetch_others(void *context, Weight *weight, unsigned group) {
    Ops *o = context;
    if (!(group & o->streamed))
        weight_fetch(o, weight);
}

/* ---- pieces of device memory that matrices share ------------------------------------------------------- */

/* Scopes of one group that follow each other share pieces of about this many bytes: a layer of the large
 * network, a few of a small one. */
enum { PIECE_BYTES = 128 << 20 };

static size_t piece_part(size_t bytes) {
    return (bytes + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
}

/* Bytes on the device of one row's matrices, as the file will make them. */
static size_t row_to_load(const WeightList *list, const WeightScope *scope, const WeightRow *row, Ops *o,
                          const SafeTensors *file) {
    static const WeightKind KINDS[] = {[FORM_GLU] = WEIGHT_GLU, [FORM_CONV_BIAS] = WEIGHT_CONV,
                                       [FORM_UNUSED] = WEIGHT_LINEAR};
    bool modulation = row->form == FORM_MODULATION;
    WeightParts parts = {.kind = KINDS[row->form], .bits = scope->bits};
    Weight w = {.kind = parts.kind, .kernel = 1};
    Module module;
    const char *text = row_text(row, list->naming);
    while (parts.count < WEIGHT_PARTS_MAX && next_module(&module, &text, list, scope)) {
        const SafeTensor *tensor = adapter_weight(file, module.name);
        bool plain = tensor && !strstr(tensor->name, ".parametrizations."); /* else merged in float32 */
        parts.part[parts.count++].type = plain ? tensor->type : DT_F32;
        w.out += module.dims[0] / (modulation ? 2 : 1);
        w.in = module.dims[1];
        w.kernel = module.rank == 4 ? (int)module.dims[2] : 1;
    }
    parts.bias[0].data = has_bias(row->form) ? (void *)list : NULL; /* that there is one is all that counts */
    return piece_part(o->backend->weight_bytes(o->state, &w, &parts)) * (modulation ? 2 : 1);
}

typedef struct PieceCount {
    const Ops *o;
    unsigned group;
    size_t bytes;
} PieceCount;

static void count_to_fetch(void *context, Weight *weight, unsigned group) {
    PieceCount *count = context;
    if ((group & count->o->streamed) || weight->packed || !weight->host)
        return;
    count->group = group;
    count->bytes += piece_part(weight->bytes);
}

/* What a scope will take of the device: to be loaded from the file, or, without one, to come back. */
static PieceCount scope_to_come(const WeightList *list, const WeightScope *scope, Ops *o,
                                const SafeTensors *file) {
    PieceCount count = {.o = o};
    if (!file)
        each_of_scope(scope, count_to_fetch, &count);
    for (int r = 0; r < scope->row_count && file; r++) {
        WeightForm form = scope->rows[r].form;
        bool matrix = form <= FORM_CONV_BIAS;
        if (!matrix || (group_of(scope, &scope->rows[r]) & o->streamed))
            continue;
        count.group = group_of(scope, &scope->rows[r]);
        count.bytes += row_to_load(list, scope, &scope->rows[r], o, file);
    }
    return count;
}

/* Opens the piece of scope `first` and those that share it; returns the first scope behind them. */
static int open_piece(const WeightList *list, int first, Ops *o, const SafeTensors *file) {
    size_t bytes = 0;
    unsigned group = 0;
    int end = first;
    if (!o->backend->share || !o->backend->weight_bytes)
        return list->count;
    for (; end < list->count && bytes < PIECE_BYTES; end++) {
        PieceCount count = scope_to_come(list, &list->scopes[end], o, file);
        if (bytes && count.bytes && count.group != group)
            break;
        group = count.bytes ? count.group : group;
        bytes += count.bytes;
    }
    ops_share(o, bytes);
    return end;
}

/* ---- moving them --------------------------------------------------------------------------------------- */

static void find_twice(void *context, Weight *weight, unsigned group) {
    (void)group;
    *(bool *)context |= weight->packed && weight->host && !weight->keep_host;
}

static void forget_host(void *context, Weight *weight, unsigned group) {
    (void)group;
    weight_forget_host(context, weight);
}

void weights_settle(WeightList *list, Ops *o) {
    bool twice = false;
    each_matrix(list, send_streamed, o);
    for (int s = 0, end = 0; s < list->count; s++) {
        if (s == end)
            end = open_piece(list, s, o, NULL);
        each_of_scope(&list->scopes[s], fetch_others, o);
    }
    ops_share(o, 0);
    ops_event_mark(o, EVENT_SETTLED, STREAM_COPY);
    ops_event_wait(o, EVENT_SETTLED, STREAM_COMPUTE);
    each_matrix(list, find_twice, &twice);
    if (!twice)
        return;
    Status st = o->backend->sync(o->state); /* also after an error: the copies read what is freed here */
    ops_fail(o, st);
    each_matrix(list, forget_host, o);
}

typedef struct ByteCount {
    unsigned groups; /* 0: what is on the host only */
    size_t bytes;
} ByteCount;

static void count_bytes(void *context, Weight *weight, unsigned group) {
    ByteCount *count = context;
    if (count->groups ? (group & count->groups) != 0 : !weight->packed)
        count->bytes += weight->bytes;
}

size_t weights_group_bytes(const WeightList *list, unsigned groups) {
    ByteCount count = {.groups = groups};
    if (groups)
        each_matrix(list, count_bytes, &count);
    return count.bytes;
}

size_t weights_away_bytes(const WeightList *list) {
    ByteCount count = {0};
    each_matrix(list, count_bytes, &count);
    return count.bytes;
}

/* ---- packing ------------------------------------------------------------------------------------------- */

/* The modules of one row on the host, while it is packed. */
typedef struct RowSource {
    int count;
    WeightBits bits;
    Module module[WEIGHT_PARTS_MAX];
    HostWeight weight[WEIGHT_PARTS_MAX];
    const SafeTensor *bias[WEIGHT_PARTS_MAX]; /* NULL without */
    const struct FileMap *map[WEIGHT_PARTS_MAX];
    WeightPlace place;
} RowSource;

/* One load of a list. */
typedef struct Loading {
    WeightList *list;
    Ops *o;
    const SafeTensors *file;
    AdapterHow adapters; /* the team owned */
    uint64_t done;       /* bytes of the file */
} Loading;

static Status source_open(RowSource *source, const Loading *loading, const WeightScope *scope,
                          const WeightRow *row) {
    const WeightList *list = loading->list;
    const SafeTensors *file = loading->file;
    *source = (RowSource){.bits = scope->bits};
    const char *text = row_text(row, list->naming);
    while (source->count < WEIGHT_PARTS_MAX &&
           next_module(&source->module[source->count], &text, list, scope)) {
        int i = source->count++;
        TRY(adapter_merge(&source->weight[i], file, source->module[i].name, &loading->adapters));
        bool merged = source->weight[i].owned || !source->weight[i].source;
        source->map[i] = merged ? NULL : safetensors_map(file, source->weight[i].source);
        if (has_bias(row->form)) {
            char name[WEIGHT_NAME_MAX + 16];
            snprintf(name, sizeof name, "%s.bias", source->module[i].name);
            source->bias[i] = safetensors_find(file, name);
        }
    }
    return NULL;
}

static uint64_t source_bytes(const RowSource *source) {
    uint64_t bytes = 0;
    for (int i = 0; i < source->count; i++)
        bytes += (source->weight[i].source ? source->weight[i].source->bytes : 0) +
                 (source->bias[i] ? source->bias[i]->bytes : 0);
    return bytes;
}

static void source_close(RowSource *source, const SafeTensors *file, WeightForm form) {
    for (int i = 0; i < source->count; i++) {
        free(source->weight[i].owned);
        if (source->weight[i].source && form != FORM_TABLE)
            safetensors_forget(file, source->weight[i].source);
    }
}

/* The weight in the shape of the table: a file may add or leave out 1s at the end of its dimensions. */
static Tensor matrix_view(const RowSource *source, int i) {
    const int64_t *dims = source->module[i].dims;
    Tensor view = source->weight[i].view;
    return source->module[i].rank == 4 ? tensor_4d(view.data, view.type, dims[0], dims[1], dims[2], dims[3])
                                       : tensor_2d(view.data, view.type, dims[0], dims[1]);
}

static void pack_matrix(Ops *o, Weight *field, const RowSource *source, WeightKind kind) {
    WeightParts parts = {.kind = kind, .count = source->count, .bits = source->bits, .place = source->place};
    for (int i = 0; i < source->count; i++) {
        parts.part[i] = matrix_view(source, i);
        parts.file[i] = source->map[i];
        parts.bias[i] = source->bias[i] ? host_view(source->bias[i]) : NO_TENSOR;
    }
    weight_pack(o, field, &parts);
}

/* Row blocks 0 and 2 of the module are scales, 1 and 3 are gates (model-spec 2.7). */
static void pack_modulation(Ops *o, ModulationWeights *field, const RowSource *source) {
    Tensor weight = matrix_view(source, 0), bias = host_view(source->bias[0]);
    int64_t rows = weight.dims[0] / 4;
    for (int gate = 0; gate < 2; gate++) {
        WeightParts parts = {.kind = WEIGHT_LINEAR, .count = 2, .place = source->place};
        for (int i = 0; i < 2; i++) {
            parts.file[i] = source->map[0];
            parts.part[i] = tensor_rows(weight, (2 * i + gate) * rows, rows);
            parts.bias[i] = tensor_rows(bias, (2 * i + gate) * rows, rows);
        }
        weight_pack(o, gate ? &field->gate : &field->scale, &parts);
    }
}

static void pack_row(Ops *o, void *field, WeightForm form, RowSource *source) {
    switch (form) {
    case FORM_MATRIX:
    case FORM_MATRIX_BIAS: pack_matrix(o, field, source, WEIGHT_LINEAR); break;
    case FORM_GLU: pack_matrix(o, field, source, WEIGHT_GLU); break;
    case FORM_CONV_BIAS: pack_matrix(o, field, source, WEIGHT_CONV); break;
    case FORM_MODULATION: pack_modulation(o, field, source); break;
    case FORM_VECTOR: *(Tensor *)field = ops_parameter(o, source->weight[0].view); break;
    case FORM_NORM:
        ((NormWeights *)field)->w = ops_parameter(o, source->weight[0].view);
        ((NormWeights *)field)->b = ops_parameter(o, host_view(source->bias[0]));
        break;
    case FORM_TABLE:
        *(HostTable *)field = (HostTable){source->weight[0].view, source->weight[0].owned};
        source->weight[0].owned = NULL;
        break;
    case FORM_UNUSED: break;
    }
}

static Status load_row(Loading *loading, const WeightScope *scope, const WeightRow *row) {
    RowSource source;
    Ops *o = loading->o;
    Status st = source_open(&source, loading, scope, row);
    if (!st) {
        loading->done += source_bytes(&source);
        source.place = group_of(scope, row) & o->streamed ? PLACE_HOST : PLACE_DEVICE;
        pack_row(o, (char *)scope->object + row->field, row->form, &source);
        each_of_row(scope, row, send_streamed, o); /* at once: all of them may not fit on the device */
    }
    source_close(&source, loading->file, row->form);
    return st ? st : ops_status(o);
}

/* ---- per field: bytes and freeing ---------------------------------------------------------------------- */

static size_t vector_bytes(Tensor t) {
    return t.data ? sizeof(float) * (size_t)tensor_count(t) : 0;
}

static size_t field_bytes(const void *field, WeightForm form) {
    switch (form) {
    case FORM_MATRIX:
    case FORM_MATRIX_BIAS:
    case FORM_GLU:
    case FORM_CONV_BIAS: return ((const Weight *)field)->bytes;
    case FORM_MODULATION:
        return ((const ModulationWeights *)field)->scale.bytes +
               ((const ModulationWeights *)field)->gate.bytes;
    case FORM_VECTOR: return vector_bytes(*(const Tensor *)field);
    case FORM_NORM:
        return vector_bytes(((const NormWeights *)field)->w) + vector_bytes(((const NormWeights *)field)->b);
    case FORM_TABLE:
    case FORM_UNUSED: break;
    }
    return 0;
}

static void free_weight(Ops *o, Weight *w) {
    weight_free(o, w);
}

static void free_vector(Ops *o, Tensor *t) {
    if (t->data)
        ops_mem_free(o, t->data, vector_bytes(*t));
    *t = NO_TENSOR;
}

static void free_field(Ops *o, void *field, WeightForm form) {
    switch (form) {
    case FORM_MATRIX:
    case FORM_MATRIX_BIAS:
    case FORM_GLU:
    case FORM_CONV_BIAS: free_weight(o, field); break;
    case FORM_MODULATION:
        free_weight(o, &((ModulationWeights *)field)->scale);
        free_weight(o, &((ModulationWeights *)field)->gate);
        break;
    case FORM_VECTOR: free_vector(o, field); break;
    case FORM_NORM:
        free_vector(o, &((NormWeights *)field)->w);
        free_vector(o, &((NormWeights *)field)->b);
        break;
    case FORM_TABLE:
        free(((HostTable *)field)->owned);
        *(HostTable *)field = (HostTable){0};
        break;
    case FORM_UNUSED: break;
    }
}

static void free_fields(WeightList *list, Ops *o) {
    for (int s = 0; s < list->count; s++)
        for (int r = 0; r < list->scopes[s].row_count; r++) {
            const WeightRow *row = &list->scopes[s].rows[r];
            free_field(o, (char *)list->scopes[s].object + row->field, row->form);
        }
    list->bytes = 0;
}

/* ---- the whole list ------------------------------------------------------------------------------------ */

static Status load_rows(Loading *loading, const LoadHow *how, uint64_t total) {
    WeightList *list = loading->list;
    for (int s = 0, end = 0; s < list->count; s++) {
        const WeightScope *scope = &list->scopes[s];
        if (s == end)
            end = open_piece(list, s, loading->o, loading->file);
        for (int r = 0; r < scope->row_count; r++) {
            TRY(load_row(loading, scope, &scope->rows[r]));
            list->bytes += field_bytes((char *)scope->object + scope->rows[r].field, scope->rows[r].form);
            if (how && how->progress)
                how->progress(how->context, loading->done, total);
        }
    }
    return NULL;
}

/* Two to four threads share the merging of adapters, as they do the filling of a card's buffers; without them
 * the caller does it alone. */
static Team *merging_team(void) {
    enum { MOST = 4 };
    Team *team = NULL;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (processors > 1 && team_open(&team, (int)(processors < MOST ? processors : MOST)))
        return NULL;
    return team;
}

Status weights_load(WeightList *list, Ops *o, const SafeTensors *file, const LoadHow *how) {
    uint64_t total;
    Loading loading = {.list = list, .o = o, .file = file};
    TRY(check_file(&total, list, file));
    loading.adapters.work = o->backend->dry ? ADAPTER_CHECK : ADAPTER_MERGE;
    if (!o->backend->dry && adapter_any(file))
        loading.adapters.team = merging_team();
    Status st = load_rows(&loading, how, total);
    team_close(loading.adapters.team);
    ops_share(o, 0);
    if (st)
        free_fields(list, o);
    return st;
}

void weights_free(WeightList *list, Ops *o) {
    free_fields(list, o);
    free(list->prefix);
    free(list->scopes);
    *list = (WeightList){0};
}

/* ---- shapes of a file ---------------------------------------------------------------------------------- */

const SafeTensor *weights_find(const SafeTensors *file, const char *prefix, const char *name) {
    char full[WEIGHT_NAME_MAX + 16];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const SafeTensor *tensor = safetensors_find(file, full);
    size_t length = strlen(full);
    if (tensor || length < 7 || strcmp(full + length - 7, ".weight"))
        return tensor;
    full[length - 7] = '\0';
    return adapter_weight(file, full);
}

int64_t weights_dim(const SafeTensors *file, const char *prefix, const char *name, int axis) {
    const SafeTensor *tensor = weights_find(file, prefix, name);
    return tensor && tensor->count > 0 && axis < tensor->rank ? tensor->dims[axis] : 0;
}

int64_t weights_layers(const SafeTensors *file, const char *prefix, const char *stem) {
    char start[WEIGHT_NAME_MAX];
    snprintf(start, sizeof start, "%s%s", prefix, stem);
    size_t length = strlen(start);
    int64_t layers = 0;
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const char *name = safetensors_at(file, i)->name;
        if (strncmp(name, start, length))
            continue;
        int64_t number = -1;
        for (const char *c = name + length; *c >= '0' && *c <= '9' && number < LAYERS_MAX; c++)
            number = (number < 0 ? 0 : 10 * number) + (*c - '0');
        if (number >= layers && number < LAYERS_MAX)
            layers = number + 1;
    }
    return layers;
}

/* expected.h: every tensor of a checkpoint of a given configuration, with name and shape. For synthetic
 * checkpoints: tests write small ones, the benchmark a full-size one.
 *
 * naming: 0 is what most files have (the lab's names; the single-file names; BFL's names), 1 the diffusers
 * names (not for Gemma and Jina), 2 the old diffusers names of the VAE's attention. Names carry no prefix but
 * what the text encoders have in single files, "model.". */
#pragma once

#include "model/gemma.h"
#include "model/jina.h"
#include "model/vae.h"
#include "model/weights.h"

void dit_expected(const DitConfig *config, int naming, WeightVisit *visit, void *context);
void gemma_expected(const GemmaConfig *config, WeightVisit *visit, void *context);
void jina_expected(const JinaConfig *config, WeightVisit *visit, void *context);
void vae_expected(const VaeConfig *config, int naming, WeightVisit *visit, void *context);

/* The published model, model-spec.md 2.1, 3.1, 4.1, 5.1. */
extern const DitConfig DIT_FULL_SIZE;
extern const GemmaConfig GEMMA_FULL_SIZE;
extern const JinaConfig JINA_FULL_SIZE;
extern const VaeConfig VAE_FULL_SIZE;

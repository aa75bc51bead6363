/* quality.h: how near a precision is to bf16 on the same device and weights: the last two gates of
 * performance.md 3.8. They say something only about the weights they are tried with. */
#pragma once

#include "engine/session.h"

enum { QUALITY_TIMES = 3 };

/* A velocity of the transformer beside that in bf16, from the same text states and latent. */
typedef struct VelocityGate {
    double time;               /* of the model: 0 noise, 1 picture */
    double difference, cosine; /* relative L2 of one from the other; not finite when something broke */
} VelocityGate;

typedef struct Quality {
    double median, worst;      /* PSNR in dB over the pictures; infinite when they are equal */
    int pictures, black;       /* made of each; of the precision's, those that are one flat colour */
    VelocityGate velocity[QUALITY_TIMES];
    double most, least;        /* difference and cosine that pass in this precision */
} Quality;
#define QUALITY_PSNR 25.0 /* the least median that passes, in dB */

/* Makes ten prompts with two seeds each in both precisions, and velocities at three times on the way from
 * noise to the first of these pictures. options: the model and the precision that is asked about. Size and
 * steps of `like` are used. Errors: those of session_open and run_job, a picture that is no number among
 * them. */
Status quality_run(Quality *out, const SessionOptions *options, const Job *like);

/* NULL when every gate is passed, else ERR_BUG with the first that is not. */
Status quality_judge(const Quality *quality);

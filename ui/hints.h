/* hints.h: the last row of the full surface: what is worth knowing about the text being typed, and the keys
 * that do something now. Facts come from app/hint.h. */
#pragma once

#include "app/hint.h"
#include "app/view.h"
#include "ui/canvas.h"

typedef enum HintTyping {
    HINT_EMPTY, /* the edit area is empty */
    HINT_TYPED,
} HintTyping;

void hints_draw(Canvas *canvas, int row, const View *view, const Hint *hint, HintTyping typing);

/* image.h: pixels to what a terminal can show: half blocks (text with two colours a cell), or the bytes of
 * Kitty, iTerm2 or sixel. Writes into a Buf, knows no cursor and no screen. product.md F3.
 *
 * The surface keeps free cells where the picture is (image_fit says how many) and fills them itself:
 *
 *   ImageBox box = image_fit(&image, (ImageBox){most columns, most rows}, &caps);
 *   image_cells(cells, &image, box, depth);        kept; also for a picture in real pixels, for the time it
 *                                                  is not wholly visible
 *   ESC 7, ESC [ m; ImagePen pen = IMAGE_PEN;      for each run of cells that differ from what is shown:
 *       ESC [ row ; column H; image_paint(&bytes, &pen, run, count, depth);
 *   ESC 8                                          brings cursor and colours back
 *
 *   or ESC 7, ESC [ row ; column H, image_escape(&bytes, &image, box, &caps), ESC 8, and image_erase before
 *   the cells are used for something else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "app/report.h"
#include "base/buf.h"
#include "ui/caps.h"

typedef struct ImageBox { int columns, rows; } ImageBox; /* cells */

/* True when this build can write the protocol: iTerm2 and sixel need libchafa. */
bool image_can(ImageProtocol protocol);

/* Cells for a picture in at most `most` (each at least 1): aspect kept, never larger than 1:1. One pixel a
 * column and two a row for half blocks, the cell size of `caps` for a protocol of real pixels; a box holds
 * its picture in half blocks just as well. The picture begins at the upper left corner; cells that it fills
 * only in part show the background in the rest. */
ImageBox image_fit(const Image *image, ImageBox most, const Caps *caps);

/* A copy with no side of more than `side` pixels, aspect kept, each pixel an area average; its pixels are
 * owned by the caller (free). */
Image image_reduced(const Image *image, int side);

/* ---- half blocks --------------------------------------------------------------------------------------- */

#define IMAGE_CLEAR UINT32_MAX /* no colour: the terminal's background */

/* The colours of the upper and the lower half: 0xRRGGBB at DEPTH_24BIT, else the number in the terminal's
 * palette. Cells that look alike are equal, so they can be compared. */
typedef struct ImageCell { uint32_t top, bottom; } ImageCell;

/* Fills cells [rows, columns]: each half the exact area average of its pixels (of the stored values, not of
 * light), dithered by a fixed pattern where there are few colours, so that equal parts of two previews get
 * equal cells. depth is not DEPTH_NONE. */
void image_cells(ImageCell *cells, const Image *image, ImageBox box, ColorDepth depth);

/* The colours that the terminal has now; image_paint leaves out what is set already. */
typedef struct ImagePen { uint32_t front, back; } ImagePen;
#define IMAGE_PEN ((ImagePen){IMAGE_CLEAR, IMAGE_CLEAR}) /* after ESC [ m */

/* Appends `count` cells of one row, each in the fewest bytes that half blocks and spaces allow. Leaves the
 * colours of the last cell set. */
void image_paint(Buf *out, ImagePen *pen, const ImageCell *cells, int count, ColorDepth depth);

/* Appends all rows as lines: colours reset and a newline at the end of each. */
void image_lines(Buf *out, const ImageCell *cells, ImageBox box, ColorDepth depth);

/* ---- real pixels --------------------------------------------------------------------------------------- */

/* Appends what shows the picture at the cursor by caps->protocol, which is one of real pixels that
 * image_can. It may move the cursor and change colours (ESC 7 and ESC 8 around it), and it replaces the
 * picture shown before. One that reaches the last row of the screen may scroll it: stay above. */
void image_escape(Buf *out, const Image *image, ImageBox box, const Caps *caps);

/* Appends what takes the picture away. Kitty's lie above the text and need it; of the others nothing is left
 * once the cells are written again, which the caller does in any case. */
void image_erase(Buf *out, const Caps *caps);

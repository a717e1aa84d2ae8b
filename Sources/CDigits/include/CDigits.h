// The embedded digits: two .npy files as they are on disk, part of the binary.
//
// Test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak,
// UCI Machine Learning Repository, 1998; CC BY 4.0).
#ifndef CDIGITS_H
#define CDIGITS_H

#include <stddef.h>

/// The bytes of digits-images.npy: uint8 [1797, 8, 8], values 0 to 16.
const unsigned char *cdigits_images(void);
size_t cdigits_images_count(void);

/// The bytes of digits-labels.npy: uint8 [1797], values 0 to 9.
const unsigned char *cdigits_labels(void);
size_t cdigits_labels_count(void);

#endif

#include "CDigits.h"

static const unsigned char images[] = {
#embed "digits-images.npy"
};

static const unsigned char labels[] = {
#embed "digits-labels.npy"
};

const unsigned char *cdigits_images(void) { return images; }
size_t cdigits_images_count(void) { return sizeof images; }
const unsigned char *cdigits_labels(void) { return labels; }
size_t cdigits_labels_count(void) { return sizeof labels; }

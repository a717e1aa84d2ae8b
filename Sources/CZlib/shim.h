// The system's zlib, for gzip and zip members.
#include <zlib.h>

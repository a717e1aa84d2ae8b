#include "COpenCL.h"

#include "../../Kernels/include/Kernels.h"

OpenCLSource opencl_source(int index) {
  const MaclaurinSource source = maclaurin_sources[index];
  return (OpenCLSource){source.name, source.text, source.length};
}

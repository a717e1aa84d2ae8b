// OpenCL, loaded at run time, so that the program starts on machines without it.

#ifndef MACLAURIN_COPENCL_H
#define MACLAURIN_COPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

/// The functions in use, by their own names.
#define OPENCL_FUNCTIONS(FUNCTION)  \
  FUNCTION(clGetPlatformIDs)        \
  FUNCTION(clGetPlatformInfo)       \
  FUNCTION(clGetDeviceIDs)          \
  FUNCTION(clGetDeviceInfo)         \
  FUNCTION(clCreateSubDevices)      \
  FUNCTION(clCreateContext)         \
  FUNCTION(clReleaseContext)        \
  FUNCTION(clCreateCommandQueue)    \
  FUNCTION(clReleaseCommandQueue)   \
  FUNCTION(clCreateBuffer)          \
  FUNCTION(clReleaseMemObject)      \
  FUNCTION(clEnqueueMapBuffer)      \
  FUNCTION(clEnqueueUnmapMemObject) \
  FUNCTION(clEnqueueCopyBuffer)     \
  FUNCTION(clEnqueueCopyBufferRect) \
  FUNCTION(clEnqueueReadBuffer)     \
  FUNCTION(clEnqueueReadBufferRect) \
  FUNCTION(clEnqueueWriteBuffer)    \
  FUNCTION(clEnqueueWriteBufferRect) \
  FUNCTION(clCreateProgramWithSource) \
  FUNCTION(clCreateProgramWithBinary) \
  FUNCTION(clBuildProgram)          \
  FUNCTION(clGetProgramBuildInfo)   \
  FUNCTION(clGetProgramInfo)        \
  FUNCTION(clReleaseProgram)        \
  FUNCTION(clCreateKernel)          \
  FUNCTION(clGetKernelWorkGroupInfo) \
  FUNCTION(clSetKernelArg)          \
  FUNCTION(clReleaseKernel)         \
  FUNCTION(clEnqueueNDRangeKernel)  \
  FUNCTION(clEnqueueMarkerWithWaitList) \
  FUNCTION(clCreateUserEvent)       \
  FUNCTION(clSetUserEventStatus)    \
  FUNCTION(clSetEventCallback)      \
  FUNCTION(clGetEventInfo)          \
  FUNCTION(clGetEventProfilingInfo) \
  FUNCTION(clReleaseEvent)          \
  FUNCTION(clFlush)                 \
  FUNCTION(clFinish)

typedef struct {
#define OPENCL_MEMBER(name) __typeof__(name) *name;
  OPENCL_FUNCTIONS(OPENCL_MEMBER)
#undef OPENCL_MEMBER
} OpenCLFunctions;

/// Loads the OpenCL loader library (libOpenCL.so.1) on the first call. Null if that fails;
/// `*message` then says why. The loader itself finds the drivers: OCL_ICD_VENDORS is its variable.
const OpenCLFunctions *opencl_functions(const char **message);

#endif

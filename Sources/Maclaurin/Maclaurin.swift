/// Taylorized networks on any OpenCL device or on the CPU, with the same bits on every device.
///
/// This module re-exports the library and chooses back ends by name.
@_exported import Compute
@_exported import DataSets
@_exported import GaussianProcesses
@_exported import Jets
@_exported import Networks
@_exported import OpenBLASBackend
@_exported import OpenCLBackend
@_exported import Reports
@_exported import Scheduling
@_exported import TangentKernels
@_exported import Training
@_exported import Verification

import OpenBLASBackend
import TangentKernels

/// What kernels are solved with.
extension LAPACK: DenseLinearAlgebra {}

import Compute
import OpenCLBackend

extension BackendSelection {
  /// Elements of the pool that the selected back end takes for a contraction besides its operands:
  /// packed copies on OpenCL devices of the host family, nothing elsewhere (the CPU path packs
  /// into a few MiB of its own). A device that is not there counts as one of the device family.
  public func contractionWorkspace(family: KernelFamily? = nil) -> (Contraction) -> Int {
    guard case .opencl(let index) = self else { return { _ in 0 } }
    let devices = OpenCLDevices.list()
    guard devices.indices.contains(index) else { return { _ in 0 } }
    let (device, family) = (devices[index], family ?? devices[index].family)
    return { device.workspaceCount($0, family: family) }
  }
}

import Compute
import OpenCLBackend

extension BackendSelection {
  /// What the selected back end takes from its pool besides operands: for contractions packed copies
  /// on OpenCL devices of the host family and split chains on the others, nothing elsewhere (the CPU
  /// path packs into a few MiB of its own), for convolutions their tiles. A device that is not there
  /// counts as one of the device family.
  ///
  /// - Parameter convolutionBytes: nil for what suits the device.
  public func workspace(family: KernelFamily? = nil, convolutionBytes: Int? = nil) -> Workspace {
    var usual = Workspace()
    if let convolutionBytes { usual.convolutionBytes = convolutionBytes }
    usual.combinesNodeWeights = true
    usual.runsSequencesAtOnce = true
    guard case .opencl(let index) = self else { return usual }
    let devices = OpenCLDevices.list()
    guard devices.indices.contains(index) else {
      usual.runsSequencesAtOnce = false
      return usual
    }
    let (device, family) = (devices[index], family ?? devices[index].family)
    var workspace = Workspace(
      convolutionBytes: convolutionBytes ?? device.convolutionWorkspace(family: family)
    ) { device.workspaceCount($0, family: family) }
    workspace.combinesNodeWeights = family == .device
    return workspace
  }
}

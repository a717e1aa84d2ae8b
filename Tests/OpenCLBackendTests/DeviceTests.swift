import Compute
import Glibc
import Testing

@testable import OpenCLBackend

@Suite struct DeviceTests {
  @Test func listsThisMachinesDevices() throws {
    let devices = OpenCLDevices.list()
    #expect(!devices.isEmpty, "\(OpenCLDevices.explain())")
    for (index, device) in devices.enumerated() {
      #expect(device.index == index)
      #expect(!device.name.isEmpty && !device.platformName.isEmpty && !device.driverVersion.isEmpty)
      #expect(device.computeUnits > 0 && device.globalMemory > 0 && device.localMemory > 0)
      #expect(device.maximumAllocation > 0)
      #expect(device.family == (device.kind == .cpu ? .host : .device))
    }
  }

  @Test func unknownDeviceNamesThoseThatExist() {
    let error = #expect(throws: BackendError.self) { try OpenCLBackend(deviceIndex: 99) }
    #expect(error?.description.contains("opencl:99") == true)
    #expect(error?.description.contains("opencl:0") == true)
  }

  @Test func refusalNamesTheCapabilityAndTheWayOut() {
    let text = OpenCLBackend.refusal(of: "Device", [.fusedMultiplyAdd, .denormals]).description
    #expect(text.contains("CL_FP_FMA and CL_FP_DENORM") && text.contains("--numerics fast"))
  }

  @Test func explainsEveryDriverFile() {
    let folder = TemporaryFolder()
    folder.write("libno-such-driver.so.7\n", to: "broken.icd")
    folder.write("\n", to: "empty.icd")
    let text = OpenCLDevices.explain(vendors: folder.path)
    #expect(text.contains("2 .icd file(s)"))
    #expect(text.contains("libno-such-driver.so.7 cannot be loaded: "))
    #expect(text.contains("empty.icd: names no library"))
    #expect(OpenCLDevices.explain(vendors: "/no/such/folder").contains("cannot be read"))
  }

  @Test func emptyVendorFolderLeavesNoDevice() async {
    await #expect(processExitsWith: .success) {
      let folder = TemporaryFolder()
      setenv("OCL_ICD_VENDORS", folder.path, 1)
      #expect(OpenCLDevices.list().isEmpty)
      let text = OpenCLDevices.explain()
      #expect(text.contains(folder.path) && text.contains("no .icd file"))
      #expect(text.contains("pocl-opencl-icd"))
      let error = #expect(throws: BackendError.self) { try OpenCLBackend(deviceIndex: 0) }
      #expect(error?.description.contains("there is no OpenCL device") == true)
    }
  }

  @Test func unloadableDriverIsNamed() async {
    await #expect(processExitsWith: .success) {
      let folder = TemporaryFolder()
      folder.write("libno-such-driver.so.7", to: "broken.icd")
      setenv("OCL_ICD_VENDORS", folder.path, 1)
      #expect(OpenCLDevices.list().isEmpty)
      #expect(OpenCLDevices.explain().contains("No registered driver can be loaded"))
    }
  }
}

import COpenCL
import Compute

/// One OpenCL device of this machine, as its driver describes it.
public struct OpenCLDevice: Sendable {
  public enum Kind: String, Sendable, Codable { case gpu, cpu, accelerator, other }

  /// What reproducible numerics needs of float32 arithmetic.
  public enum Capability: String, Sendable, CaseIterable {
    case fusedMultiplyAdd = "CL_FP_FMA"
    case denormals = "CL_FP_DENORM"
    case correctlyRoundedDivideAndSquareRoot = "CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT"

    var bit: cl_device_fp_config {
      switch self {
      case .fusedMultiplyAdd: cl_device_fp_config(CL_FP_FMA)
      case .denormals: cl_device_fp_config(CL_FP_DENORM)
      case .correctlyRoundedDivideAndSquareRoot:
        cl_device_fp_config(CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT)
      }
    }
  }

  /// The i of `opencl:i`: position among all devices of all platforms; of a part, the whole's.
  public let index: Int
  /// Of a part of a device, its number among the parts, from the outermost division inwards.
  public let part: [Int]
  public let name: String
  public let vendor: String
  public let version: String
  public let driverVersion: String
  public let platformName: String
  public let platformVersion: String
  public let kind: Kind
  public let computeUnits: Int
  public let clockMegahertz: Int
  /// Bytes.
  public let globalMemory: Int
  public let localMemory: Int

  /// Bytes at which a convolution's tiles are fastest. On CPU devices launches must be long enough that
  /// all threads take part; GPUs need tiles that fill all of their processors.
  public func convolutionWorkspace(family: KernelFamily) -> Int {
    family == .host ? 32 << 20 : min(256 << 20, max(32 << 20, globalMemory / 32))
  }

  public let maximumAllocation: Int
  public let maximumWorkGroup: Int
  /// Elements of a float32 vector register; 1 where there are none.
  public let nativeVectorWidth: Int
  public let hasFloat64: Bool
  public let capabilities: Set<Capability>
  public let extensions: [String]

  /// Handles, which live as long as the process.
  private let platformBits: UInt
  private let deviceBits: UInt

  /// The capabilities that reproducible numerics misses here, in a fixed order.
  public var missingCapabilities: [Capability] {
    Capability.allCases.filter { !capabilities.contains($0) }
  }

  public var isReproducible: Bool { missingCapabilities.isEmpty }
  /// The family that suits the device.
  public var family: KernelFamily { kind == .cpu ? .host : .device }

  /// "opencl:0"; the second part of that device is "opencl:0.1".
  public var backendName: String {
    "opencl:" + ([index] + part).map(String.init).joined(separator: ".")
  }

  /// How errors name the device: "opencl:0 NAME".
  var label: String { "\(backendName) \(name)" }

  /// Whether the driver keeps compiled programs on disk itself: PoCL does, and for a program's binary it
  /// compiles every kernel function once more, which takes longer than all the rest.
  var keepsPrograms: Bool {
    platformName == "Portable Computing Language"
      && OpenCLDevices.environment("POCL_KERNEL_CACHE") != "0"
  }

  var platform: cl_platform_id { cl_platform_id(bitPattern: platformBits)! }
  var id: cl_device_id { cl_device_id(bitPattern: deviceBits)! }
  /// Whether the compiler is NVIDIA's, which has options of its own.
  var hasNVIDIACompiler: Bool { extensions.contains("cl_nv_compiler_options") }

  init(
    _ id: cl_device_id, of platform: cl_platform_id, index: Int, part: [Int] = [],
    _ cl: OpenCLLibrary.Functions
  ) {
    func text(_ parameter: Int32) -> String {
      OpenCLLibrary.text {
        cl.pointee.clGetDeviceInfo(id, cl_device_info(parameter), $0, $1, $2)
      }.trimmed
    }
    func platformText(_ parameter: Int32) -> String {
      OpenCLLibrary.text {
        cl.pointee.clGetPlatformInfo(platform, cl_platform_info(parameter), $0, $1, $2)
      }.trimmed
    }
    func scalar<Value: BitwiseCopyable>(_ parameter: Int32, _ value: Value) -> Value {
      OpenCLLibrary.scalar(value) {
        cl.pointee.clGetDeviceInfo(id, cl_device_info(parameter), $0, $1, $2)
      }
    }
    let bits = scalar(CL_DEVICE_TYPE, cl_device_type(0))
    kind =
      if bits & cl_device_type(CL_DEVICE_TYPE_GPU) != 0 {
        .gpu
      } else if bits & cl_device_type(CL_DEVICE_TYPE_CPU) != 0 {
        .cpu
      } else if bits & cl_device_type(CL_DEVICE_TYPE_ACCELERATOR) != 0 {
        .accelerator
      } else {
        .other
      }
    let configuration = scalar(CL_DEVICE_SINGLE_FP_CONFIG, cl_device_fp_config(0))
    capabilities = Set(Capability.allCases.filter { configuration & $0.bit != 0 })
    extensions = text(CL_DEVICE_EXTENSIONS).split(separator: " ").map(String.init)
    hasFloat64 =
      extensions.contains("cl_khr_fp64")
      || scalar(CL_DEVICE_DOUBLE_FP_CONFIG, cl_device_fp_config(0)) != 0
    self.index = index
    self.part = part
    name = text(CL_DEVICE_NAME)
    vendor = text(CL_DEVICE_VENDOR)
    version = text(CL_DEVICE_VERSION)
    driverVersion = text(CL_DRIVER_VERSION)
    platformName = platformText(CL_PLATFORM_NAME)
    platformVersion = platformText(CL_PLATFORM_VERSION)
    computeUnits = Int(scalar(CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint(1)))
    clockMegahertz = Int(scalar(CL_DEVICE_MAX_CLOCK_FREQUENCY, cl_uint(0)))
    globalMemory = Int(clamping: scalar(CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong(0)))
    localMemory = Int(clamping: scalar(CL_DEVICE_LOCAL_MEM_SIZE, cl_ulong(0)))
    maximumAllocation = Int(clamping: scalar(CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong(0)))
    maximumWorkGroup = scalar(CL_DEVICE_MAX_WORK_GROUP_SIZE, 1)
    nativeVectorWidth = Int(scalar(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, cl_uint(1)))
    platformBits = UInt(bitPattern: platform)
    deviceBits = UInt(bitPattern: id)
  }
}

extension OpenCLDevice: CustomStringConvertible {
  /// "opencl:0 NAME (gpu, driver VERSION)"
  public var description: String { "\(label) (\(kind), driver \(driverVersion))" }
}

extension String {
  /// Without blanks at either end; drivers pad names.
  var trimmed: String {
    let isBlank: (Character) -> Bool = { $0.isWhitespace || $0 == "\0" }
    let head = drop(while: isBlank)
    guard let last = head.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(head[...last])
  }
}

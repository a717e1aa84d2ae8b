import COpenCL
import Compute

/// Builds programs when their first kernel function is asked for, and keeps them.
struct ProgramLibrary {
  let device: OpenCLDevice
  let texts: ProgramText
  let cache: ProgramCache?
  /// Options of every build besides -D.
  let options: [String]
  /// The compiler's messages by program, when there were any.
  private(set) var buildLogs: [String: String] = [:]
  /// Programs compiled from text and taken from the disk cache.
  private(set) var compiled = 0
  private(set) var loaded = 0

  private let context: cl_context
  private let cl: OpenCLLibrary.Functions
  private var programs: [ProgramKey: cl_program] = [:]
  private var kernels: [KernelKey: KernelFunction] = [:]

  init(
    _ device: OpenCLDevice, context: cl_context, texts: ProgramText, cache: ProgramCache?,
    options: [String], _ cl: OpenCLLibrary.Functions
  ) {
    self.device = device
    self.context = context
    self.texts = texts
    self.cache = cache
    self.options = options
    self.cl = cl
  }

  mutating func release() {
    kernels = [:]
    for program in programs.values { _ = cl.pointee.clReleaseProgram(program) }
    programs = [:]
  }

  /// Keeps everything for good: of a lost device nothing is released.
  func abandon() {
    for kernel in kernels.values { _ = Unmanaged.passRetained(kernel) }
  }

  mutating func kernel(_ function: String, of key: ProgramKey) throws -> KernelFunction {
    let kernelKey = KernelKey(function: function, program: key)
    if let kernel = kernels[kernelKey] { return kernel }
    if key.isDouble && !device.hasFloat64 {
      throw BackendError(
        "\(device.label) has no float64 (cl_khr_fp64), which \(function) needs; use --dtype float32 "
          + "or --backend openblas")
    }
    if key.source == "projection" && !device.hasFloat64 {
      throw BackendError(
        "\(device.name) has no float64 (cl_khr_fp64), which projections need; use --check elements")
    }
    let program = try program(key)
    var status: cl_int = 0
    guard let handle = cl.pointee.clCreateKernel(program, function, &status) else {
      throw OpenCLStatus(status).error(
        "making kernel function \(function) of program \(key.description)", on: device,
        otherwise: .launch)
    }
    let kernel = KernelFunction(function, handle, on: device, cl)
    kernels[kernelKey] = kernel
    return kernel
  }

  private mutating func program(_ key: ProgramKey) throws -> cl_program {
    if let program = programs[key] { return program }
    var options = self.options
    if key.isDouble { options.append("-DREAL_IS_DOUBLE") }
    options += key.defines.map { "-D\($0.name)=\($0.value)" }
    if device.hasNVIDIACompiler,
      let limit = key.defines.first(where: { $0.name == ProgramKey.registerLimit })
    {
      options.append("-cl-nv-maxrregcount=\(limit.value)")
    }
    let text = texts.program(of: key.source)
    let program = try make(key, text, options.joined(separator: " "))
    programs[key] = program
    return program
  }

  private mutating func make(
    _ key: ProgramKey, _ text: String, _ options: String
  ) throws -> cl_program {
    guard let cache, !texts.isReplaced(key.source) else { return try compile(key, text, options) }
    let path = cache.path(of: [
      text, options, device.platformName, device.platformVersion, device.name, device.version,
      device.driverVersion,
    ])
    if let binary = cache.read(path), let program = load(binary, options) {
      loaded += 1
      return program
    }
    let program = try compile(key, text, options)
    if let binary = binary(of: program) { cache.write(binary, to: path) }
    return program
  }

  private mutating func compile(
    _ key: ProgramKey, _ text: String, _ options: String
  ) throws -> cl_program {
    var text = text
    var status: cl_int = 0
    let made = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters -> cl_program? in
        var start = characters.baseAddress
        var count = characters.count
        return cl.pointee.clCreateProgramWithSource(context, 1, &start, &count, &status)
      }
    }
    guard let program = made else {
      throw OpenCLStatus(status).error(
        "making program \(key.description)", on: device, otherwise: .launch)
    }
    let result = build(program, options)
    compiled += 1
    let log = OpenCLLibrary.text {
      cl.pointee.clGetProgramBuildInfo(
        program, device.id, cl_program_build_info(CL_PROGRAM_BUILD_LOG), $0, $1, $2)
    }.trimmed
    if !log.isEmpty { buildLogs[key.description] = log }
    guard result.isSuccess else {
      _ = cl.pointee.clReleaseProgram(program)
      throw failure(key, result, log: log)
    }
    return program
  }

  private func failure(_ key: ProgramKey, _ status: OpenCLStatus, log: String) -> BackendError {
    let error = status.error("building program \(key.description)", on: device, otherwise: .launch)
    if !log.isEmpty {
      let lines = log.split(separator: "\n").prefix(12).joined(separator: "\n")
      return BackendError("\(error.description)\n\(lines)", cause: error.cause)
    }
    return BackendError(
      error.description + " (the build log is empty"
        + (device.hasNVIDIACompiler
          ? "; libnvidia-nvvm may be missing in this container: update the NVIDIA container toolkit, "
            + "or make the library visible beside libnvidia-opencl.so.1)" : ")"),
      cause: error.cause)
  }

  private func build(_ program: cl_program, _ options: String) -> OpenCLStatus {
    var id: cl_device_id? = device.id
    return OpenCLStatus(cl.pointee.clBuildProgram(program, 1, &id, options, nil, nil))
  }

  /// A program from its binary; nil if the driver does not take it.
  private func load(_ binary: [UInt8], _ options: String) -> cl_program? {
    var id: cl_device_id? = device.id
    var count = binary.count
    var binaryStatus: cl_int = 0
    var status: cl_int = 0
    let made = binary.withUnsafeBufferPointer { bytes -> cl_program? in
      var start = bytes.baseAddress
      return cl.pointee.clCreateProgramWithBinary(
        context, 1, &id, &count, &start, &binaryStatus, &status)
    }
    guard let program = made else { return nil }
    guard status == CL_SUCCESS, binaryStatus == CL_SUCCESS, build(program, options).isSuccess else {
      _ = cl.pointee.clReleaseProgram(program)
      return nil
    }
    return program
  }

  private func binary(of program: cl_program) -> [UInt8]? {
    let size = OpenCLLibrary.scalar(0) {
      cl.pointee.clGetProgramInfo(
        program, cl_program_info(CL_PROGRAM_BINARY_SIZES), $0, $1, $2)
    }
    guard size > 0 else { return nil }
    var bytes = [UInt8](repeating: 0, count: size)
    let status = bytes.withUnsafeMutableBufferPointer { target -> cl_int in
      var start = target.baseAddress
      return cl.pointee.clGetProgramInfo(
        program, cl_program_info(CL_PROGRAM_BINARIES),
        MemoryLayout<UnsafeMutablePointer<UInt8>?>.size, &start, nil)
    }
    return status == CL_SUCCESS ? bytes : nil
  }
}

import COpenCL
import Compute

/// The table of OpenCL's functions.
enum OpenCLLibrary {
  typealias Functions = UnsafePointer<OpenCLFunctions>

  /// Loads the loader library, or finds it loaded.
  static func functions() throws -> Functions {
    var message: UnsafePointer<CChar>?
    guard let functions = opencl_functions(&message) else {
      throw BackendError(message.map { String(cString: $0) } ?? "no OpenCL loader")
    }
    return functions
  }

  /// A variable-size answer of a clGet…Info function; empty if the query fails.
  static func bytes(
    _ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int
  ) -> [UInt8] {
    var size = 0
    guard query(0, nil, &size) == CL_SUCCESS, size > 0 else { return [] }
    var bytes = [UInt8](repeating: 0, count: size)
    let status = bytes.withUnsafeMutableBytes { query(size, $0.baseAddress, nil) }
    return status == CL_SUCCESS ? bytes : []
  }

  /// The same as text, up to its terminator.
  static func text(
    _ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int
  ) -> String {
    String(decoding: bytes(query).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// A fixed-size answer; `value` if the query fails.
  static func scalar<Value: BitwiseCopyable>(
    _ value: Value,
    _ query: (Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> cl_int
  ) -> Value {
    var result = value
    let status = withUnsafeMutableBytes(of: &result) { query($0.count, $0.baseAddress, nil) }
    return status == CL_SUCCESS ? result : value
  }
}

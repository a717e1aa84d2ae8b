import COpenCL
import Synchronization

@testable import OpenCLBackend

/// OpenCL's functions, of which one fails when it is called for the n-th time.
///
/// C functions carry no context, so there is one such table, for one test at a time.
enum FaultyOpenCL {
  enum Function: String, CaseIterable, Sendable {
    case createContext, createQueue, createBuffer, createProgram, buildProgram, createKernel
    case setArgument, launch, write, writeRectangle, read, readRectangle, marker, flush, finish
    case setCallback
    /// The status of a command that had begun.
    case eventStatus
  }

  struct Plan: Sendable {
    var function: Function
    /// The call that fails, from 1, and whether all later ones do too.
    var number: Int
    var code: cl_int
    var lasts = false
  }

  private struct State {
    var plan: Plan?
    var calls: [Function: Int] = [:]
  }

  private static let state = Mutex(State())

  /// Begins counting anew.
  static func reset(_ plan: Plan? = nil) { state.withLock { $0 = State(plan: plan) } }
  static func calls(_ function: Function) -> Int { state.withLock { $0.calls[function] ?? 0 } }

  /// The code with which this call fails.
  private static func failure(_ function: Function) -> cl_int? {
    state.withLock { state in
      let number = (state.calls[function] ?? 0) + 1
      state.calls[function] = number
      guard let plan = state.plan, plan.function == function,
        number == plan.number || (plan.lasts && number > plan.number)
      else { return nil }
      return plan.code
    }
  }

  nonisolated(unsafe) fileprivate static let real = try! OpenCLLibrary.functions()

  /// Nil, with the code where the caller looks for it, if this call fails.
  private static func made<Value>(
    _ function: Function, _ status: UnsafeMutablePointer<cl_int>?, _ call: () -> Value?
  ) -> Value? {
    guard let code = failure(function) else { return call() }
    status?.pointee = code
    return nil
  }

  nonisolated(unsafe) static let functions: OpenCLLibrary.Functions = {
    let table = UnsafeMutablePointer<OpenCLFunctions>.allocate(capacity: 1)
    table.initialize(to: real.pointee)
    replaceMakers(&table.pointee)
    replaceCommands(&table.pointee)
    replaceWaits(&table.pointee)
    return OpenCLLibrary.Functions(table)
  }()

  private static func replaceMakers(_ table: inout OpenCLFunctions) {
    table.clCreateContext = { a, b, c, d, e, status in
      FaultyOpenCL.made(.createContext, status) {
        FaultyOpenCL.real.pointee.clCreateContext(a, b, c, d, e, status)
      }
    }
    table.clCreateCommandQueue = { a, b, c, status in
      FaultyOpenCL.made(.createQueue, status) {
        FaultyOpenCL.real.pointee.clCreateCommandQueue(a, b, c, status)
      }
    }
    table.clCreateBuffer = { a, b, c, d, status in
      FaultyOpenCL.made(.createBuffer, status) {
        FaultyOpenCL.real.pointee.clCreateBuffer(a, b, c, d, status)
      }
    }
    table.clCreateProgramWithSource = { a, b, c, d, status in
      FaultyOpenCL.made(.createProgram, status) {
        FaultyOpenCL.real.pointee.clCreateProgramWithSource(a, b, c, d, status)
      }
    }
    table.clBuildProgram = { a, b, c, d, e, f in
      FaultyOpenCL.failure(.buildProgram)
        ?? FaultyOpenCL.real.pointee.clBuildProgram(a, b, c, d, e, f)
    }
    table.clCreateKernel = { a, b, status in
      FaultyOpenCL.made(.createKernel, status) {
        FaultyOpenCL.real.pointee.clCreateKernel(a, b, status)
      }
    }
    table.clSetKernelArg = { a, b, c, d in
      FaultyOpenCL.failure(.setArgument) ?? FaultyOpenCL.real.pointee.clSetKernelArg(a, b, c, d)
    }
  }

  private static func replaceCommands(_ table: inout OpenCLFunctions) {
    table.clEnqueueNDRangeKernel = { a, b, c, d, e, f, g, h, i in
      FaultyOpenCL.failure(.launch)
        ?? FaultyOpenCL.real.pointee.clEnqueueNDRangeKernel(a, b, c, d, e, f, g, h, i)
    }
    table.clEnqueueWriteBuffer = { a, b, c, d, e, f, g, h, i in
      FaultyOpenCL.failure(.write)
        ?? FaultyOpenCL.real.pointee.clEnqueueWriteBuffer(a, b, c, d, e, f, g, h, i)
    }
    table.clEnqueueReadBuffer = { a, b, c, d, e, f, g, h, i in
      FaultyOpenCL.failure(.read)
        ?? FaultyOpenCL.real.pointee.clEnqueueReadBuffer(a, b, c, d, e, f, g, h, i)
    }
    table.clEnqueueWriteBufferRect = { a, b, c, d, e, f, g, h, i, j, k, l, m, n in
      FaultyOpenCL.failure(.writeRectangle)
        ?? FaultyOpenCL.real.pointee.clEnqueueWriteBufferRect(
          a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    }
    table.clEnqueueReadBufferRect = { a, b, c, d, e, f, g, h, i, j, k, l, m, n in
      FaultyOpenCL.failure(.readRectangle)
        ?? FaultyOpenCL.real.pointee.clEnqueueReadBufferRect(
          a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    }
  }

  private static func replaceWaits(_ table: inout OpenCLFunctions) {
    table.clEnqueueMarkerWithWaitList = { a, b, c, d in
      FaultyOpenCL.failure(.marker)
        ?? FaultyOpenCL.real.pointee.clEnqueueMarkerWithWaitList(a, b, c, d)
    }
    table.clFlush = { a in FaultyOpenCL.failure(.flush) ?? FaultyOpenCL.real.pointee.clFlush(a) }
    table.clFinish = { a in FaultyOpenCL.failure(.finish) ?? FaultyOpenCL.real.pointee.clFinish(a) }
    table.clSetEventCallback = { a, b, c, d in
      FaultyOpenCL.failure(.setCallback) ?? FaultyOpenCL.real.pointee.clSetEventCallback(a, b, c, d)
    }
    table.clGetEventInfo = { a, b, c, d, e in
      let status = FaultyOpenCL.real.pointee.clGetEventInfo(a, b, c, d, e)
      if let code = FaultyOpenCL.failure(.eventStatus) { d?.storeBytes(of: code, as: cl_int.self) }
      return status
    }
  }
}

import Testing

@testable import OpenCLBackend

/// Build logs in the forms in which NVIDIA's drivers write them.
@Suite struct CompilerReportTests {
  @Test func oneFunctionWithoutSpills() {
    let log = """
      ptxas info    : 0 bytes gmem
      ptxas info    : Compiling entry function 'contraction' for 'sm_90'
      ptxas info    : Function properties for contraction
          0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
      ptxas info    : Used 142 registers, used 1 barriers, 33792 bytes smem, 600 bytes cmem[0]
      """
    #expect(CompilerReport(parsing: log) == CompilerReport(registers: 142, spilledBytes: 0))
  }

  @Test func spillsOfAllFunctionsCount() {
    let log = """
      ptxas info    : 64604 bytes gmem, 76 bytes cmem[3]
      ptxas info    : Compiling entry function 'contraction_sum' for 'sm_80'
      ptxas info    : Function properties for contraction_sum
          0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
      ptxas info    : Used 40 registers, 392 bytes cmem[0]
      ptxas info    : Compiling entry function 'contraction' for 'sm_80'
      ptxas info    : Function properties for contraction
          352 bytes stack frame, 288 bytes spill stores, 308 bytes spill loads
      ptxas info    : Used 255 registers, 312 bytes cumulative stack size, 8192 bytes smem
      ptxas info    : Function properties for helper
          88 bytes stack frame, 16 bytes spill stores, 0 bytes spill loads
      """
    #expect(CompilerReport(parsing: log) == CompilerReport(registers: 255, spilledBytes: 612))
  }

  @Test func olderDriversAndOtherLineEnds() {
    let log =
      ": Retrieving binary for 'cuModuleLoadDataEx_4', for gpu='sm_21', usage mode=' --verbose  '\r\n"
      + "ptxas info    : Compiling entry function 'contraction' for 'sm_21'\r\n"
      + "ptxas         .     0 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads\r\n"
      + "ptxas info    : Used 63 registers, 64 bytes cmem[0]\r\n"
    #expect(CompilerReport(parsing: log) == CompilerReport(registers: 63, spilledBytes: 12))
  }

  /// Stack frames hold arrays, too, and are no spills.
  @Test func stackFramesAreNoSpills() {
    let log = "ptxas info : x\n 72 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads"
    #expect(CompilerReport(parsing: log).spilledBytes == 0)
  }

  @Test(arguments: [
    "", "\n", "warning: /tmp/x.cl:3:1: unused variable 'registers'",
    "the spill stores of bytes, spill loads, Used registers", "Device opencl:0 failed 3 times",
  ])
  func otherCompilersTellNothing(_ log: String) {
    #expect(CompilerReport(parsing: log) == CompilerReport())
  }

  @Test func programsAdd() {
    var report = CompilerReport()
    report.add(CompilerReport(registers: 90))
    #expect(report == CompilerReport(registers: 90))
    report.add(CompilerReport(registers: 70, spilledBytes: 0))
    report.add(CompilerReport(registers: 128, spilledBytes: 20))
    report.add(CompilerReport())
    #expect(report == CompilerReport(registers: 128, spilledBytes: 20))
  }
}

import Compute
import TestSupport
import Testing

@Suite struct AccessTests {
  @Test func aBatchSpansAllItsMatrices() {
    let buffer = NullBackend().allocate(1000, .float32)
    let matrix = Matrix(buffer, offset: 7, rows: 3, columns: 4, stride: 5)
    let access = Access(.read, matrix, copies: 3, step: 20)
    #expect(access.elements(of: matrix) == 7..<(7 + 40 + 14))
    #expect(!access.isDense)
    #expect(Access(.write, matrix.rows(0..<1)).isDense)
    #expect(Access(.write, matrix, copies: 0).span == 0)
  }
}

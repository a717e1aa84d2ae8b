import Testing

@Suite("The tests' own XML checker")
struct XMLCheckerTests {
  @Test func readsElementsAttributesAndText() throws {
    let document = try XMLChecker("<a x=\"1 &lt; 2\"><b/>t &amp; u</a>")
    #expect(document.elements == ["a", "b"])
    #expect(document.attributes == [["x": "1 < 2"], [:]])
    #expect(document.text == "t & u")
  }

  @Test(
    "refuses",
    arguments: [
      "", "text", "<a>", "<a></b>", "<a><b></a></b>", "<a/><b/>", "<a>&</a>", "<a>&nbsp;</a>",
      "<a x=1/>", "<a x=\"1\" x=\"2\"/>", "<a x=\"1\"y=\"2\"/>", "<a x=\"<\"/>", "<a>< b</a>",
      "<a/>text",
    ])
  func refuses(_ text: String) {
    #expect(throws: XMLChecker.Malformed.self) { try XMLChecker(text) }
  }
}

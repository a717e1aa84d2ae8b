import DataSets
import Testing

@Suite("SHA-256 against the examples of FIPS 180-4 and the NIST test vectors")
struct SHA256Tests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
        + "lmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func text(_ message: String, _ digest: String) {
    #expect(SHA256.hexadecimal(Array(message.utf8)) == digest)
  }

  @Test(
    arguments: [
      // SHA256ShortMsg.rsp and the additional examples: Len = 8, 32, 440, 448, 504, 512 bits.
      ([0xbd], 1, "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
      (
        [0xc9, 0x8c, 0x8e, 0x55], 1,
        "7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504"
      ),
      ([0], 55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"),
      ([0], 56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"),
      ([0], 57, "65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785"),
      ([0], 64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"),
      ([0], 1000, "541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53"),
    ] as [([UInt8], Int, String)])
  func repeatedBytes(_ bytes: [UInt8], _ count: Int, _ digest: String) {
    let message = [[UInt8]](repeating: bytes, count: count).flatMap { $0 }
    #expect(SHA256.hexadecimal(message) == digest)
  }

  @Test("a million times 'a', in pieces of every size from 1 to 200")
  func pieces() {
    let message = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    var hash = SHA256()
    var position = 0
    var size = 1
    while position < message.count {
      let end = min(position + size, message.count)
      hash.update(Array(message[position..<end]))
      position = end
      size = size % 200 + 1
    }
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(hash.hexadecimalDigest() == expected)
    // Asking does not change the state.
    #expect(hash.hexadecimalDigest() == expected)
    #expect(hash.digest().count == 32)
  }
}

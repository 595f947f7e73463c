import Kernels

/// Follows the instructions of a pickle, protocols 0 to 5, up to the point where Python would call something: nothing is
/// ever called, imported or made. Each instruction takes bounded time and room, and there is a limit to their number.
struct PickleReader {
  private static let maximumInstructions = 4 << 20
  private static let maximumCalls = 256

  private var reader: ByteReader
  private var pickle = Pickle()
  private var stack: [Int] = []
  private var marks: [Int] = []
  private var memo: [Int: Int] = [:]

  /// Reads one pickle at the beginning of the bytes.
  ///
  /// - Throws: ``FormatError`` for what is no pickle, ends too early, or is too long.
  static func read(_ bytes: SharedBytes, file: String) throws(FormatError) -> Pickle {
    var reader = PickleReader(reader: ByteReader(bytes, file: file))
    for _ in 0..<maximumInstructions {
      let code = try reader.byte()
      if code == UInt8(ascii: ".") { return try reader.finish() }
      try reader.follow(code)
    }
    throw FormatError(
      .tooLarge, file: file, "is a pickle of more than \(grouped(maximumInstructions)) instructions",
      remedy: "No trainer's state is that long; it is not read.")
  }

  private init(reader: ByteReader) { self.reader = reader }

  private mutating func finish() throws(FormatError) -> Pickle {
    pickle.top = try pop()
    pickle.end = reader.offset
    return pickle
  }

  // MARK: Instructions

  private mutating func follow(_ code: UInt8) throws(FormatError) {
    if try followStack(code) { return }
    if try followScalar(code) { return }
    if try followContainer(code) { return }
    if try followCall(code) { return }
    throw malformed("has the unknown instruction \(code)")
  }

  private mutating func followStack(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"):
      if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try peek())
    case UInt8(ascii: "g"): try recall(try decimal())
    case UInt8(ascii: "h"): try recall(Int(try byte()))
    case UInt8(ascii: "j"): try recall(Int(try number(UInt32.self)))
    case UInt8(ascii: "p"): memo[try decimal()] = try peek()
    case UInt8(ascii: "q"): memo[Int(try byte())] = try peek()
    case UInt8(ascii: "r"): memo[Int(try number(UInt32.self))] = try peek()
    case 0x94: memo[memo.count] = try peek()
    case 0x80: _ = try byte()
    case 0x95: _ = try number(UInt64.self)
    default: return false
    }
    return true
  }

  private mutating func followScalar(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: "N"): push(.none)
    case 0x88: push(.bool(true))
    case 0x89: push(.bool(false))
    case UInt8(ascii: "K"): push(.integer(Int(try byte())))
    case UInt8(ascii: "M"): push(.integer(Int(try number(UInt16.self))))
    case UInt8(ascii: "J"): push(.integer(Int(try number(Int32.self))))
    case UInt8(ascii: "I"), UInt8(ascii: "L"): push(integer(text: try line()))
    case UInt8(ascii: "F"): push(Double(try line()).map { .number($0) } ?? .other("a number"))
    case UInt8(ascii: "G"): push(.number(Double(bitPattern: try number(UInt64.self).byteSwapped)))
    case 0x8A: push(try long(UInt64(try byte())))
    case 0x8B: push(try long(UInt64(try number(UInt32.self))))
    case UInt8(ascii: "S"): push(.string(String(try line().dropFirst().dropLast())))
    case UInt8(ascii: "V"): push(.string(try line()))
    case UInt8(ascii: "U"), 0x8C: push(.string(try text(UInt64(try byte()))))
    case UInt8(ascii: "T"), UInt8(ascii: "X"): push(.string(try text(UInt64(try number(UInt32.self)))))
    case 0x8D: push(.string(try text(try number(UInt64.self))))
    case UInt8(ascii: "C"): try pushBytes(UInt64(try byte()))
    case UInt8(ascii: "B"): try pushBytes(UInt64(try number(UInt32.self)))
    case 0x8E, 0x96: try pushBytes(try number(UInt64.self))
    case 0x97: push(.other("a buffer"))
    case 0x98: break
    default: return false
    }
    return true
  }

  private mutating func followContainer(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: "]"), UInt8(ascii: ")"), 0x8F: push(.list([]))
    case UInt8(ascii: "}"): push(.dictionary([]))
    case UInt8(ascii: "l"), UInt8(ascii: "t"), 0x91: push(.list(try popToMark()))
    case UInt8(ascii: "d"): push(.dictionary(try pairs(try popToMark())))
    case 0x85, 0x86, 0x87:
      var items: [Int] = []
      for _ in 0..<Int(code) - 0x84 { items.append(try pop()) }
      push(.list(items.reversed()))
    case UInt8(ascii: "a"): try append([try pop()])
    case UInt8(ascii: "e"), 0x90: try append(try popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([(try pop(), value)])
    case UInt8(ascii: "u"): try set(try pairs(try popToMark()))
    default: return false
    }
    return true
  }

  private mutating func followCall(_ code: UInt8) throws(FormatError) -> Bool {
    switch code {
    case UInt8(ascii: "c"):
      let module = try line()
      push(.global("\(module).\(try line())"))
    case 0x93:
      let name = try pop()
      push(.global("\(text(of: try pop())).\(text(of: name))"))
    case UInt8(ascii: "R"), 0x81:
      let arguments = try pop()
      call(try pop(), arguments)
    case 0x92:
      _ = try pop()
      let arguments = try pop()
      call(try pop(), arguments)
    case UInt8(ascii: "i"):
      let module = try line()
      push(.global("\(module).\(try line())"))
      let function = try pop()
      push(.list(try popToMark()))
      call(function, try pop())
    case UInt8(ascii: "o"):
      let items = try popToMark()
      guard let function = items.first else { throw malformed("makes an object of no class") }
      push(.list(Array(items.dropFirst())))
      call(function, try pop())
    case UInt8(ascii: "b"):
      let state = try pop()
      let object = try peek()
      if case .call(var made) = pickle.items[object] {
        made.state = state
        pickle.items[object] = .call(made)
      }
    case UInt8(ascii: "P"):
      push(.string(try line()))
      push(.persistent(try pop()))
    case UInt8(ascii: "Q"): push(.persistent(try pop()))
    case 0x82: push(.global("extension.\(try byte())"))
    case 0x83: push(.global("extension.\(try number(UInt16.self))"))
    case 0x84: push(.global("extension.\(try number(UInt32.self))"))
    default: return false
    }
    return true
  }

  // MARK: Objects

  private mutating func push(_ item: Pickle.Item) {
    stack.append(pickle.items.count)
    pickle.items.append(item)
  }

  private mutating func call(_ function: Int, _ arguments: Int) {
    let name = text(of: function)
    if pickle.calls.count < PickleReader.maximumCalls, !pickle.calls.contains(name) { pickle.calls.append(name) }
    switch name {
    // Dictionaries by another name, filled by later instructions.
    case "collections.OrderedDict", "collections.defaultdict", "builtins.dict": push(.dictionary([]))
    default: push(.call(Pickle.Call(function: name, arguments: arguments)))
    }
  }

  /// A function's name, or the text that names a module.
  private func text(of index: Int) -> String {
    // Cut: a pickle may take the name of a name of a name as often as it likes.
    switch pickle.items[index] {
    case .global(let name), .string(let name): printable(name)
    case .call(let call): call.function.hasSuffix("()") ? call.function : "\(call.function)()"
    default: "?"
    }
  }

  private mutating func append(_ items: [Int]) throws(FormatError) {
    let target = try peek()
    // Taken out of the table meanwhile, so that the list is not copied at each element.
    guard case .list(var list) = pickle.items[target] else { return }
    pickle.items[target] = .none
    list += items
    pickle.items[target] = .list(list)
  }

  private mutating func set(_ pairs: [(key: Int, value: Int)]) throws(FormatError) {
    let target = try peek()
    switch pickle.items[target] {
    case .dictionary(var entries):
      pickle.items[target] = .none
      entries += pairs
      pickle.items[target] = .dictionary(entries)
    case .call(var made):
      pickle.items[target] = .none
      made.entries += pairs
      pickle.items[target] = .call(made)
    default: break
    }
  }

  private func pairs(_ items: [Int]) throws(FormatError) -> [(key: Int, value: Int)] {
    guard items.count.isMultiple(of: 2) else { throw malformed("has a key without a value") }
    return stride(from: 0, to: items.count, by: 2).map { (items[$0], items[$0 + 1]) }
  }

  // MARK: Stack and memo

  private mutating func pop() throws(FormatError) -> Int {
    guard stack.count > marks.last ?? 0 else { throw malformed("takes more from its stack than is there") }
    return stack.removeLast()
  }

  private func peek() throws(FormatError) -> Int {
    guard stack.count > marks.last ?? 0, let last = stack.last else {
      throw malformed("takes more from its stack than is there")
    }
    return last
  }

  private mutating func popToMark() throws(FormatError) -> [Int] {
    guard let mark = marks.popLast() else { throw malformed("ends a group that did not begin") }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  private mutating func recall(_ key: Int) throws(FormatError) {
    guard let index = memo[key] else { throw malformed("refers to an object that is not there") }
    stack.append(index)
  }

  // MARK: Bytes

  private mutating func byte() throws(FormatError) -> UInt8 { try number(UInt8.self) }

  private mutating func number<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ type: Integer.Type
  ) throws(FormatError) -> Integer {
    try reader.integer(type, "an instruction of the pickle")
  }

  private mutating func text(_ count: UInt64) throws(FormatError) -> String {
    String(decoding: reader.bytes.array(try reader.take(count, "a string of the pickle")), as: UTF8.self)
  }

  private mutating func pushBytes(_ count: UInt64) throws(FormatError) {
    _ = try reader.take(count, "bytes of the pickle")
    push(.other("\(grouped(count)) bytes"))
  }

  private mutating func long(_ count: UInt64) throws(FormatError) -> Pickle.Item {
    let bytes = reader.bytes.array(try reader.take(count, "an integer of the pickle"))
    guard bytes.count <= 8 else { return .other("an integer of \(bytes.count) bytes") }
    let isNegative = bytes.last.map { $0 >= 0x80 } ?? false
    return .integer(bytes.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) })
  }

  private func integer(text: String) -> Pickle.Item {
    // Protocol 0 writes truth values so.
    if text == "00" || text == "01" { return .bool(text == "01") }
    return Int(text.hasSuffix("L") ? String(text.dropLast()) : text).map { .integer($0) } ?? .other("an integer")
  }

  private mutating func decimal() throws(FormatError) -> Int {
    guard let number = Int(try line()) else { throw malformed("has a number that is none") }
    return number
  }

  private mutating func line() throws(FormatError) -> String {
    var bytes: [UInt8] = []
    while true {
      let byte = try byte()
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
  }

  private func malformed(_ problem: String) -> FormatError {
    FormatError(.malformed, file: reader.file, offset: reader.offset, "\(problem), so it is no sound pickle")
  }
}

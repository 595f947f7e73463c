import CPCRE2

/// What becomes of the text a split pattern matches; the names are Hugging Face's.
package enum SplitBehavior: String, Sendable, CaseIterable {
  /// Every match is a piece of its own.
  case isolated = "Isolated"
  /// Matches are left out.
  case removed = "Removed"
  /// A match ends the piece before it.
  case mergedWithPrevious = "MergedWithPrevious"
  /// A match begins the piece after it.
  case mergedWithNext = "MergedWithNext"
  /// Neighbouring matches are one piece.
  case contiguous = "Contiguous"
}

/// A compiled regular expression that cuts text into pieces. Safe to use from many threads at once.
///
/// The one place of this module with unsafe pointers: PCRE2 is a C library.
package final class SplitPattern: @unchecked Sendable {
  // @unchecked: a compiled PCRE2 pattern is read-only after pcre2_jit_compile, and match data is made per call.
  private let code: OpaquePointer
  private let isCompiledToMachineCode: Bool
  /// The expression as it was given.
  package let expression: String

  /// Largest stack the machine code may ask for, in bytes; it starts with 32 kB and only long backtracking grows it.
  private static let largestStack = 64 << 20

  /// What is wrong with an expression.
  package struct CompileError: Error, Sendable {
    package let reason: String
  }

  /// Compiles an expression in the common subset of PCRE2, Oniguruma and Rust's regex, or a literal text.
  package init(_ expression: String, isLiteral: Bool = false) throws(CompileError) {
    self.expression = expression
    var pattern = expression
    if !isLiteral {
      guard let translated = PatternTranslation.translate(expression) else {
        throw CompileError(reason: "character classes inside character classes are not supported")
      }
      pattern = translated
    }
    let options = isLiteral ? PCRE2_UTF | PCRE2_LITERAL : PCRE2_UTF | PCRE2_UCP
    var error: Int32 = 0
    var offset = 0
    let units = Array(pattern.utf8)
    guard let code = pcre2_compile_8(units, units.count, options, &error, &offset, nil) else {
      throw CompileError(reason: "\(Self.message(error)) at byte \(offset) of \(pattern)")
    }
    self.code = code
    isCompiledToMachineCode = pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE) == 0
  }

  deinit { pcre2_code_free_8(code) }

  private static func message(_ error: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(error, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, Int(count))), as: UTF8.self)
  }

  /// Cuts each piece of `text`; a piece is matched as if nothing stood around it.
  ///
  /// - Parameters:
  ///   - text: valid UTF-8.
  ///   - pieces: ranges of `text` that begin and end at scalar boundaries, in order.
  ///   - inverted: swaps what matched and what did not.
  /// - Returns: the non-empty pieces, in order.
  package func split(
    _ text: [UInt8], _ pieces: [Range<Int>], _ behavior: SplitBehavior, inverted: Bool = false
  ) -> [Range<Int>] {
    var result: [Range<Int>] = []
    result.reserveCapacity(pieces.count)
    text.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, let matcher = Matcher(self) else {
        result = pieces
        return
      }
      defer { matcher.free() }
      for piece in pieces where piece.lowerBound >= 0 && piece.upperBound <= buffer.count {
        var assembly = PieceAssembly(behavior: behavior)
        var position = 0
        var unmatchedStart = 0
        while position < piece.count,
          let match = matcher.next(base + piece.lowerBound, count: piece.count, from: position)
        {
          guard !match.isEmpty else {
            // An empty match cuts nothing; step over one scalar.
            position = match.upperBound + 1
            while position < piece.count, buffer[piece.lowerBound + position] & 0xC0 == 0x80 { position += 1 }
            continue
          }
          if unmatchedStart < match.lowerBound {
            assembly.append(
              unmatchedStart..<match.lowerBound, isMatch: inverted, offset: piece.lowerBound, to: &result)
          }
          assembly.append(match, isMatch: !inverted, offset: piece.lowerBound, to: &result)
          unmatchedStart = match.upperBound
          position = match.upperBound
        }
        if unmatchedStart < piece.count {
          assembly.append(unmatchedStart..<piece.count, isMatch: inverted, offset: piece.lowerBound, to: &result)
        }
      }
    }
    return result
  }

  /// What one call needs besides the pattern: PCRE2's match data and limits.
  private final class Matcher {
    private let pattern: SplitPattern
    private let data: OpaquePointer
    private let context: OpaquePointer
    private var stack: OpaquePointer?

    init?(_ pattern: SplitPattern) {
      guard let data = pcre2_match_data_create_8(1, nil) else { return nil }
      guard let context = pcre2_match_context_create_8(nil) else {
        pcre2_match_data_free_8(data)
        return nil
      }
      self.pattern = pattern
      self.data = data
      self.context = context
    }

    func free() {
      pcre2_match_data_free_8(data)
      pcre2_match_context_free_8(context)
      if let stack { pcre2_jit_stack_free_8(stack) }
    }

    /// The next match at or after `start`; nil if there is none or the pattern exceeds PCRE2's limits, which leaves the
    /// rest of the piece uncut.
    func next(_ subject: UnsafePointer<UInt8>, count: Int, from start: Int) -> Range<Int>? {
      var status = pcre2_match_8(pattern.code, subject, count, start, PCRE2_NO_UTF_CHECK, data, context)
      if status == PCRE2_ERROR_JIT_STACKLIMIT, stack == nil {
        stack = pcre2_jit_stack_create_8(32 << 10, SplitPattern.largestStack, nil)
        pcre2_jit_stack_assign_8(context, nil, stack.map { UnsafeMutableRawPointer($0) })
        status = pcre2_match_8(pattern.code, subject, count, start, PCRE2_NO_UTF_CHECK, data, context)
      }
      if status == PCRE2_ERROR_JIT_STACKLIMIT || status == PCRE2_ERROR_MATCHLIMIT {
        // The interpreter keeps its backtracking points on the heap. One step per byte is what a run of spaces needs.
        pcre2_set_match_limit_8(context, UInt32(clamping: 10_000_000 + 16 * count))
        pcre2_set_heap_limit_8(context, 1 << 20)
        status = pcre2_match_8(
          pattern.code, subject, count, start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context)
      }
      guard status >= 0, let offsets = pcre2_get_ovector_pointer_8(data) else { return nil }
      // \K could move the start of a match before the point where matching began.
      let lower = max(offsets[0], start)
      guard offsets[1] >= lower, offsets[1] <= count else { return nil }
      return lower..<offsets[1]
    }
  }
}

/// Joins matches and the text between them into pieces as the behaviour says.
private struct PieceAssembly {
  let behavior: SplitBehavior
  private var previousWasMatch = false
  private var isFirst = true

  init(behavior: SplitBehavior) { self.behavior = behavior }

  mutating func append(_ range: Range<Int>, isMatch: Bool, offset: Int, to pieces: inout [Range<Int>]) {
    let piece = range.lowerBound + offset..<range.upperBound + offset
    let joins =
      switch behavior {
      case .isolated, .removed: false
      case .contiguous: !isFirst && isMatch == previousWasMatch
      case .mergedWithPrevious: !isFirst && isMatch && !previousWasMatch
      // Read from the end, a match joins what follows it unless that is a match too.
      case .mergedWithNext: !isFirst && previousWasMatch && !isMatch
      }
    if joins, let last = pieces.popLast() {
      pieces.append(last.lowerBound..<piece.upperBound)
    } else if behavior != .removed || !isMatch {
      pieces.append(piece)
    }
    previousWasMatch = isMatch
    isFirst = false
  }
}

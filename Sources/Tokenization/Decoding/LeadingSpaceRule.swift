/// Which spaces decoding takes back because encoding put them there.
package enum LeadingSpaceRule: Sendable, Hashable {
  /// None.
  case keep
  /// One at the beginning of the text.
  case dropAtStart
  /// One at the beginning of the text and one after every special token: encoding prefixes each fragment.
  case dropAfterSpecialTokens

  /// Where a decoder stands.
  package struct State: Sendable, Hashable {
    var mayDrop: Bool

    package init(isStart: Bool) { mayDrop = isStart }
  }
}

"""Which characters are Chinese characters to BERT, each a word of its own."""

# First and last code point of the blocks: CJK ideographs. Hiragana, Katakana and
# Hangul are not among them (Devlin's multilingual README, "Tokenization").
BLOCKS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))

# The same for a class of characters in a regular expression: "[%s]" % RANGES.
RANGES = "".join("%s-%s" % (chr(first), chr(last)) for first, last in BLOCKS)

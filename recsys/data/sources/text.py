"""What stands at the edges of text and is not seen: the one form of ids, without an engine.

A caller of a model gives ids in the form of the log; :func:`normal_id` makes of them what
:func:`recsys.data.prepare.ids.identifier` makes of a column.
"""

import re

# Unicode's white space and control characters, and what joins, separates or directs text without
# being seen. Not the tags that end a flag, nor the Arabic signs that are seen.
_RANGES = (
    (0x00, 0x20), (0x7F, 0xA0), (0xAD, 0xAD), (0x61C, 0x61C), (0x1680, 0x1680), (0x180E, 0x180E),
    (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
INVISIBLE = "".join(chr(code) for first, last in _RANGES for code in range(first, last + 1))
# Any number of them, as a pattern of RE2, which DuckDB, Arrow and TensorFlow use.
INVISIBLES = "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in _RANGES) + "]*"
# To be replaced by nothing.
EDGES = f"^{INVISIBLES}|{INVISIBLES}$"
# Of the invisible characters those that leave no gap within a text either.
ZERO_WIDTH = "[" + "".join(rf"\x{{{ord(c):x}}}" for c in INVISIBLE if not c.isspace()) + "]"
# A whole number that a spreadsheet or a float wrote: `17850.0` is `17850`.
WHOLE = r"^(-?[0-9]+)\.0+$"
# What separates the words of a text feature, for the log and for the served model alike: all but
# letters, digits and the marks on them. Variation selectors count as marks, but colour emoji.
NOT_A_WORD = r"(?:[^\p{L}\p{Mn}\p{Mc}\p{N}]|[\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}])+"


def normal_id(text: str) -> str:
    """An id as it stands in a dataset.

    >>> normal_id(" 17850.0"), normal_id("I 003 ")
    ('17850', 'I 003')
    """
    return re.sub(WHOLE, r"\1", text.strip(INVISIBLE))

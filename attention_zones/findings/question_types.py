"""The type of a question, from its wh-word: English, and Chinese.

Types are lexical: "In what year did it begin?" is `what`, not `when`. A question
with a Chinese character is read by the Chinese rules, any other by the English
ones; where no rule matches, as in other languages, the type is `other`.
"""

import re

# In the order of tables.
TYPES = ("how_many", "who", "what", "when", "where", "why", "which", "how", "other")

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_HAN = re.compile("[%s]" % HAN)

# Whole words. The earliest in the question wins, "how many" before "how".
_ENGLISH = re.compile(
    r"\b(?:(?P<how_many>how\s+(?:many|much))|(?P<who>who|whom|whose)|(?P<what>what)"
    r"|(?P<when>when)|(?P<where>where)|(?P<why>why)|(?P<which>which)"
    r"|(?P<how>how))\b", re.IGNORECASE)

# The first rule that matches decides, so `when` has 几时 and 几月 before `how_many`
# has 几, and `why` leaves 称为什么 ("is called what") to `what`.
_CHINESE = [(name, re.compile(pattern)) for name, pattern in (
    ("why", "(?<![称成作名分认视变改定译写])为什么|为何(?!物)|为啥|因何|何故|什么原因"
            "|原因是|缘何"),
    ("when", "什么时候|什么时间|何时|何年|何月|几时|哪一?[年天月日]"
             "|哪一?个?(世纪|年代|朝代|时期|时间)|几月|什么(年代|时期|朝代|日期)"),
    ("how_many", "多少|几|多[长大高远久重宽深快厚]"),
    ("who", "谁|何人|哪一?位|哪个人|哪些人|什么人"),
    ("where", "哪里|哪儿|何处|何地|什么(地方|地区|位置)|位于哪"
              "|哪一?个?(地方|地区|城市|国家?|省|市|县|区|州|洲|岛)"
              "|在哪(?![一个些场家届支所种类方部条座项])"),
    ("how", "怎|如何"),
    ("which", "哪"),
    ("what", "什么|何|啥"))]


def count_han(text):
  """How many Chinese characters a text has: int."""
  return len(_HAN.findall(text))


def classify(question):
  """Finds the type of a question.

  Args:
    question: str.

  Returns:
    (type, start, end): str of TYPES, and where the wh-word is in the question, two
    int, both 0 for `other`.
  """
  if count_han(question):
    for name, pattern in _CHINESE:
      match = pattern.search(question)
      if match:
        return (name,) + match.span()
  # Also where an English question names something Chinese.
  match = _ENGLISH.search(question)
  return (match.lastgroup,) + match.span() if match else ("other", 0, 0)

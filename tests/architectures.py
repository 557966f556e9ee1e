"""The three architectures, in the sizes of a test's model."""

import modeling

# What bert_config.json says beside the sizes.
ALL = {
    "bert": {},
    "electra": dict(model_type="electra", embedding_size=6),
    "albert": dict(model_type="albert", embedding_size=6),
}
NAMES = tuple(ALL)


def config_of(name, sizes):
  """A modeling.BertConfig; sizes: dict as in bert_config.json."""
  return modeling.BertConfig(**dict(sizes, **ALL[name]))

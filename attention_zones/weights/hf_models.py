"""The models of Hugging Face that are converted: one table of what differs.

All of them have BERT's layers, ELECTRA's or ALBERT's, which modeling.py has. A
model is added by a row in MODELS.
"""

import collections

Model = collections.namedtuple("Model", [
    "architecture", "stem", "model", "embeddings", "layer", "parts", "layers",
    "projection", "defaults", "entries", "constants", "rows", "has_tokenizer",
    "remarks"])
Model.__doc__ = """What Hugging Face and Google call the same model, and its sizes.

Names are pairs, Google's and Hugging Face's.

Attributes:
  architecture: str, which one of modeling.py runs it, a model_type there.
  stem: str, how the names of its classes begin.
  model: what stands before the names of all its variables.
  embeddings: tuple of parts, each (Google's name, Hugging Face's, its shape). The
    shape has a letter for each dimension, of ENTRIES. One letter: a LayerNorm; two
    that end with E: a table; other two: a dense layer. A table that Hugging Face's
    model does not have is named None, and gets zeros.
  layer: what stands before the names of a layer.
  parts: tuple of parts, what a layer has.
  layers: str, the entry that counts the layers with variables of their own.
  projection: the part that makes embeddings as wide as the layers, where they are
    not; None if they always are.
  defaults: dict, what transformers takes for what a config.json leaves out, under
    the names in bert_config.json. Numbers are sizes, which go there, too.
  entries: dict from an entry of bert_config.json to that of config.json, where
    that has another name.
  constants: dict, what bert_config.json says whatever config.json says.
  rows: dict from an entry, the length of a table, to a function of what config.json
    has there and of the id of its padding: the rows of Hugging Face's table that
    Google's has. Of other tables it has all.
  has_tokenizer: bool, whether tokenizer.json is the vocabulary, not vocab.txt.
  remarks: tuple of str, in what the model differs here.
"""

# The entry of bert_config.json for each letter of a shape. E is the width of the
# embeddings.
ENTRIES = {"V": "vocab_size", "P": "max_position_embeddings",
           "T": "type_vocab_size", "E": "embedding_size", "H": "hidden_size",
           "I": "intermediate_size"}

_EMBEDDINGS = (
    ("embeddings/word_embeddings", "embeddings.word_embeddings", "VE"),
    ("embeddings/position_embeddings", "embeddings.position_embeddings", "PE"),
    ("embeddings/token_type_embeddings", "embeddings.token_type_embeddings", "TE"),
    ("embeddings/LayerNorm", "embeddings.LayerNorm", "E"))
_LAYER = (
    ("attention/self/query", "attention.self.query", "HH"),
    ("attention/self/key", "attention.self.key", "HH"),
    ("attention/self/value", "attention.self.value", "HH"),
    ("attention/output/dense", "attention.output.dense", "HH"),
    ("attention/output/LayerNorm", "attention.output.LayerNorm", "H"),
    ("intermediate/dense", "intermediate.dense", "HI"),
    ("output/dense", "output.dense", "IH"),
    ("output/LayerNorm", "output.LayerNorm", "H"))
_ALBERT_LAYER = (
    ("attention_1/self/query", "attention.query", "HH"),
    ("attention_1/self/key", "attention.key", "HH"),
    ("attention_1/self/value", "attention.value", "HH"),
    ("attention_1/output/dense", "attention.dense", "HH"),
    ("LayerNorm", "attention.LayerNorm", "H"),
    ("ffn_1/intermediate/dense", "ffn", "HI"),
    ("ffn_1/intermediate/output/dense", "ffn_output", "IH"),
    ("LayerNorm_1", "full_layer_layer_norm", "H"))
_DISTILBERT_NAMES = (
    "attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin",
    "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm")

MODELS = {"bert": Model(
    architecture="bert", stem="Bert", model=("bert/", "bert."),
    embeddings=_EMBEDDINGS, layer=("encoder/layer_%d/", "encoder.layer.%d."),
    parts=_LAYER, layers="num_hidden_layers", projection=None, defaults={
        "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072,
        "max_position_embeddings": 512, "type_vocab_size": 2,
        "hidden_act": "gelu"}, entries={}, constants={}, rows={},
    has_tokenizer=False, remarks=())}
_BERT = MODELS["bert"]
MODELS["electra"] = _BERT._replace(
    architecture="electra", stem="Electra", model=("electra/", "electra."),
    projection=("embeddings_project", "embeddings_project", "EH"), defaults=dict(
        _BERT.defaults, embedding_size=128, hidden_size=256, num_attention_heads=4,
        intermediate_size=1024))
MODELS["albert"] = _BERT._replace(
    architecture="albert", stem="Albert", model=("bert/", "albert."),
    layer=("encoder/transformer/group_%d/inner_group_0/",
           "encoder.albert_layer_groups.%d.albert_layers.0."),
    parts=_ALBERT_LAYER, layers="num_hidden_groups",
    projection=("encoder/embedding_hidden_mapping_in",
                "encoder.embedding_hidden_mapping_in", "EH"), defaults=dict(
        _BERT.defaults, vocab_size=30000, embedding_size=128, hidden_size=4096,
        num_hidden_groups=1, num_attention_heads=64, intermediate_size=16384,
        hidden_act="gelu_new"))
# Without segments.
MODELS["distilbert"] = _BERT._replace(
    stem="DistilBert", model=("bert/", "distilbert."),
    embeddings=tuple((google, None if shape == "TE" else hf, shape)
                     for google, hf, shape in _EMBEDDINGS),
    layer=("encoder/layer_%d/", "transformer.layer.%d."),
    parts=tuple((google, hf, shape) for (google, _, shape), hf in zip(
        _LAYER, _DISTILBERT_NAMES)),
    defaults={**{name: value for name, value in _BERT.defaults.items()
                 if name != "type_vocab_size"}, "num_hidden_layers": 6},
    entries={"hidden_size": "dim", "num_hidden_layers": "n_layers",
             "num_attention_heads": "n_heads", "intermediate_size": "hidden_dim",
             "hidden_act": "activation", "hidden_dropout_prob": "dropout",
             "attention_probs_dropout_prob": "attention_dropout"},
    constants={"type_vocab_size": 2})
# One segment; and a text's positions begin after that of the padding.
MODELS["roberta"] = _BERT._replace(
    stem="Roberta", model=("bert/", "roberta."), defaults=dict(
        _BERT.defaults, vocab_size=50265), rows={
            "max_position_embeddings": lambda held, pad_id: range(pad_id + 1, held),
            "type_vocab_size": lambda held, pad_id: (0, 0)},
    has_tokenizer=True, remarks=(
        "padding has the positions after the text here, in transformers one of its "
        "own; this matters to the zone all, which attends to padding",))
MODELS["xlm-roberta"] = MODELS["roberta"]._replace(
    stem="XLMRoberta", defaults=_BERT.defaults)
MODELS["camembert"] = MODELS["xlm-roberta"]._replace(stem="Camembert")

# Why others are refused.
_NORM_FIRST = "its LayerNorms stand before attention and dense layers, not after"
_RELATIVE = "its attention depends on the distance between tokens"
_ROTARY = "its positions are rotations of queries and keys, not embeddings"
_WINDOW = "its tokens attend to a window around them, not to all tokens"
_DECODER = "it has a decoder, whose tokens attend to those before them"
REFUSED = {
    "bart": _DECODER, "mbart": _DECODER, "t5": _DECODER, "mt5": _DECODER,
    "gpt2": _DECODER, "llama": _DECODER, "mistral": _DECODER, "qwen2": _DECODER,
    "deberta": _RELATIVE, "deberta-v2": _RELATIVE, "mpnet": _RELATIVE,
    "nezha": _RELATIVE, "xlnet": _RELATIVE,
    "roformer": _ROTARY, "eurobert": _ROTARY, "nomic_bert": _ROTARY,
    "modernbert": _ROTARY + "; and most layers see a window only",
    "longformer": _WINDOW, "big_bird": _WINDOW,
    "luke": "it has queries of their own between words and entities",
    "mluke": "it has queries of their own between words and entities",
    "megatron-bert": _NORM_FIRST, "roberta-prelayernorm": _NORM_FIRST,
    "xlm-roberta-xl": _NORM_FIRST,
    "xmod": "its layers have an adapter for each language",
    "convbert": "half of its heads are convolutions",
    "squeezebert": "its dense layers are convolutions in groups",
    "mobilebert": "its layers have bottlenecks", "funnel": "its layers pool tokens",
}

"""Code written for Google's BERT runs on the modules of the same names."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import modeling
import optimization
import tokenization
import tolerances

CONFIG = dict(
    vocab_size=20, hidden_size=16, num_hidden_layers=3, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=16, type_vocab_size=2)


def build(**options):
  """A BertModel of 2 sequences of 5 tokens, in the default graph."""
  ids = tf.constant(np.arange(10).reshape(2, 5), tf.int32)
  return modeling.BertModel(
      modeling.BertConfig(**CONFIG), options.pop("is_training", False), ids,
      **options)


def ancestors(tensors):
  """All operations that tensors or operations follow from."""
  found, waiting = set(), [getattr(t, "op", t) for t in tensors]
  while waiting:
    operation = waiting.pop()
    if operation not in found:
      found.add(operation)
      waiting.extend(t.op for t in operation.inputs)
      waiting.extend(operation.control_inputs)
  return found


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("with_mask", [False, True])
def test_outputs(is_training, with_mask):
  with tf.Graph().as_default() as graph, tf.Session() as session:
    given = tf.constant([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    model = build(is_training=is_training,
                  input_mask=given if with_mask else None,
                  token_type_ids=1 - given if with_mask else None)
    outputs = [model.get_embedding_output(), model.get_sequence_output(),
               model.get_pooled_output()] + model.get_all_encoder_layers()
    initialize = tf.global_variables_initializer()
    session.run(initialize)
    embedded, sequence, pooled, *layers = session.run(outputs)
    assert embedded.shape == sequence.shape == (2, 5, 16)
    assert pooled.shape == (2, 16) and len(layers) == 3
    assert (layers[-1] == sequence).all()
    # Nothing is in the graph that no output needs.
    needed = ancestors(outputs + [initialize] + [
        variable.initializer for variable in tf.global_variables()])
    assert [op.name for op in graph.get_operations()
            if op not in needed and op.inputs] == []


def test_attention_maps():
  """The first layer's by hand, in float64; the second sequence has two tokens."""
  random = np.random.RandomState(0)
  with tf.Graph().as_default(), tf.Session() as session:
    model = build(input_mask=tf.constant([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]))
    # Far from flat.
    weights = {v.op.name: 0.4 * random.randn(*v.shape.as_list())
               for v in tf.trainable_variables()}
    for variable in tf.trainable_variables():
      variable.load(weights[variable.op.name], session)
    maps, embedded = session.run([
        model.get_all_attention_maps(), model.get_embedding_output()])
  assert [one.shape for one in maps] == [(2, 2, 5, 5)] * 3
  for one in maps:
    # Of a softmax: exp, a sum of 5, a quotient; and the sum of 5 of them.
    np.testing.assert_allclose(
        one.sum(-1), 1, atol=tolerances.float32_tolerance(1, 12))
    assert (one[1, :, :, 2:] == 0).all()

  def heads(name, of=lambda x: x):
    scope = "bert/encoder/layer_0/attention/self/" + name
    rows = of(np.float64(embedded)) @ of(weights[scope + "/kernel"])
    return (rows + of(weights[scope + "/bias"])).reshape(2, 5, 2, 8)
  logits = np.einsum("bfnd,btnd->bnft", heads("query"), heads("key")) / np.sqrt(8)
  logits[1, :, :, 2:] = -np.inf
  expected = np.exp(logits - logits.max(-1, keepdims=True))
  expected /= expected.sum(-1, keepdims=True)
  # Sums of 16 and a bias, twice; of 8; a factor, a mask: each rounds its terms,
  # whose magnitudes add up to `size`. Softmax doubles what its logits are off by.
  size = np.einsum("bfnd,btnd->bnft", heads("query", np.abs), heads("key", np.abs))
  off = tolerances.float32_tolerance(size.max() / np.sqrt(8), 17 + 17 + 8 + 2)
  tolerance = 2 * off + tolerances.float32_tolerance(1, 7)
  np.testing.assert_allclose(maps[0], expected, rtol=0, atol=tolerance)
  # Heads, and layers, differ by more than that.
  assert np.abs(maps[0][:, 0] - maps[0][:, 1]).max() > 100 * tolerance
  assert np.abs(maps[0] - maps[1]).max() > 100 * tolerance


def test_padding_is_not_attended_to():
  """What stands at [PAD] does not matter to the tokens."""
  with tf.Graph().as_default(), tf.Session() as session:
    ids = tf.placeholder(tf.int32, [1, 5])
    model = modeling.BertModel(
        modeling.BertConfig(**CONFIG), False, ids,
        input_mask=tf.constant([[1, 1, 1, 0, 0]]))
    session.run(tf.global_variables_initializer())
    first, second = [session.run(model.get_sequence_output(), {ids: [value]})
                     for value in ([4, 5, 6, 7, 8], [4, 5, 6, 9, 3])]
  assert (first[0, :3] == second[0, :3]).all()
  assert (first[0, 3:] != second[0, 3:]).any()


def test_scope_pooler_and_table():
  with tf.Graph().as_default():
    model = build(scope="reader")
    names = {v.op.name for v in tf.trainable_variables()}
    assert model.get_embedding_table().op.name == (
        "reader/embeddings/word_embeddings")
    assert {name.split("/")[0] for name in names} == {"reader"}
    assert not [name for name in names if "pooler" in name]
    pooled = model.get_pooled_output()
    assert model.get_pooled_output() is pooled
    assert {v.op.name for v in tf.trainable_variables()} - names == {
        "reader/pooler/dense/kernel", "reader/pooler/dense/bias"}


def test_two_models_without_a_scope_are_two_models():
  with tf.Graph().as_default():
    build(), build()
    assert {v.op.name.split("/")[0] for v in tf.trainable_variables()} == {
        "bert", "bert_1"}


def test_dropout_draws_anew_at_each_step():
  with tf.Graph().as_default(), tf.Session() as session:
    output = build(is_training=True).get_sequence_output()
    session.run(tf.global_variables_initializer())
    assert (session.run(output) != session.run(output)).any()


@pytest.mark.parametrize("ids, words", [
    (np.zeros([5], np.int32), ["ids has rank 1", "should have rank 2"]),
    (np.zeros([1, 17], np.int32), ["17 tokens", "max_position_embeddings, 16"]),
])
def test_ranks_and_lengths(ids, words):
  with tf.Graph().as_default(), pytest.raises(ValueError) as refusal:
    modeling.BertModel(modeling.BertConfig(**CONFIG), False, tf.constant(ids))
  assert [word for word in words if word not in str(refusal.value)] == []


def test_config():
  config = modeling.BertConfig.from_dict(dict(CONFIG, pooler_fc_size=768))
  assert config.pooler_fc_size == 768 and config.hidden_act == "gelu"
  assert json.loads(config.to_json_string()) == config.to_dict()
  assert config.to_dict()["vocab_size"] == 20
  # Whether the heads divide the width is asked when a model is built.
  odd = modeling.BertConfig(vocab_size=99, hidden_size=37)
  assert json.loads(odd.to_json_string())["hidden_size"] == 37
  with pytest.raises(ValueError, match="37 is not a multiple of .* 12"):
    modeling.Encoder(odd)


def test_assignment_map(tmp_path):
  with tf.Graph().as_default(), tf.Session() as session:
    tf.get_variable("bert/a", initializer=1.0)
    tf.get_variable("bert/b", initializer=2.0)
    session.run(tf.global_variables_initializer())
    path = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"))
  with tf.Graph().as_default():
    variables = [tf.get_variable(name, initializer=0.0)
                 for name in ("bert/b", "cls/c")]
    assert modeling.get_assignment_map_from_checkpoint(variables, path) == (
        {"bert/b": "bert/b"}, {"bert/b": 1, "bert/b:0": 1})


def test_optimizer_leaves_global_step_alone():
  with tf.Graph().as_default(), tf.Session() as session:
    w = tf.get_variable("w", initializer=[0.1, -0.2, -0.1])
    loss = tf.reduce_mean(tf.square(w - [0.4, 0.2, -0.5]))
    step = tf.train.get_or_create_global_step()
    optimizer = optimization.AdamWeightDecayOptimizer(learning_rate=0.2)
    train_op = optimizer.apply_gradients(
        zip(tf.gradients(loss, [w]), [w]), step)
    session.run(tf.global_variables_initializer())
    for _ in range(100):
      session.run(train_op)
    # It swings about the minimum by less than a step of the late ones.
    np.testing.assert_allclose(session.run(w), [0.4, 0.2, -0.5], atol=1e-2)
    assert session.run(step) == 0


def test_create_optimizer_counts_global_step():
  with tf.Graph().as_default(), tf.Session() as session:
    w = tf.get_variable("w", initializer=2.0)
    train_op = optimization.create_optimizer(
        w, init_lr=0.1, num_train_steps=10, num_warmup_steps=0, use_tpu=False)
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    assert session.run(tf.train.get_global_step()) == 1


VOCAB = ["[UNK]", "[CLS]", "[SEP]", "want", "##want", "##ed", "wa", "un", "runn",
         "##ing", ","]


def test_full_tokenizer_of_a_file(tmp_path):
  """Google's example; its vocabulary has no [PAD]."""
  path = tmp_path / "vocab.txt"
  path.write_text("".join(token + "\n" for token in VOCAB))
  tokenizer = tokenization.FullTokenizer(str(path))
  tokens = tokenizer.tokenize("UNwant\u00e9d,running")
  assert tokens == ["un", "##want", "##ed", ",", "runn", "##ing"]
  ids = tokenizer.convert_tokens_to_ids(tokens)
  assert ids == [7, 4, 5, 10, 8, 9]
  assert tokenizer.convert_ids_to_tokens(ids) == tokens
  assert tokenizer.vocab["wa"] == 6 and tokenizer.inv_vocab[6] == "wa"
  assert tokenization.convert_tokens_to_ids(tokenizer.vocab, tokens) == ids


@pytest.mark.parametrize("text, pieces", [
    ("", []), ("unwanted running", ["un", "##want", "##ed", "runn", "##ing"]),
    ("unwantedX running", ["[UNK]", "runn", "##ing"])])
def test_wordpiece_tokenizer(text, pieces):
  vocab = {token: index for index, token in enumerate(VOCAB)}
  assert tokenization.WordpieceTokenizer(vocab).tokenize(text) == pieces
  shorter = tokenization.WordpieceTokenizer(
      vocab, unk_token="?", max_input_chars_per_word=7)
  assert shorter.tokenize("unwanted runn") == ["?", "runn"]


def test_basic_tokenizer():
  cased = tokenization.BasicTokenizer(do_lower_case=False)
  assert cased.tokenize(" \tHeLLo!how  \n Are yoU?  ") == [
      "HeLLo", "!", "how", "Are", "yoU", "?"]
  assert tokenization.BasicTokenizer().tokenize("ah\u535a\u63a8zz") == [
      "ah", "\u535a", "\u63a8", "zz"]


@pytest.mark.parametrize("kind, members, others", [
    (tokenization._is_whitespace, " \t\r\n\u00a0", "A-"),
    (tokenization._is_control, "\x05\u200b", "A \t\r"),
    (tokenization._is_punctuation, "-$`.", "A ")])
def test_kinds_of_characters(kind, members, others):
  assert all(map(kind, members)) and not any(map(kind, others))


def test_unicode():
  assert tokenization.convert_to_unicode("caf\u00e9".encode("utf-8")) == "caf\u00e9"
  assert tokenization.printable_text("caf\u00e9") == "caf\u00e9"
  with pytest.raises(ValueError, match="3 is of type int"):
    tokenization.convert_to_unicode(3)

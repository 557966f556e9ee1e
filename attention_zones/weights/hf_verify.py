"""convert_hf --verify: does a converted model compute what transformers computes?

Both run on the same windows, in float32: the baseline, and each zone of each layer.
Each layer of both adds the same mask to its attention logits. `all` is a mask of 0
here, padding included: -10000 everywhere is a constant, which the softmax ignores,
but float32 rounds. Padding has the positions that follow the text; the kind of
RoBERTa, which has one position for all of it, is told these.

transformers and torch are imported when they are needed.

Dimensions: B = batch, S = sequence length, L = layers.
"""

import os

import numpy as np
import tensorflow.compat.v1 as tf

from attention_zones.base import files
from attention_zones.base import json_files
from attention_zones.base.progress import Progress
from attention_zones.weights import checkpoints
from attention_zones.weights import hf_models
from attention_zones.zones import grammar
from attention_zones.zones import masking
from attention_zones.zones import zones

# How far logits may be apart, relative to the largest of them: float32 has 6e-8,
# and each of some hundred sums of a deep model adds to it.
LIMIT = 1e-4
# Tokens in a window.
LENGTH = 64

# Question and passage. The second takes several windows.
PAIRS = (
    ("Who lives in Oslo?", "Anna lives in Oslo. Omar lived in Lima until 1895."),
    ("When did the ship leave the harbour?",
     "The ship was built in Bergen for the herring trade. On 3 May 1902 she left "
     "the harbour with a crew of eleven, among them the cook's two sons, and "
     "reached Hull after four days of fog. There the owners sold her; a year later "
     "she was a floating hotel, and her bell hung in a school."),
    ("O\u00f9 habite Ana\u00efs ?",
     "Ana\u00efs habite \u00e0 \u0141\u00f3d\u017a. "
     "\u5b89\u5a1c\u4f4f\u5728\u5965\u65af\u9646\u3002"))


def packages():
  """Imports what is compared with: (torch, transformers).

  Raises:
    ValueError: one of them is missing, or cannot be imported.
  """
  try:
    import torch
    import transformers
  except Exception as error:  # A torch without its libraries raises others, too.
    raise ValueError(
        "--verify needs the packages torch and transformers, which the conversion "
        "does not (%s); to add them: pip install torch transformers" % _first_line(
            error)) from error
  transformers.logging.set_verbosity_error()
  transformers.utils.logging.disable_progress_bar()
  return torch, transformers


def _first_line(error):
  return (str(error).strip() or type(error).__name__).splitlines()[0]


def check_files(source, out, config, vocabulary, values):
  """Refuses a folder that is not what convert_hf makes of another.

  Args:
    source, out: str, the folder of Hugging Face, and the other.
    config: dict, what convert_hf makes of its config.json.
    vocabulary: hf_vocab.Vocabulary, likewise.
    values: iterable of (name, array), the variables, likewise.

  Raises:
    OSError: a file cannot be read.
    ValueError: something differs, or is not there.
  """
  where = "%s is not what convert_hf makes of %s: " % (out, source)
  for name, right in (
      ("bert_config.json", lambda path: json_files.load(path) == config),
      (vocabulary.name,
       lambda path: files.read_bytes(path) == vocabulary.content)):
    path = os.path.join(out, name)
    problem = ("it has no %s" if not files.exists(path) else
               None if right(path) else "its %s is another")
    if problem:
      raise ValueError(where + problem % name)
  path, _ = checkpoints.newest_whole(out)
  reader = path and tf.train.load_checkpoint(path)
  held = set(reader.get_variable_to_shape_map()) if path else set()
  for name, array in values:
    if name not in held:
      raise ValueError("%sit has no variable %s" % (where, name))
    if not np.array_equal(reader.get_tensor(name), array):
      raise ValueError("%s%s has another %s" % (where, path, name))


def load(folder, model_type):
  """Loads a model into transformers, in float32.

  Args:
    folder: str.
    model_type: str, a key of hf_models.MODELS.

  Returns:
    transformers' model.

  Raises:
    ValueError: transformers cannot load it.
  """
  _, transformers = packages()
  model_class = getattr(
      transformers, hf_models.MODELS[model_type].stem + "ForQuestionAnswering")
  try:
    config = model_class.config_class.from_pretrained(folder)
    # Its other ways to compute attention never have the logits in one place.
    config._attn_implementation = "eager"
    model = model_class.from_pretrained(folder, config=config)
  except Exception as error:  # Of what kind depends on the version.
    raise ValueError("%s cannot be loaded by transformers %s (%s)" % (
        folder, transformers.__version__, _first_line(error))) from error
  return model.float().eval()


def logits(model, model_type, ids, segments, masks):
  """What transformers' own model computes, with a mask for each layer.

  Args:
    model: transformers' model, which computes attention in the way "eager".
    model_type: str, a key of hf_models.MODELS.
    ids, segments: int [B, S].
    masks: L arrays of float32 [B, 1, S, S], added to the attention logits.

  Returns:
    float32 [B, 2, S], start logits, then end logits.

  Raises:
    ValueError: attention is computed otherwise than this knows.
  """
  torch, transformers = packages()
  softmax = torch.nn.functional.softmax
  left = [torch.tensor(mask) for mask in masks]

  class Masked(torch.overrides.TorchFunctionMode):
    """Adds the next mask to what a softmax is taken of, which no other part of
    these models does than attention."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
      del types
      if function is softmax and left:
        args = (args[0] + left.pop(0),) + tuple(args[1:])
      return function(*args, **(kwargs or {}))

  kind, tensor = hf_models.MODELS[model_type], lambda x: torch.tensor(x).long()
  given = {"input_ids": tensor(ids)}
  if "type_vocab_size" not in dict(kind.rows, **kind.constants):
    given["token_type_ids"] = tensor(segments)
  rows_of = kind.rows.get("max_position_embeddings")
  if rows_of:
    config = model.config
    positions = rows_of(config.max_position_embeddings, config.pad_token_id)
    given["position_ids"] = tensor([list(positions)[:len(row)] for row in ids])
  with torch.no_grad(), Masked():
    output = model(**given)
  if left:
    raise ValueError(
        "transformers %s computes the attention of %s without torch's softmax, so "
        "that --verify cannot mask it; versions 4.30.2 and 5.24.0 use it" % (
            transformers.__version__, type(model).__name__))
  return np.stack([output.start_logits.numpy(), output.end_logits.numpy()], 1)


def masks_of(decode, window, layout, num_layers, length):
  """The masks of a decode in numpy: float32 [L, 1, S, S].

  Args:
    decode: decodes.Decode.
    window: windows.Window.
    layout: layouts.Layout.
    num_layers: int, L.
    length: int, S; what the window does not fill is padding.
  """
  masks = np.zeros([num_layers, 1, length, length], np.float32)
  end = len(window.input_ids)
  for layer, additive in enumerate(masks[:, 0]):
    mask = decode.mask_at(layer)
    if mask.reaches_padding:
      continue
    additive[:, end:] = masking.MASKED_LOGIT
    for cells in mask.cells_of_window(
        window.question_length, window.passage_length, layout):
      additive[:end, :end][cells > 0] = masking.MASKED_LOGIT
  return masks


def compare(model, model_type, converted, length):
  """Compares all logits of the built-in questions.

  Args:
    model, model_type: as for `logits`.
    converted: loaded.LoadedModel, the model here.
    length: int, its max_seq_length.

  Returns:
    list of str, lines that say what was compared, and how far it is apart.

  Raises:
    ValueError: logits are further apart than LIMIT.
  """
  _, transformers = packages()
  windows, num_layers = converted.windows(PAIRS), converted.num_layers
  swept = grammar.parse_decodes(
      "0-%d" % (num_layers - 1), ",".join(zones.ZONES), num_layers)
  progress = Progress("comparing", len(windows) * len(swept), "steps")
  compared = []
  for window in windows:
    ids, segments = converted.padded(window, length)
    masks = [masks_of(decode, window, converted.layout, num_layers, length)
             for decode in swept]
    for mask, ours in zip(masks, converted.logits(window, masks)):
      theirs, = logits(model, model_type, [ids], [segments], mask[:, None])
      end = len(window.input_ids)
      compared.append((ours[:, :end], theirs[:, :end]))
      progress.update(len(compared))
  return [
      "%d windows of up to %d tokens, %d decodes, transformers %s" % (
          len(windows), length, len(swept), transformers.__version__),
      furthest(compared, ["%s, window %d" % (decode.name, number)
                          for number in range(1, len(windows) + 1)
                          for decode in swept])]


def furthest(compared, names):
  """Where two models differ most: str, a line.

  Args:
    compared: list of (ours, theirs), float32 [2, S] each, start and end logits.
    names: list of str, what each of these is.

  Raises:
    ValueError: they differ there by more than LIMIT of the largest logit, or are
      not finite; the line is in the message.
  """
  largest = max(float(np.abs(theirs).max()) for _, theirs in compared)
  # What is not finite is furthest.
  apart = [np.where(np.isfinite(ours - theirs), np.abs(ours - theirs), np.inf)
           for ours, theirs in compared]
  worst = int(np.argmax([each.max() for each in apart]))
  side, token = np.unravel_index(apart[worst].argmax(), apart[worst].shape)
  line = ("largest difference: %.1e, %.1e of the largest logit, %.2f (%s, %s logit "
          "of token %d)" % (
              apart[worst].max(), apart[worst].max() / largest, largest,
              names[worst], ("start", "end")[side], token))
  if not apart[worst].max() <= LIMIT * largest:
    raise ValueError("the converted model computes something else than "
                     "transformers: %s; at most %.0e of it is rounding" % (
                         line, LIMIT))
  return line

"""Makes hf/*.npz: small random models of Hugging Face, and logits of theirs; and
hf/views.bin, tensors of many kinds as torch saves them.

    python tests/golden/make_hf.py

It needs transformers and torch beside TensorFlow; 5.24.0 and 2.13.0 made the files.
Each has `config`, a config.json; `tensor.NAME`, the tensors as transformers names
them;
`input_ids`, `input_mask` and `segment_ids`, int32 [B, S]; `baseline` and
`layer{L}_{zone}`, start and end logits, float32 [B, 2, S], of transformers' own
layers, where one layer's mask is changed.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

import numpy as np
import torch
import transformers

from attention_zones.weights import hf_verify

SIZES = dict(vocab_size=30)
MODELS = {
    "distilbert": lambda: transformers.DistilBertForQuestionAnswering(
        transformers.DistilBertConfig(
            dim=16, n_layers=2, n_heads=2, hidden_dim=24,
            max_position_embeddings=16, **SIZES)),
    "roberta": lambda: transformers.RobertaForQuestionAnswering(
        transformers.RobertaConfig(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=24, max_position_embeddings=18, type_vocab_size=1,
            layer_norm_eps=1e-5, **SIZES)),
}
LENGTH = 16
# The lengths of questions and passages; [PAD] fills the rest.
WINDOWS = ((2, 5), (3, 10))
# For each zone the kinds of its rows and of its columns: [CLS], Q, [SEP], P.
ZONES = {"q2": ("Q", "Q"), "q2p": ("CQS_", "P"), "p2q": ("CPS_", "Q"),
         "p2": ("P", "P"), "all": ("CQSP_", "CQSP_")}


def features():
  """The windows, of ids from 5: input_ids, input_mask, segment_ids, [3, B, S].

  Padding has id 0 in each: no other token sees it but in the zone all.
  """
  random = np.random.RandomState(1)
  found = np.zeros([3, len(WINDOWS), LENGTH], np.int32)
  for row, (question, passage) in enumerate(WINDOWS):
    real = question + passage + 3
    found[0, row, :real] = random.randint(5, SIZES["vocab_size"], real)
    found[1, row, :real] = 1
    found[2, row, question + 2:real] = 1
  return found


def additive(zone):
  """What is added to attention logits: float32 [B, 1, S, S]; zone may be None."""
  masks = np.zeros([len(WINDOWS), 1, LENGTH, LENGTH], np.float32)
  for mask, (question, passage) in zip(masks, WINDOWS):
    kinds = np.array(list(("C" + "Q" * question + "S" + "P" * passage + "S").ljust(
        LENGTH, "_")))
    if zone:
      rows, columns = (np.isin(kinds, list(side)) for side in ZONES[zone])
      mask[0][np.ix_(rows, columns)] = -10000
    if zone != "all":
      mask[0][:, kinds == "_"] = -10000
  return masks


def make(name):
  """A model, and all that its file has: (model, dict of arrays)."""
  torch.manual_seed(0)
  model = MODELS[name]().eval()
  model.config._attn_implementation = "eager"
  content = dict(zip(("input_ids", "input_mask", "segment_ids"), features()))
  logits_of = lambda masks: hf_verify.logits(
      model, name, content["input_ids"], content["segment_ids"], masks)
  with torch.no_grad():
    for key, values in sorted(model.named_parameters()):
      # So large that attention is far from flat.
      values.copy_(0.4 * torch.randn(values.shape) + (
          1.0 if "norm" in key.lower() and key.endswith("weight") else 0.0))
  plain = additive(None)
  content["baseline"] = logits_of([plain] * 2)
  for layer in range(2):
    for zone in ZONES:
      masks = [plain] * 2
      masks[layer] = additive(zone)
      content["layer%d_%s" % (layer, zone)] = logits_of(masks)
  content["config"] = json.dumps(dict(model.config.to_diff_dict(), architectures=[
      type(model).__name__]), sort_keys=True)
  for key, values in model.state_dict().items():
    content["tensor." + key] = values.numpy()
  return model, content


def state_dict():
  """Tensors of which test_torch_file.py knows the numbers."""
  base = torch.arange(48.0).reshape(6, 8)
  return {
      "base": base, "transposed": base.t(), "view": base[1:4, 2::3],
      "half": base.half(), "bfloat16": base.bfloat16(), "double": base.double(),
      "parameter": torch.nn.Parameter(base[:2].clone()), "scalar": base[0, 3],
      "empty": torch.zeros(0, 3), "position_ids": torch.arange(4)[None],
      "mask": torch.tensor([True])}


def main():
  folder = HERE / "hf"
  folder.mkdir(exist_ok=True)
  for name in MODELS:
    np.savez_compressed(str(folder / ("%s.npz" % name)), **make(name)[1])
  torch.save(state_dict(), str(folder / "views.bin"))


if __name__ == "__main__":
  main()
